"""Mistakes that a type checker must report before the program runs: one on each line that ends with `# wrong`.

Type checkers read this file against the installed wheel; nobody runs it.
"""

from __future__ import annotations

from collections.abc import Iterator

import flowemf
from flowemf.integrations import lambda_
from flowemf.testing import capture_metrics

flowemf.configure(42)  # wrong
flowemf.configure("MyApp", custom_dimensions=["Environment"])  # wrong
flowemf.configure("MyApp", namespaces="MyApp/Other")  # wrong
flowemf.configure("MyApp", sample_rate="half")  # wrong
flowemf.configure("MyApp", sink=12)  # wrong
flowemf.configure("MyApp", clock=object())  # wrong
flowemf.Monitor("MyApp", disabled="yes")  # wrong
flowemf.flow(3)  # wrong
flowemf.generation()  # wrong
flowemf.generation(None)  # wrong
flowemf.metric("Documents", "three")  # wrong
flowemf.metric("Documents", 3, "Count", "Index")  # wrong
flowemf.metric("Documents", 3, "Count", None, 1)  # wrong
flowemf.record_generation("nova")  # wrong
flowemf.record_generation("nova", duration_ms=1, tokens=12)  # wrong
flowemf.record_generation("nova", duration_ms=1, input_tokens="12")  # wrong
flowemf.on_flow_end("chat")  # wrong
flowemf.on_flow_error("chat", 1, 404)  # wrong
flowemf.bind({"tenant": "acme"})  # wrong
flowemf.unbind(3)  # wrong
flowemf.fields([("Latency", 12)])  # wrong
flowemf.Monitor("MyApp").on_flow_start(None)  # wrong


@flowemf.flow("chat")
def answer(question: str) -> int:
    return len(question)


@flowemf.generation("nova")
async def answer_later(question: str) -> int:
    return len(question)


@flowemf.flow
def words(question: str) -> Iterator[str]:
    yield question


@lambda_.handler
def handle(event: dict[str, str], context: object) -> int:
    return len(event)


async def called() -> None:
    answer(42)  # wrong
    answer("why", attempts=2)  # wrong
    answer("why").upper()  # wrong
    len(answer_later("why"))  # wrong
    (await answer_later("why")).upper()  # wrong
    words("why").close_all()  # wrong
    handle([], None)  # wrong
    with flowemf.flow("chat") as flow, flowemf.generation("nova") as generation:
        flow.record_usage(input_tokens=1)  # wrong
        flow.flow_id = "mine"  # wrong
        generation.record_usage(1, 2)  # wrong
        generation.record_usage(input_tokens="1")  # wrong
    with capture_metrics() as captured:
        captured.count(3)  # wrong
