"""Replays of real files to a CloudWatch on loopback, with a checkpoint: confirm, then remember."""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cloudwatch_server import Answer, CloudWatchServer
from metric_lines import NOW_MS, document
from replaying import CLOCK, balanced, send, state, text_of

from flowemf_processor import pipeline
from flowemf_processor.checkpoints import Checkpoints
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.errors import ConfigurationError
from flowemf_processor.model import Batch, PlannedBatch, State
from flowemf_processor.pipeline import delivery, epochs, replay
from flowemf_processor.pipeline.delivery import Terms
from flowemf_processor.pipeline.interruption import Interruption
from flowemf_processor.sinks.metrics import MetricsSink
from flowemf_processor.sources.opening import open_sources

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path, sink: MetricsSink) -> Run:
    """Replay with a checkpoint, as one run of the command does."""

    def replay_once(*paths: Path) -> dict[str, Any]:
        with Checkpoints(tmp_path / "state" / "checkpoint.sqlite3", sink.destination) as checkpoints:
            return send(sink, checkpoints, *paths)

    return replay_once


def lines(count: int, start: int = 0, *, namespaces: int = 1) -> bytes:
    """Write lines with the values start, start + 1, ..., each a datapoint; a namespace needs a request of its own."""
    return text_of(
        document({"Latency": value}, namespace=f"N{value % namespaces}") for value in range(start, start + count)
    )


def received(server: CloudWatchServer) -> list[float]:
    """List the values that arrived, as often as they were counted."""
    return sorted(value for (_, _, value), count in server.values().items() for _ in range(int(count)))


# --- Nothing twice ----------------------------------------------------------------------------------------------------


def test_a_second_replay_sends_nothing(tmp_path: Path, run: Run, server: CloudWatchServer) -> None:
    """And a third over a file that has grown sends what is new."""
    path = tmp_path / "a.log"
    path.write_bytes(lines(5))
    assert state(run(path)) == {"extracted": 5, "accepted": 5}
    again = run(path)
    assert state(again, "accepted") == {"accepted": 0}
    assert again["sources"][0]["already_accepted_bytes"] == path.stat().st_size
    assert len(server.requests) == 1
    path.write_bytes(lines(7))
    assert state(run(path)) == {"extracted": 2, "accepted": 2}
    assert received(server) == list(range(7))


def test_without_a_checkpoint_everything_is_sent_again(
    tmp_path: Path, sink: MetricsSink, server: CloudWatchServer
) -> None:
    """Who turns it off gets what it is for."""
    (tmp_path / "a.log").write_bytes(lines(3))
    for _ in range(2):
        assert state(send(sink, None, tmp_path / "a.log"))["accepted"] == 3
    assert received(server) == [0, 0, 1, 1, 2, 2]


def test_ordinary_lines_move_the_mark_without_a_request(tmp_path: Path, run: Run, server: CloudWatchServer) -> None:
    """There is nothing to confirm."""
    (tmp_path / "a.log").write_bytes(b"INFO\n" * 100)
    assert run(tmp_path / "a.log")["records"]["other"] == 100
    assert run(tmp_path / "a.log")["lines"] == 0
    assert server.requests == []


def test_epochs_are_delivered_one_after_another(
    tmp_path: Path, run: Run, server: CloudWatchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each closes its aggregates; together they are complete."""
    monkeypatch.setattr(epochs, "EPOCH_DATAPOINTS", 10)
    for number in range(5):
        (tmp_path / f"{number}.log").write_bytes(lines(10, 10 * number))
    assert state(run(tmp_path)) == {"extracted": 50, "accepted": 50}
    assert len(server.requests) == 5
    assert received(server) == list(range(50))


def test_many_series_end_an_epoch_before_memory_does(
    tmp_path: Path, run: Run, server: CloudWatchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values that meet in one series need little room, a series of its own for each needs much."""
    monkeypatch.setattr(epochs, "EPOCH_GROUPS", 10)
    for number in range(3):
        each_its_own = (document({f"m{number}-{value}": value}) for value in range(10))
        (tmp_path / f"{number}.log").write_bytes(lines(1000) if number == 1 else text_of(each_its_own))
    assert state(run(tmp_path)) == {"extracted": 1020, "accepted": 1020}
    assert [len(request["MetricData"]) for request in server.requests] == [10, 10, 7]
    assert received(server)[-1] == 999


def test_a_run_that_is_told_to_end_while_it_remembers_an_answer_reads_no_further(
    tmp_path: Path, sink: MetricsSink, server: CloudWatchServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was accepted is remembered first; the next run sends the rest, and nothing twice."""
    monkeypatch.setattr(epochs, "EPOCH_DATAPOINTS", 10)
    for number in range(3):
        (tmp_path / f"{number}.log").write_bytes(lines(10, 10 * number))
    interruption, ledger = Interruption(), Ledger()

    class Told(Checkpoints):
        def settle(self, batch: PlannedBatch, state: State, *, refused: int = 0) -> None:
            interruption.demand()
            super().settle(batch, state, refused=refused)

    with Told(tmp_path / "state" / "checkpoint.sqlite3", sink.destination) as checkpoints:
        sources, terms = open_sources([str(tmp_path)]), Terms(interruption=interruption)
        pipeline.replay_to_sink(sources, sink, checkpoints, ledger=ledger, clock=CLOCK, terms=terms)
    assert state(balanced(ledger)) == {"extracted": 10, "accepted": 10}
    assert state(run(tmp_path)) == {"extracted": 20, "accepted": 20}
    assert received(server) == list(range(30))


@pytest.mark.parametrize("first_look", [0, 5_000_000])
def test_garbage_is_looked_for_rarely_during_a_run_where_it_is_looked_for_at_all(
    tmp_path: Path, run: Run, server: CloudWatchServer, first_look: int
) -> None:
    """And afterwards as before."""
    (tmp_path / "a.log").write_bytes(lines(3))
    seen = []
    server.answers = [Answer(before=lambda: seen.append(gc.get_threshold()[0]))]
    before = gc.get_threshold()
    try:
        if not first_look:
            gc.set_threshold(0, *before[1:])
        own = gc.get_threshold()
        run(tmp_path / "a.log")
        assert gc.get_threshold() == own
    finally:
        gc.set_threshold(*before)
    assert seen == [first_look]


# --- Answers that are not a yes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [Answer(400, "Throttling"), Answer(400, "AccessDenied")], ids=["throttled", "denied"]
)
def test_what_was_not_taken_is_sent_unchanged_by_the_next_run(
    tmp_path: Path, run: Run, server: CloudWatchServer, answer: Answer
) -> None:
    """The run stops; the next begins with what is left and reads nothing again."""
    (tmp_path / "a.log").write_bytes(lines(12, namespaces=4))
    server.answers = [Answer(), answer]
    first = run(tmp_path / "a.log")
    assert state(first) == {"extracted": 12, "accepted": 3, "pending": 9}
    assert first["destinations"][0]["reasons"]["not-tried"] == 6
    assert len(server.requests) == 2
    second = run(tmp_path / "a.log")
    assert state(second) == {"extracted": 9, "resumed": 9, "accepted": 9}
    assert second["destinations"][0]["reasons"] == {}
    assert (second["lines"], second["records"]["total"]) == (0, 0)
    assert server.requests[2] == server.requests[1]
    del server.requests[1]  # the one that was answered with no
    assert received(server) == list(range(12))


@pytest.mark.parametrize("answer", [Answer(500, "InternalFailure"), Answer(0)], ids=["500", "hang up"])
def test_what_may_have_been_taken_is_sent_again_and_the_ledger_says_so(
    tmp_path: Path, run: Run, server: CloudWatchServer, answer: Answer
) -> None:
    """Nobody can know; the datapoints that may count twice are counted."""
    (tmp_path / "a.log").write_bytes(lines(12, namespaces=4))
    server.answers = [Answer(), answer]
    assert state(run(tmp_path / "a.log")) == {"extracted": 12, "accepted": 3, "ambiguous": 3, "pending": 6}
    second = run(tmp_path / "a.log")
    assert state(second) == {"extracted": 9, "resumed": 9, "accepted": 9}
    assert second["destinations"][0]["reasons"] == {delivery.SENT_AGAIN: 3}
    assert server.requests[2] == server.requests[1]


def test_what_is_refused_for_good_does_not_stop_the_rest_and_is_not_tried_again(
    tmp_path: Path, run: Run, server: CloudWatchServer
) -> None:
    """Its datapoints are counted under the service's own code."""
    (tmp_path / "a.log").write_bytes(lines(12, namespaces=4))
    server.answers = [Answer(), Answer(400, "InvalidParameterValue")]
    first = run(tmp_path / "a.log")
    assert state(first) == {"extracted": 12, "accepted": 9, "refused": 3}
    assert first["destinations"][0]["reasons"] == {"InvalidParameterValue": 3}
    assert state(run(tmp_path / "a.log"), "accepted") == {"accepted": 0}
    assert len(server.requests) == 4


def test_while_something_is_left_over_nothing_new_is_planned(
    tmp_path: Path, run: Run, server: CloudWatchServer
) -> None:
    """What waits stays in order, and does not grow from run to run."""
    path = tmp_path / "a.log"
    path.write_bytes(lines(3))
    server.answers = [Answer(400, "Throttling")] * 2
    assert state(run(path)) == {"extracted": 3, "pending": 3}
    path.write_bytes(lines(6))
    assert state(run(path)) == {"extracted": 3, "resumed": 3, "pending": 3}
    assert state(run(path)) == {"extracted": 6, "resumed": 3, "accepted": 6}
    assert server.requests[0] == server.requests[1] == server.requests[2]


def test_a_failure_in_a_later_epoch_leaves_the_files_behind_it_unread(
    tmp_path: Path, run: Run, server: CloudWatchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are read by the run that can deliver them."""
    monkeypatch.setattr(epochs, "EPOCH_DATAPOINTS", 10)
    for number in range(4):
        (tmp_path / f"{number}.log").write_bytes(lines(10, 10 * number))
    server.answers = [Answer(), Answer(400, "Throttling")]
    first = run(tmp_path)
    assert state(first) == {"extracted": 20, "accepted": 10, "pending": 10}
    assert len(first["sources"]) == 2
    assert state(run(tmp_path)) == {"extracted": 30, "resumed": 10, "accepted": 30}
    del server.requests[1]
    assert received(server) == list(range(40))


# --- What is not even sent --------------------------------------------------------------------------------------------


def test_what_the_service_would_refuse_is_refused_here_with_its_reason(
    tmp_path: Path, run: Run, server: CloudWatchServer
) -> None:
    """A line of three weeks ago, one of tomorrow, and names that the API does not take, between good lines."""
    week_ms = 7 * 24 * 3600 * 1000
    (tmp_path / "a.log").write_bytes(
        text_of(
            [
                document({"Latency": 1}),
                document({"Latency": [2, 3]}, timestamp_ms=NOW_MS - 3 * week_ms),
                document({"Latency": 4}, timestamp_ms=NOW_MS + week_ms),
                document({"Latency": 5}, dimensions={"Team": "é"}, sets=[["Team"], []]),
                document({"Latency": 6}, namespace="é"),
                document({"Latency": 7}),
            ]
        )
    )
    account = run(tmp_path / "a.log")
    assert state(account) == {"extracted": 8, "accepted": 3, "refused": 5}
    reasons = {"too-old": 2, "too-new": 1, "dimension-not-ascii": 1, "namespace-not-ascii": 1}
    assert account["destinations"][0]["reasons"] == reasons
    assert account["records"]["metric"] == 6
    assert received(server) == [1, 5, 7]
    assert state(run(tmp_path / "a.log"), "refused") == {"refused": 0}


# --- A checkpoint that fails ------------------------------------------------------------------------------------------


def test_a_run_that_is_interrupted_while_sending_does_not_know_what_became_of_the_batch(
    tmp_path: Path, server: CloudWatchServer
) -> None:
    """Ctrl-C: the batch is ambiguous, the rest pending, and the ledger balances."""

    class Interrupted:
        name = "metrics"

        def send(self, batch: Batch) -> Any:
            raise KeyboardInterrupt

    (tmp_path / "a.log").write_bytes(lines(12, namespaces=4))
    ledger = Ledger()
    with pytest.raises(KeyboardInterrupt):
        pipeline.replay_to_sink(
            open_sources([str(tmp_path / "a.log")]), Interrupted(), None, ledger=ledger, clock=CLOCK
        )
    assert state(balanced(ledger)) == {"extracted": 12, "ambiguous": 3, "pending": 9}


# --- Standard input ---------------------------------------------------------------------------------------------------


@pytest.fixture
def pipe_in(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], dict[str, Any]]:
    """Replay bytes from standard input, as one run of the command with --source-id does."""

    def replay_standard_input(content: bytes, sink: MetricsSink) -> dict[str, Any]:
        (tmp_path / "stdin").write_bytes(content)
        ledger = Ledger()
        with (tmp_path / "stdin").open("rb") as file:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
            with Checkpoints(tmp_path / "state" / "checkpoint.sqlite3", sink.destination) as checkpoints:
                sources = open_sources(["-"], source_id="chat")
                pipeline.replay_to_sink(sources, sink, checkpoints, ledger=ledger, clock=CLOCK)
        return balanced(ledger)

    return replay_standard_input


def test_standard_input_with_a_name_goes_on_where_it_was_left(
    pipe_in: Callable[..., dict[str, Any]], sink: MetricsSink, server: CloudWatchServer
) -> None:
    """The same log piped in again sends nothing, a longer one what is new."""
    assert state(pipe_in(lines(3), sink))["accepted"] == 3
    assert state(pipe_in(lines(3), sink), "accepted") == {"accepted": 0}
    assert state(pipe_in(lines(5), sink))["accepted"] == 2
    assert received(server) == list(range(5))


def test_standard_input_that_is_something_else_is_refused(
    pipe_in: Callable[..., dict[str, Any]], sink: MetricsSink, server: CloudWatchServer
) -> None:
    """It cannot be rewound, so nobody guesses: the message names the remedies."""
    pipe_in(lines(3), sink)
    for other in (lines(3, 7), b""):
        with pytest.raises(ConfigurationError, match=r"give this input another --source-id, or use --no-checkpoint"):
            pipe_in(other, sink)
    assert received(server) == list(range(3))


# --- A dry run --------------------------------------------------------------------------------------------------------


def test_a_dry_run_plans_what_a_replay_sends(tmp_path: Path, sink: MetricsSink, server: CloudWatchServer) -> None:
    """The same requests in the same order; everything is pending, and nothing is touched."""
    (tmp_path / "a.log").write_bytes(lines(12, namespaces=4) + text_of([document({"x": 1}, timestamp_ms=0)]))
    ledger = Ledger()
    batches = list(pipeline.dry_run(open_sources([str(tmp_path / "a.log")]), ledger=ledger, clock=CLOCK))
    account = balanced(ledger)
    assert state(account) == {"extracted": 13, "pending": 12, "refused": 1}
    assert account["destinations"][0]["reasons"] == {replay.DRY_RUN: 12, "too-old": 1}
    assert server.requests == []
    send(sink, None, tmp_path / "a.log")
    assert [batch.request for batch in batches] == server.requests
    assert list(tmp_path.iterdir()) == [tmp_path / "a.log"]
