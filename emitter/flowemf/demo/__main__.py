"""Runs the sample application: `python -m flowemf.demo --events 2000 --seed 1 > app.log`.

A number of events and a seed go in; the application's log comes out, with exactly so many metric lines in it. Every
duration and count depends on the seed alone; the timestamps cover the hour before now.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import chain
from typing import NamedTuple

import flowemf
from flowemf.demo.flows import PRICES, Assistant
from flowemf.demo.world import KINDS, SimulatedClock, World

_SPAN_MS = 3600 * 1000
_INTERRUPTED = 130


class _Request(NamedTuple):
    """A kind of request: how it is served, how many metric lines that may write, how often it comes."""

    serve: Callable[[Assistant], Awaitable[None]]
    most_lines: int
    share: int


async def _chat(assistant: Assistant) -> None:
    await assistant.chat()


async def _research(assistant: Assistant) -> None:
    await assistant.research()


async def _cancelled_research(assistant: Assistant) -> None:
    """Start a research, and cancel it while the model thinks: the customer has gone."""
    task = asyncio.create_task(assistant.research())
    await asyncio.sleep(0)
    task.cancel()
    await task


async def _summarize(assistant: Assistant) -> None:
    for _ in assistant.summarize():
        pass


async def _classify(assistant: Assistant) -> None:
    assistant.classify()


async def _check_health(assistant: Assistant) -> None:
    assistant.check_health()


async def _embed(assistant: Assistant) -> None:
    assistant.embed()


async def _report_nightly_job(assistant: Assistant) -> None:
    assistant.report_nightly_job()


_REQUESTS = (
    _Request(_chat, 6, 40),
    _Request(_research, 11, 14),
    _Request(_summarize, 4, 16),
    _Request(_classify, 4, 14),
    _Request(_check_health, 2, 8),
    _Request(_embed, 1, 4),
    _Request(_report_nightly_job, 2, 2),
    _Request(_cancelled_research, 3, 2),
)


def _tour() -> Iterator[tuple[_Request, bool]]:
    """Give one request of each kind, then one failing for each kind of failure, so that a short run shows them all."""
    yield from ((request, False) for request in _REQUESTS)
    yield from ((_REQUESTS[index % 3], True) for index in range(len(KINDS)))


def _everyday(chance: random.Random) -> Iterator[tuple[_Request, bool]]:
    shares = [request.share for request in _REQUESTS]
    while True:
        yield chance.choices(_REQUESTS, shares)[0], False


async def _serve(events: int, world: World) -> None:
    """Serve requests until exactly `events` metric lines are written, or until nobody takes them any more."""
    assistant = Assistant(world)
    end_ms = time.time() * 1000
    smallest = min(_REQUESTS, key=lambda request: request.most_lines)
    requests = enumerate(chain(_tour(), _everyday(world.random)))
    while (left := _left(events)) > 0:
        number, (wanted, fails) = next(requests)
        world.clock.begin_request(end_ms - _SPAN_MS * left / events)
        if fails:
            world.fail_next_call()
        await _serve_one(wanted if wanted.most_lines <= left else smallest, assistant, number)


def _left(events: int) -> int:
    """Tell how many lines are still to be written: none where nobody takes them any more."""
    counts = flowemf.stats()
    return 0 if "output_failed" in counts else events - counts["lines_written"]


async def _serve_one(request: _Request, assistant: Assistant, number: int) -> None:
    """Serve one request in a task of its own, so that what is bound to it stays with it."""
    log = logging.getLogger("server")

    async def bound() -> None:
        flowemf.bind(request_id=f"r-{number:06}")
        await request.serve(assistant)

    try:
        await asyncio.create_task(bound())
    except asyncio.CancelledError:
        log.warning("request r-%06d was cancelled by its caller", number)
    except Exception as error:
        log.error("request r-%06d failed: %s", number, error)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m flowemf.demo", description="Write the log of a sample application."
    )
    parser.add_argument("--events", type=int, default=2000, help="how many metric lines to write")
    parser.add_argument("--seed", type=int, default=1, help="what all randomness comes from")
    return parser.parse_args()


def main() -> None:
    """Run the sample application."""
    arguments = _arguments()
    clock = SimulatedClock()
    world = World(random.Random(arguments.seed), clock)  # noqa: S311 - reproducible is what it must be
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.raiseExceptions = False  # that the log's reader has gone flowemf says, once
    flowemf.configure("SupportDesk/Assistant", custom_dimensions={"Environment": "Demo"}, prices=PRICES, clock=clock)
    asyncio.run(_serve(arguments.events, world))
    if "output_failed" in flowemf.stats():  # what is left of the log would fail once more when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
        sys.exit(0)
    sys.exit(_INTERRUPTED)
