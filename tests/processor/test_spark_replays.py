"""Replays on Spark, over two cores of this machine: the same numbers, ledger and marks as with one process."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import spark_replays
from metric_lines import NOW_MS, document
from reading.log import SPAN_MS, START_MS, write_log
from replaying import text_of
from s3_servers import FailingProxy, client, moto
from shape_corpus import corpus
from spark_replays import At, Replayed, Taken, WaitingFile, process_in, replay, replay_sources, totals

from flowemf_processor import pipeline
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.core.unwrap import EVENT_IDS
from flowemf_processor.pipeline.guards import Guards
from flowemf_processor.sinks.local import LocalStore
from flowemf_processor.sinks.rejects import RejectsFile
from flowemf_processor.sources.opening import open_sources

pytestmark = [pytest.mark.requires_system("java"), pytest.mark.xdist_group("spark"), pytest.mark.timeout(600)]

BENCHMARK_LINES = int(os.environ.get("SPARK_LINES", "60000"))
AFTER_BENCHMARK = At(START_MS + SPAN_MS)
NOW = At(NOW_MS)


@pytest.fixture
def small_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make stretches so small that a test's log has many."""
    from flowemf_processor.engines.spark import cutting

    monkeypatch.setattr(cutting, "STRETCH_BYTES", 20_000)


def same(one: Replayed, other: Replayed) -> bool:
    """Hold everything about two replays against each other, part by part, for the sake of the message."""
    assert other.numbers == one.numbers
    assert other.account == one.account
    assert other.places == one.places
    assert other.marks == one.marks
    return True


def lines_of_all_shapes() -> list[bytes]:
    """Give documents of every kind of value, defects, ordinary log, and lines in every wrapper that has one line."""
    good: list[Any] = [
        document({"Latency": n % 7 / 3}, dimensions={"Service": f"s{n % 3}"}, timestamp_ms=NOW_MS - n * 1000)
        for n in range(300)
    ]
    good += [
        document({"Latency": {"Values": [1, 2.5], "Counts": [n, 0.25]}}, dimensions={"Service": "s1"})
        for n in range(1, 40)
    ]
    good += [document({"Latency": {"Min": 1, "Max": n, "Sum": n + 2, "Count": 2}}) for n in range(2, 30)]
    good += [document({"Depth": [n, n, 2]}, resolution=1, namespace="Other") for n in range(30)]
    good += [document({"Latency": 1}, dimensions={"Service": "\u00e9"}), document({"Latency": 1}, timestamp_ms=None)]
    bad = [b'{"_aws":{"CloudWatchMetrics":1,"Timestamp":1}}', b"CloudWatchMetrics", b"INFO started", b""]
    lines = [*text_of(good).splitlines(), *bad * 20]
    for shape in corpus():
        if not {"rejected", "incomplete"} & set(shape.records) and b"\r" not in shape.data:
            lines += [each for each in shape.data.split(b"\n") if each.startswith((b"{", b"START", b"20"))]
    return lines


# --- The same numbers -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_stretches")
@pytest.mark.parametrize("order", ["in order", "shuffled"])
def test_a_log_of_all_shapes_gives_what_it_gives_on_one_machine(spark: Any, tmp_path: Path, order: str) -> None:
    """Whatever lies between the plain lines: they are cut into stretches, what is wrapped is read whole."""
    lines = lines_of_all_shapes()
    if order == "shuffled":
        random.Random(5).shuffle(lines)
    (tmp_path / "mixed.log").write_bytes(b"\n".join(lines) + b'\n{"_aws":{"CloudW')
    plain = [line for line in lines if line.startswith((b'{"_aws"', b"INFO"))]
    (tmp_path / "plain.log").write_bytes(b"\n".join(plain * 3))  # no line ending behind the last line
    (tmp_path / "torn.log").write_bytes(b"\n".join(plain) + b'\n{"_aws":{"CloudW')
    logs = [tmp_path / name for name in ("mixed.log", "plain.log", "torn.log")]
    one = replay(pipeline, logs, tmp_path / "one", NOW)
    assert same(one, replay(spark, logs, tmp_path / "two", NOW))
    assert len(one.numbers) > 150
    assert one.account["records"]["duplicate"] > 0
    assert replay(spark, logs, tmp_path / "one", NOW).numbers == {}  # either engine goes on where the other was
    assert replay(pipeline, logs, tmp_path / "two", NOW).numbers == {}


def test_every_file_of_the_corpus_gives_what_it_gives_on_one_machine(spark: Any, tmp_path: Path) -> None:
    """Parts over several lines, documents over several lines, duplicates between files, damaged and torn ones."""
    for shape in corpus():
        (tmp_path / f"logs-{shape.name}").write_bytes(shape.data)
        (tmp_path / f"logs-{shape.name}.gz").write_bytes(gzip.compress(shape.data, mtime=0))
    logs = sorted(tmp_path.glob("logs-*"))
    kept = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    replays = []
    for engine, file in zip((pipeline, spark), kept, strict=True):
        ledger = Ledger()
        with RejectsFile(file, ledger.open_rejects(file.name)) as keeper:
            replays.append(replay(engine, logs, tmp_path / file.stem, NOW, guards=Guards(rejects=keeper)))
    assert same(*replays)
    assert replays[0].account["records"]["duplicate"] > 10
    assert replays[0].account["records"]["incomplete"] > 1
    assert kept[1].read_bytes() == kept[0].read_bytes() != b""


def test_the_log_of_the_benchmark_adds_up_to_the_same(spark: Any, tmp_path: Path) -> None:
    """Of as many lines as SPARK_LINES says: each number, each count and each total."""
    from flowemf_processor.engines.spark import cutting

    log = tmp_path / "app.log"
    write_log(log, BENCHMARK_LINES, 1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cutting, "STRETCH_BYTES", min(cutting.STRETCH_BYTES, log.stat().st_size // 5))
        two = replay(spark, [log], tmp_path / "two", AFTER_BENCHMARK)
    one = replay(pipeline, [log], tmp_path / "one", AFTER_BENCHMARK)
    assert same(one, two)
    assert totals(two.numbers) == totals(one.numbers)
    assert two.account["lines"] == BENCHMARK_LINES
    assert two.account["destinations"][0]["datapoints"]["accepted"] > 2 * BENCHMARK_LINES


@pytest.mark.usefixtures("small_stretches")
def test_the_store_gets_the_same_rows(spark: Any, tmp_path: Path) -> None:
    """Event by event, with the same marks; a second replay stores nothing."""
    lines = lines_of_all_shapes()
    (tmp_path / "mixed.log").write_bytes(b"\n".join(lines) + b"\n")
    (tmp_path / "more.log").write_bytes(text_of(document({"Depth": n}) for n in range(50)))
    logs = [str(tmp_path / "mixed.log"), str(tmp_path / "more.log")]
    found = []
    for engine, name in ((pipeline, "one"), (spark, "two"), (spark, "two")):
        ledger = Ledger()
        kept = tmp_path / f"{name}.jsonl"
        with LocalStore(tmp_path / name) as store, RejectsFile(kept, ledger.open_rejects("kept")) as keeper:
            guards = Guards(rejects=keeper)
            engine.replay_to_store(open_sources(logs), store, ledger=ledger, clock=NOW, guards=guards)
            rows = store.query("SELECT * EXCLUDE (MetricName), MetricName FROM METRICS ORDER BY ALL")
            marks = [store.mark(each) for source in open_sources(logs) for each in source.identities]
            found.append((rows, marks, store.mark(EVENT_IDS), ledger.as_json()))
    assert found[1] == found[0]
    assert found[2][:3] == found[0][:3]
    assert found[2][3]["lines"] == 0
    assert (tmp_path / "two.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes() != b""


@pytest.mark.usefixtures("small_stretches")
def test_a_limit_of_series_holds_for_the_whole_run(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those with the most datapoints are sent, whichever task gathered them, and what was placed keeps its place."""
    from flowemf_processor.engines.spark import portions

    for number in range(2):
        written = [document({"Latency": n}, dimensions={"Id": f"i{n % 9 * n % 50}"}) for n in range(600)]
        (tmp_path / f"{number}.log").write_bytes(text_of(written))
    logs = [tmp_path / "0.log", tmp_path / "1.log"]
    monkeypatch.setattr(portions, "PORTION_BYTES", 1)  # a file each
    one = replay(pipeline, logs, None, NOW, guards=Guards(max_series=7))
    two = replay(spark, logs, None, NOW, guards=Guards(max_series=7))
    assert same(one, two)
    assert len({series for series, *_ in two.numbers}) == 7
    assert two.account["destinations"][0]["reasons"]["too-many-series"] > 0


# --- What goes wrong --------------------------------------------------------------------------------------------------


def test_a_worker_that_is_killed_costs_nothing(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its task is carried out again, and nothing of what it gave before is counted."""
    from pyspark import cloudpickle

    from flowemf_processor.engines.spark import cutting

    monkeypatch.setattr(cutting, "STRETCH_BYTES", 1_000_000)
    log, note = tmp_path / "app.log", tmp_path / "process"
    write_log(log, 10_000, 2)
    cloudpickle.register_pickle_by_value(spark_replays)  # Spark's processes do not import the tests
    killer = threading.Thread(target=lambda: os.kill(process_in(note), signal.SIGKILL))
    killer.start()
    try:
        two = replay_sources(spark, [WaitingFile(log, note)], tmp_path / "two", AFTER_BENCHMARK)
    finally:
        cloudpickle.unregister_pickle_by_value(spark_replays)
        killer.join(60)
    assert not Path(f"/proc/{note.read_text().strip()}").exists()
    assert same(replay(pipeline, [log], tmp_path / "one", AFTER_BENCHMARK), two)


@pytest.mark.usefixtures("small_stretches")
def test_a_log_that_grows_is_read_on(spark: Any, tmp_path: Path) -> None:
    """From where it was left, also in the middle of a line."""
    lines = text_of(document({"Latency": n}, dimensions={"Service": f"s{n}"}) for n in range(400))
    log = tmp_path / "app.log"
    log.write_bytes(lines[:60_000])
    first = replay(spark, [log], tmp_path / "two", NOW)
    assert first.account["records"]["incomplete"] == 1
    log.write_bytes(lines)
    second = replay(spark, [log], tmp_path / "two", NOW)
    assert second.account["sources"][0]["already_accepted_bytes"] == first.account["sources"][0]["read_bytes"]
    whole = replay(pipeline, [log], tmp_path / "one", NOW)
    assert first.numbers | second.numbers == whole.numbers
    assert not first.numbers.keys() & second.numbers.keys()
    assert second.marks == whole.marks


@pytest.mark.usefixtures("small_stretches")
def test_what_cannot_be_read_is_told_and_the_rest_delivered(spark: Any, tmp_path: Path) -> None:
    """A file that vanishes after it was listed, a damaged archive, an empty file and one that is no text."""
    good = text_of(document({"Latency": n}) for n in range(300))
    contents = {
        "0.log": good,
        "1.log": good,
        "2.gz": gzip.compress(good)[:-20],
        "3.log": b"",
        "4.log": b"\x00" + good,
        "5.log": good + b"\x00\n",
    }
    replays = []
    for engine in (pipeline, spark):
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
        sources = open_sources([str(tmp_path / name) for name in contents])
        (tmp_path / "1.log").unlink()
        replays.append(replay_sources(engine, sources, None, NOW))
    assert same(*replays)
    found = {"source-unreadable", "source-truncated", "source-empty", "source-not-text"}
    assert found <= replays[1].account["reasons"].keys()


# --- Objects ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_stretches")
def test_objects_are_read_by_the_tasks_and_never_again(spark: Any, tmp_path: Path) -> None:
    """In stretches, compressed or wrapped; the second run asks for no byte of what the first one has delivered."""
    plain = text_of(document({"Latency": n}, dimensions={"Service": f"s{n % 5}"}) for n in range(1000))
    shapes = {shape.name: shape.data for shape in corpus() if shape.name in ("docker-16k.log", "subscription.json")}
    name = f"logs-{uuid4().hex[:8]}"
    with moto() as server, FailingProxy(server) as proxy:
        filled = client(server)
        filled.create_bucket(Bucket=name)
        objects = {"a.log": plain, "b.log.gz": gzip.compress(plain[:5000].rpartition(b"\n")[0]), **shapes}
        for key, content in objects.items():
            filled.put_object(Bucket=name, Key=f"chat/{key}", Body=content)

        def sources() -> Any:
            return open_sources([f"s3://{name}/chat/"], s3_endpoint_url=proxy.endpoint_url)

        proxy.cuts = [-1, 100]  # an error, and an answer that breaks off
        two = replay_sources(spark, sources(), tmp_path / "two", NOW)
        assert same(replay_sources(pipeline, sources(), tmp_path / "one", NOW), two)
        assert len([each for each in two.account["sources"] if each["lines"]]) == 4
        asked = len(proxy.ranges)
        again = replay_sources(spark, sources(), tmp_path / "two", NOW)
        assert (again.numbers, again.account["lines"], len(proxy.ranges)) == ({}, 0, asked)
        passed_over = [each["already_accepted_bytes"] for each in again.account["sources"]]
        assert passed_over == [each["read_bytes"] for each in two.account["sources"]]
        filled.put_object(Bucket=name, Key="chat/a.log", Body=plain + text_of([document({"Latency": 7})]))
        grown = replay_sources(spark, sources(), tmp_path / "two", NOW)
        assert grown.account["lines"] == 1
        assert list(grown.numbers.values()) == [1.0]


def test_what_is_planned_is_what_would_be_sent(spark: Any, tmp_path: Path) -> None:
    """A dry run touches no destination."""
    (tmp_path / "a.log").write_bytes(text_of(document({"Latency": n}) for n in range(20)))
    ledger = Ledger()
    planned = list(spark.dry_run(open_sources([str(tmp_path / "a.log")]), ledger=ledger, clock=NOW))
    [batch] = planned
    assert json.loads(batch.body)["MetricData"][0]["Values"] == list(range(20))
    assert ledger.as_json()["destinations"][0]["datapoints"]["pending"] == 20


def test_a_dry_run_of_many_portions_plans_the_requests_of_the_real_one(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Portions grow with what their requests turn out to be, in both alike."""
    from flowemf_processor.engines.spark import portions

    monkeypatch.setattr(portions, "PORTION_BYTES", 2000)
    logs = [tmp_path / f"{number}.log" for number in range(8)]
    for log in logs:
        log.write_bytes(text_of(document({"Latency": n}) for n in range(10)))
    planned = spark.dry_run(open_sources([str(log) for log in logs]), ledger=Ledger(), clock=NOW)
    sink = Taken()
    spark.replay_to_sink(open_sources([str(log) for log in logs]), sink, None, ledger=Ledger(), clock=NOW)
    assert [batch.request for batch in planned] == sink.requests
    assert 1 < len(sink.requests) < len(logs)
