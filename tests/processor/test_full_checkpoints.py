"""Checkpoints that cannot be written: the run ends, the ledger balances, and the next run completes it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from cloudwatch_server import CloudWatchServer
from metric_lines import document
from replaying import CLOCK, balanced, send, state, text_of

from flowemf_processor import pipeline
from flowemf_processor.checkpoints import Checkpoints
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.errors import TryAgainLaterError
from flowemf_processor.model import Batch, Detour, Outcome, State
from flowemf_processor.pipeline.delivery import SENT_AGAIN, Terms
from flowemf_processor.sinks.metrics import MetricsSink
from flowemf_processor.sources.opening import open_sources
from flowemf_processor.sources.watch import Watch

ACCEPTED, REFUSED = Outcome(State.ACCEPTED), Outcome(State.REFUSED, "InvalidParameterValue", "no")
# One of three datapoints goes another way, one is taken by neither.
DETOURED = Outcome(State.ACCEPTED, detour=Detour((Batch(b"{}", (1,)),), (("too-old", 1),)))


class FailingCheckpoints(Checkpoints):
    """Checkpoints whose disk becomes full at one of their methods, the n-th time, and stays full."""

    def __init__(self, path: Path, method: str, calls_before: int) -> None:
        super().__init__(path, "metrics")
        calls = iter(range(calls_before))
        works = getattr(self, method)

        def step(*arguments: Any, **named: Any) -> Any:
            if next(calls, None) is None:
                raise TryAgainLaterError("the disk is full")
            return works(*arguments, **named)

        setattr(self, method, step)


class Together:
    """A sink that gives the same answer to all requests, once as many are on their way as may be."""

    name = "metrics"

    def __init__(self, outcome: Outcome, in_flight: int) -> None:
        self._outcome = outcome
        self._gate = threading.Barrier(in_flight)

    def send(self, batch: Batch) -> Outcome:
        self._gate.wait(30)
        return self._outcome


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Give a log of twelve lines, in four requests."""
    return written(tmp_path, 12, namespaces=4)


def written(directory: Path, count: int, *, namespaces: int) -> Path:
    """Write lines with the values 0, 1, ..., each a datapoint; a namespace needs a request of its own."""
    path = directory / "a.log"
    path.write_bytes(text_of(document({"Latency": each}, namespace=f"N{each % namespaces}") for each in range(count)))
    return path


def received(server: CloudWatchServer) -> list[float]:
    """List the values that arrived, as often as they were counted."""
    return sorted(value for (_, _, value), count in server.values().items() for _ in range(int(count)))


def planned(*paths: Path) -> list[Batch]:
    """Give the requests that a replay of these files sends."""
    sources = open_sources([str(path) for path in paths])
    return list(pipeline.dry_run(sources, ledger=Ledger(), clock=CLOCK))


def fails(checkpoints: Checkpoints, sink: Any, sources: Any, terms: Terms) -> dict[str, int]:
    """Replay until the disk is full; give the ledger's datapoints, which balance."""
    ledger = Ledger()
    with checkpoints, pytest.raises(TryAgainLaterError, match="the disk is full"):
        pipeline.replay_to_sink(sources, sink, checkpoints, ledger=ledger, clock=CLOCK, terms=terms)
    return state(balanced(ledger))


@pytest.mark.parametrize(
    ("method", "calls_before", "sent", "expected"),
    [
        ("plan", 0, 0, {"extracted": 12, "pending": 12}),
        ("begin", 0, 0, {"extracted": 12, "pending": 12}),
        ("begin", 2, 2, {"extracted": 12, "accepted": 6, "pending": 6}),
        ("settle", 0, 1, {"extracted": 12, "accepted": 3, "pending": 9}),
        ("settle", 3, 4, {"extracted": 12, "accepted": 12}),
    ],
)
def test_a_checkpoint_that_cannot_be_written_stops_the_run_with_a_ledger_that_balances(
    tmp_path: Path,
    log: Path,
    sink: MetricsSink,
    server: CloudWatchServer,
    method: str,
    calls_before: int,
    sent: int,
    expected: dict[str, int],
) -> None:
    """Nothing is sent that is not remembered first; the next run completes it and says what may count twice."""
    path = tmp_path / "checkpoint.sqlite3"
    failing = FailingCheckpoints(path, method, calls_before)
    assert fails(failing, sink, open_sources([str(log)]), Terms()) == expected
    assert len(server.requests) == sent
    with Checkpoints(path, "metrics") as checkpoints:
        twice = send(sink, checkpoints, log)["destinations"][0]["reasons"].get(SENT_AGAIN, 0)
    assert len(received(server)) == 12 + twice
    assert sorted(set(received(server))) == list(range(12))


@pytest.mark.parametrize(
    ("method", "outcome", "expected"),
    [
        ("settle", ACCEPTED, {"extracted": 12, "accepted": 12}),
        ("replace", REFUSED, {"extracted": 12, "pending": 12}),
        ("replace", DETOURED, {"extracted": 12, "accepted": 4, "refused": 4, "pending": 4}),
    ],
)
@pytest.mark.parametrize("is_followed", [False, True], ids=["replayed", "followed"])
def test_whatever_was_answered_meanwhile_is_accounted_for(
    tmp_path: Path, is_followed: bool, method: str, outcome: Outcome, expected: dict[str, int]
) -> None:
    """Of all requests that were on their way when the first answer could not be remembered."""
    path = tmp_path / "a.log"
    documents = [document({"Latency": 1, "Depth": 2, "Width": 3}, namespace=f"N{each}") for each in range(4)]
    path.write_bytes(text_of(documents))
    sink = Together(outcome, in_flight=4)
    failing = FailingCheckpoints(tmp_path / "checkpoint.sqlite3", method, 0)
    if not is_followed:
        assert fails(failing, sink, open_sources([str(path)]), Terms(in_flight=4)) == expected
        return
    with Watch([str(path)], flush_seconds=0.02, poll_seconds=0.02) as watch:
        assert fails(failing, sink, watch, Terms(in_flight=4)) == expected


@pytest.mark.parametrize(
    ("method", "calls_before", "resend", "expected"),
    [
        ("waiting", 0, True, {"extracted": 70, "resumed": 70, "pending": 70}),
        ("waiting", 1, True, {"extracted": 70, "resumed": 70, "accepted": 64, "pending": 6}),
        ("forget", 0, False, {"extracted": 70, "resumed": 70, "ambiguous": 1, "pending": 69}),
    ],
)
def test_what_an_earlier_run_left_is_accounted_for_where_the_checkpoint_fails(
    tmp_path: Path, sink: MetricsSink, method: str, calls_before: int, resend: bool, expected: dict[str, int]
) -> None:
    """Be it while the next ones are loaded, or while one is given up: none is lost from the ledger."""
    requests = planned(written(tmp_path, 70, namespaces=70))
    failing = FailingCheckpoints(tmp_path / "checkpoint.sqlite3", method, calls_before)
    failing.begin(failing.plan(requests, [])[2])
    assert fails(failing, sink, [], Terms(resend=resend)) == expected
