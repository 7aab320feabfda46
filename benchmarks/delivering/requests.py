"""Measures what one request costs: with boto3 as it comes, and with flowemf, from aggregates to the answer.

How many values each of 1,000 datums has goes in; what a request took of the processor comes out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import boto3
from measuring.rounds import Sample

from flowemf_processor.core.metric_batches import plan
from flowemf_processor.model import Aggregate, Series, State, Tally
from flowemf_processor.sinks.metrics import connect

DATUMS = 1000
VALUES = (1, 30)
_DIMENSIONS = (("FlowName", "chat"), ("Status", "Success"), ("service", "shop"))


def ways(url: str, values: int) -> dict[str, Callable[[], Sample]]:
    """Give what sends one request of 1,000 datums, by boto3 and by flowemf."""
    sink = connect(endpoint_url=url, region="us-east-1")
    client = boto3.client("cloudwatch", endpoint_url=url, region_name="us-east-1")
    aggregates = _aggregates(values)
    [request] = [batch.request for batch in plan(aggregates)]

    def ours() -> None:
        for batch in plan(aggregates):
            assert sink.send(batch).state is State.ACCEPTED

    return {"boto3": _timed(lambda: client.put_metric_data(**request)), "flowemf": _timed(ours)}


def _timed(send: Callable[[], Any]) -> Callable[[], Sample]:
    send()  # the first one opens the connection

    def timed() -> Sample:
        wall, cpu = time.perf_counter(), time.process_time()
        send()
        return Sample(time.perf_counter() - wall, time.process_time() - cpu)

    return timed


def _aggregates(values: int) -> list[Aggregate]:
    now_s = int(time.time()) // 60 * 60
    tally = Tally(1.0, 1)
    return [
        Aggregate(
            Series("Benchmark", f"Latency{number}", _DIMENSIONS, "Milliseconds", 60),
            now_s,
            tuple((number + index * 0.137, tally) for index in range(values)),
        )
        for number in range(DATUMS)
    ]
