"""The flows of the sample application: an assistant that answers customers' questions.

Requests come in; answers would come out, if the models were real. This is what code measured with flowemf looks like:
flows as decorators, blocks, coroutines and generators, flows within flows, generations with their usage.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from itertools import cycle

import flowemf
from flowemf.demo.world import Answer, ClientError, Model, World

CHAT = Model("claude-haiku-4-5", typical_ms=900, input_tokens=1400, output_tokens=220, caches=True)
AGENT = Model("claude-sonnet-4-5", typical_ms=3200, input_tokens=3800, output_tokens=600, reasons=True)
SUMMARY = Model("nova-lite", typical_ms=650, input_tokens=2600, output_tokens=140)
EMBEDDING = Model("titan-embed-v2", typical_ms=80, input_tokens=60, output_tokens=0)
# Dollars per million tokens; examples, not anybody's price list.
PRICES = {
    "claude-haiku-*": {"input": "1", "output": "5", "cache_read": "0.1", "cache_write": "1.25"},
    "claude-sonnet-*": {"input": "3", "output": "15"},
    "nova-lite": {"input": "0.06", "output": "0.24"},
    "titan-embed-*": {"input": "0.02"},
}

_MOST_TOOL_CALLS = 2
_log = logging.getLogger("assistant")


def _record(generation: flowemf.Generation, answer: Answer) -> None:
    generation.record_usage(
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        cache_read_tokens=answer.cache_read_tokens,
        cache_write_tokens=answer.cache_write_tokens,
        reasoning_tokens=answer.reasoning_tokens,
    )


class Assistant:
    """The application.

    Args:
        world: models, tools and time.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._job_fails = cycle((True, False, False))

    @flowemf.flow("chat")
    async def chat(self) -> None:
        """Answer a question: find what is known about it, then stream the answer."""
        self.retrieve()
        chunks = 0
        with flowemf.generation(CHAT.model_id) as generation:
            for answer in self._world.stream(CHAT):
                generation.first_token()
                _record(generation, answer)
                chunks += 1
        _write_json("answered", chunks=chunks)

    @flowemf.flow("retrieve")
    def retrieve(self) -> None:
        """Find passages for a question: a flow of its own, whoever calls it."""
        with flowemf.generation(EMBEDDING.model_id) as generation:
            _record(generation, self._world.call(EMBEDDING))
        self._world.wait(35)

    @flowemf.flow("research")
    async def research(self) -> None:
        """Let a model think and use tools until it has an answer."""
        for _ in range(_MOST_TOOL_CALLS):
            await self._think()
            if self._world.random.random() < 0.4:
                return
            self._search_web()
        await self._think()

    @flowemf.flow("summarize")
    def summarize(self) -> Iterator[str]:
        """Summarize a document piece by piece: the flow lasts until the last piece has been taken."""
        for part in ("beginning", "end"):
            with flowemf.generation(SUMMARY.model_id) as generation:
                _record(generation, self._world.call(SUMMARY))
            yield part

    def classify(self) -> None:
        """Sort a message, with a second try where the model is throttled: the flow succeeds, its first try does not."""
        with flowemf.flow("classify"):
            try:
                self._sort_message()
            except ClientError as error:
                if not error.is_throttling:
                    raise
                _log.warning("the model is throttled, trying again: %s", error)
                self._world.wait(400)
                self._sort_message()

    def check_health(self) -> None:
        """Look whether everything is there: a flow without a model."""
        with flowemf.flow("health"):
            self._world.wait(3)

    def embed(self) -> None:
        """Embed one document: a generation without a flow."""
        with flowemf.generation(EMBEDDING.model_id) as generation:
            _record(generation, self._world.call(EMBEDDING))

    def report_nightly_job(self) -> None:
        """Report a job that ran elsewhere and left no more than a number behind: the hooks for such cases."""
        duration_ms = round(self._world.random.uniform(20_000, 60_000), 3)
        flowemf.on_flow_start("nightlyJob")
        if next(self._job_fails):
            flowemf.on_flow_error("nightlyJob", duration_ms)
        else:
            flowemf.on_flow_end("nightlyJob", duration_ms)

    async def _think(self) -> None:
        async with flowemf.generation(AGENT.model_id) as generation:
            _record(generation, await self._world.call_async(AGENT))

    def _sort_message(self) -> None:
        with flowemf.generation(SUMMARY.model_id) as generation:
            _record(generation, self._world.call(SUMMARY))

    def _search_web(self) -> None:
        with flowemf.flow("searchWeb"):
            self._world.wait(420)
            _log.info("tool searchWeb gave 5 results")
            flowemf.metric("SearchResults", 5, unit="Count", dimensions={"Tool": "searchWeb"})


def _write_json(message: str, **fields: object) -> None:
    print(json.dumps({"level": "INFO", "logger": "assistant", "message": message, **fields}))  # noqa: T201 - its log
