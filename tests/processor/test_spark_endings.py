"""What ends a replay on Spark, or does not: destinations, wishes, defects, and what Spark does to a process."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import spark_replays
from metric_lines import NOW_MS, document
from replaying import balanced, text_of
from shape_corpus import corpus
from spark_replays import At, Taken, replay, replay_sources

from flowemf_processor.checkpoints import Checkpoints
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.model import Batch, Mark, PlannedBatch
from flowemf_processor.pipeline.delivery import Terms
from flowemf_processor.pipeline.guards import Guards
from flowemf_processor.pipeline.interruption import Interruption
from flowemf_processor.sources.opening import open_sources
from flowemf_processor.sources.watch import Watch

pytestmark = [pytest.mark.requires_system("java"), pytest.mark.xdist_group("spark"), pytest.mark.timeout(600)]

NOW = At(NOW_MS)


@pytest.fixture
def three_portions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Write three logs, each of which is a portion."""
    from flowemf_processor.engines.spark import portions

    monkeypatch.setattr(portions, "PORTION_BYTES", 1)
    monkeypatch.setattr(portions, "REQUEST_BYTES", 1)
    logs = [tmp_path / f"{number}.log" for number in range(3)]
    for number, log in enumerate(logs):
        log.write_bytes(text_of(document({f"M{number}": n}) for n in range(20)))
    return logs


def test_a_destination_that_is_away_gets_everything_later(
    spark: Any, tmp_path: Path, three_portions: list[Path]
) -> None:
    """The run ends at the first portion that it cannot deliver, and so does the next; then all arrives, once."""
    sink = Taken()

    def run() -> dict[str, Any]:
        ledger = Ledger()
        with Checkpoints(tmp_path / "state", "test") as checkpoints:
            sources = open_sources([str(log) for log in three_portions])
            spark.replay_to_sink(sources, sink, checkpoints, ledger=ledger, clock=NOW)
        return balanced(ledger)

    sink.is_away = True
    assert run()["lines"] == 20
    assert run()["lines"] == 0
    sink.is_away = False
    assert run()["lines"] == 40
    assert run()["lines"] == 0
    assert [each["MetricData"][0]["MetricName"] for each in sink.requests] == ["M0", "M1", "M2"]


def test_a_run_that_is_told_to_end_while_it_delivers_ends_behind_that_portion(
    spark: Any, three_portions: list[Path]
) -> None:
    """Nothing new is begun; what was begun is delivered."""
    sink, interruption, ledger = Taken(), Interruption(), Ledger()
    sink.on_request = interruption.demand
    sources = open_sources([str(log) for log in three_portions])
    spark.replay_to_sink(sources, sink, None, ledger=ledger, clock=NOW, terms=Terms(interruption=interruption))
    assert (len(sink.requests), balanced(ledger)["lines"]) == (1, 20)


def test_a_run_that_is_told_to_end_behind_its_last_answer_reads_no_further(
    spark: Any, tmp_path: Path, three_portions: list[Path]
) -> None:
    """Here of logs without metrics, while how far they are read is remembered."""
    interruption, ledger = Interruption(), Ledger()

    class Asked(Checkpoints):
        def plan(self, batches: Sequence[Batch], marks: Iterable[Mark]) -> list[PlannedBatch]:
            planned = super().plan(batches, marks)
            interruption.demand()
            return planned

    for log in three_portions:
        log.write_bytes(b"started\n" * 20)
    with Asked(tmp_path / "state", "test") as checkpoints:
        sources, terms = open_sources([str(log) for log in three_portions]), Terms(interruption=interruption)
        spark.replay_to_sink(sources, Taken(), checkpoints, ledger=ledger, clock=NOW, terms=terms)
        assert [checkpoints.mark(source.identities[0]) is not None for source in sources] == [True, False, False]
    assert balanced(ledger)["lines"] == 20


def test_a_task_that_fails_each_time_ends_the_run_and_says_why(spark: Any, tmp_path: Path) -> None:
    """In the words of what was raised, not of Spark; the session goes on."""
    from pyspark import cloudpickle

    (tmp_path / "a.log").write_bytes(text_of(document({"Latency": n}) for n in range(20)))
    cloudpickle.register_pickle_by_value(spark_replays)  # Spark's processes do not import the tests
    try:
        with pytest.raises(TryAgainLaterError, match="gave up: RuntimeError: the task has a defect; what was not"):
            replay_sources(spark, [spark_replays.BrokenFile(tmp_path / "a.log")], None, NOW)
    finally:
        cloudpickle.unregister_pickle_by_value(spark_replays)
    assert replay(spark, [tmp_path / "a.log"], None, NOW).requests == 1


def test_lines_that_cloudwatch_has_extracted_end_the_run(spark: Any, tmp_path: Path) -> None:
    """As on one machine, before anything is sent."""
    shape = next(each for each in corpus() if each.name == "subscription.json")
    (tmp_path / "a.json").write_bytes(shape.data)
    with pytest.raises(ConfigurationError, match="has extracted its metrics already"):
        replay(spark, [tmp_path / "a.json"], None, NOW, guards=Guards(refuses_extracted=True))


def test_what_others_log_meanwhile_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is kept out of the log but what py4j makes of Ctrl-C."""
    from flowemf_processor.engines.spark.jobs import translated

    with translated(None):
        logging.getLogger().warning("the disk is nearly full")
    assert caplog.messages == ["the disk is nearly full"]


def test_a_session_can_be_had_from_any_thread_and_without_streams(spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a service that was started without standard output; the handler of Ctrl-C stays whose it is."""
    from flowemf_processor.engines.spark.session import started

    monkeypatch.setattr(sys, "stdout", None)
    handler = signal.getsignal(signal.SIGINT)
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(started, "local[2]").result(60) is spark.session()
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_cluster_follows_nothing(spark: Any) -> None:
    """Who asks for it has made a mistake that no user can make."""
    with Watch([]) as watch, pytest.raises(TypeError, match="it follows nothing"):
        spark.replay_to_sink(watch, Taken(), None, ledger=Ledger(), clock=NOW)
