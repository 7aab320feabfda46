"""Replays logs into a CloudWatch that answers over HTTP, and reads the metrics back as a user would."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from emf_totals import SeriesKey, Statistics, Weighted, statistics_of, values_of

from flowemf_schemas.ledger_rules import examine_ledger

if TYPE_CHECKING:
    from tests.cli.conftest import CloudWatch, Flowemf

pytestmark = pytest.mark.xdist_group("cloudwatch")


def metric_line(timestamp_ms: int, value: float = 1.0) -> str:
    """Write one EMF line."""
    metadata = {
        "Timestamp": timestamp_ms,
        "CloudWatchMetrics": [
            {"Namespace": "Shop", "Dimensions": [["Flow"]], "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}]}
        ],
    }
    return json.dumps({"_aws": metadata, "Flow": "order", "Latency": value}) + "\n"


def now_ms() -> int:
    return int(time.time() * 1000)


def statistics_read_back(cloudwatch: CloudWatch, series: SeriesKey) -> dict[int, Statistics]:
    """Ask GetMetricStatistics for everything about a series."""
    now = datetime.now(timezone.utc)
    answer = cloudwatch.client().get_metric_statistics(
        Namespace=series.namespace,
        MetricName=series.metric,
        Dimensions=[{"Name": key, "Value": value} for key, value in sorted(series.dimensions)],
        StartTime=now - timedelta(hours=3),
        EndTime=now + timedelta(hours=1),
        Period=60,
        Statistics=["SampleCount", "Sum", "Minimum", "Maximum"],
        Unit=series.unit,
    )
    return {
        int(point["Timestamp"].timestamp()): Statistics(
            point["SampleCount"], point["Sum"], point["Minimum"], point["Maximum"]
        )
        for point in answer["Datapoints"]
    }


def values_sent(cloudwatch: CloudWatch) -> dict[SeriesKey, dict[int, list[Weighted]]]:
    """Gather the values of the requests as they went over the wire."""
    found: dict[SeriesKey, dict[int, list[Weighted]]] = defaultdict(lambda: defaultdict(list))
    for request in cloudwatch.requests:
        for datum in request["MetricData"]:
            dimensions = frozenset((each["Name"], each["Value"]) for each in datum.get("Dimensions", ()))
            series = SeriesKey(request["Namespace"], datum["MetricName"], dimensions, datum["Unit"])
            found[series][datum["Timestamp"]] += zip(datum["Values"], datum["Counts"], strict=True)
    return found


def assert_same(told: dict[int, Statistics], minutes: dict[int, list[Weighted]], series: SeriesKey) -> None:
    """Compare the statistics of each minute; sums of floats differ in the last digits with their order."""
    assert sorted(told) == sorted(minutes), series
    for minute_s, values in minutes.items():
        assert tuple(told[minute_s]) == pytest.approx(tuple(statistics_of(values)), rel=1e-12), series


def as_moto_answers(wanted: SeriesKey, held: dict[SeriesKey, dict[int, list[Weighted]]]) -> dict[int, list[Weighted]]:
    """Merge what moto merges: every series that has the wanted dimensions among others. CloudWatch never does."""
    merged: dict[int, list[Weighted]] = defaultdict(list)
    for series, minutes in held.items():
        same_metric = series._replace(dimensions=wanted.dimensions) == wanted
        if same_metric and series.dimensions >= wanted.dimensions:
            for minute_s, values in minutes.items():
                merged[minute_s] += values
    return merged


def test_a_log_piped_in_arrives_exactly(flowemf_command: Flowemf, cloudwatch: CloudWatch, demo_log: Path) -> None:
    """Sums, sample counts, minima and maxima per series and minute equal those of the log."""
    finished = flowemf_command(
        "replay", "--to", "metrics", "--endpoint-url", cloudwatch.endpoint_url, "--json", stdin=demo_log.read_bytes()
    )
    assert finished.returncode == 0, finished.stderr.decode()
    held = values_of(demo_log.read_text().splitlines())
    sent = values_sent(cloudwatch)
    assert set(sent) == set(held)
    for series, minutes in held.items():
        assert_same({minute: statistics_of(values) for minute, values in sent[series].items()}, minutes, series)
        assert_same(statistics_read_back(cloudwatch, series), as_moto_answers(series, held), series)
    ledger = json.loads(finished.stdout)
    assert examine_ledger(ledger) == []
    assert ledger["records"]["metric"] == 400
    assert ledger["destinations"][0]["requests"]["accepted"] == len(cloudwatch.requests)


def test_a_dry_run_prints_what_would_be_sent(flowemf_command: Flowemf, cloudwatch: CloudWatch, demo_log: Path) -> None:
    """The requests on stdout are those that a real run sends, and the dry run itself sends none."""
    where = ("--endpoint-url", cloudwatch.endpoint_url)
    planned = flowemf_command("replay", demo_log, "--to", "metrics", "--dry-run", *where)
    assert planned.returncode == 0, planned.stderr.decode()
    assert cloudwatch.requests == []
    assert flowemf_command("replay", demo_log, "--to", "metrics", *where).returncode == 0
    shown = [json.loads(line) for line in planned.stdout.splitlines()]
    assert sorted(map(json.dumps, shown)) == sorted(map(json.dumps, cloudwatch.requests))  # several are sent at once


def test_a_second_replay_sends_nothing_and_says_why(
    flowemf_command: Flowemf, cloudwatch: CloudWatch, demo_log: Path
) -> None:
    """The checkpoint knows the file; the summary names the checkpoint and how to send again."""
    command = ("replay", demo_log, "--to", "metrics", "--endpoint-url", cloudwatch.endpoint_url)
    assert flowemf_command(*command).returncode == 0
    sent = len(cloudwatch.requests)
    again = flowemf_command(*command)
    assert again.returncode == 0
    assert len(cloudwatch.requests) == sent
    said = again.stderr.decode()
    assert "nothing new: an earlier run has delivered" in said
    assert "checkpoint.sqlite3" in said
    assert "--no-checkpoint" in said
    assert flowemf_command(*command, "--no-checkpoint").returncode == 0
    assert len(cloudwatch.requests) == 2 * sent


def test_a_log_that_has_grown_gives_only_what_is_new(
    flowemf_command: Flowemf, cloudwatch: CloudWatch, tmp_path: Path
) -> None:
    """A file is replayed from where the last run stopped."""
    log = tmp_path / "grows.log"
    command = ("replay", log, "--to", "metrics", "--endpoint-url", cloudwatch.endpoint_url)
    log.write_text(metric_line(now_ms(), 1.5))
    assert flowemf_command(*command).returncode == 0
    with log.open("a") as file:
        file.write(metric_line(now_ms(), 2.5))
    assert flowemf_command(*command).returncode == 0
    assert [datum["Values"] for request in cloudwatch.requests for datum in request["MetricData"]] == [[1.5], [2.5]]


def test_a_named_standard_input_is_known_again(flowemf_command: Flowemf, cloudwatch: CloudWatch) -> None:
    """With --source-id the same log piped in again is not sent again; without it a warning says so."""
    where = ("--to", "metrics", "--endpoint-url", cloudwatch.endpoint_url)
    log = metric_line(now_ms()).encode()
    for _ in range(2):
        assert flowemf_command("replay", "--source-id", "orders", *where, stdin=log).returncode == 0
    assert len(cloudwatch.requests) == 1
    unnamed = flowemf_command("replay", *where, stdin=log)
    assert "--source-id" in unnamed.stderr.decode()
    assert len(cloudwatch.requests) == 2


def test_data_of_three_weeks_ago_is_refused_with_its_reason(
    flowemf_command: Flowemf, cloudwatch: CloudWatch, tmp_path: Path
) -> None:
    """PutMetricData takes two weeks: the old line is refused for good (4), the new one beside it arrives."""
    log = tmp_path / "old.log"
    log.write_text(metric_line(now_ms() - 21 * 24 * 3600 * 1000, 7) + metric_line(now_ms(), 8))
    finished = flowemf_command("replay", log, "--to", "metrics", "--endpoint-url", cloudwatch.endpoint_url, "--json")
    assert finished.returncode == 4
    said = finished.stderr.decode()
    assert "too-old" in said
    assert "two weeks" in said
    assert "refused for good" in said
    ledger = json.loads(finished.stdout)
    assert examine_ledger(ledger) == []
    assert ledger["destinations"][0]["reasons"] == {"too-old": 1}
    assert [datum["Values"] for datum in cloudwatch.requests[0]["MetricData"]] == [[8]]


def test_data_of_three_weeks_ago_is_fine_elsewhere(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """Age is judged by the destination: `check` and the local store take any."""
    log = tmp_path / "old.log"
    log.write_text(metric_line(now_ms() - 21 * 24 * 3600 * 1000))
    assert flowemf_command("check", log).returncode == 0
    stored = flowemf_command("replay", log, "--to", "local", "--json")
    assert stored.returncode == 0
    assert json.loads(stored.stdout)["destinations"][0]["datapoints"]["accepted"] == 1


@pytest.mark.parametrize(("status", "exit_code"), [("503 Service Unavailable", 3), ("403 Forbidden", 2)])
def test_what_is_not_taken_stays_owed(
    flowemf_command: Flowemf, cloudwatch: CloudWatch, tmp_path: Path, status: str, exit_code: int
) -> None:
    """A failing service gives 3, a refused identity 2; the next run delivers what is owed."""
    log = tmp_path / "owed.log"
    log.write_text(metric_line(now_ms(), 3))
    command = (
        "replay",
        log,
        "--to",
        "metrics",
        "--endpoint-url",
        cloudwatch.endpoint_url,
        "--json",
        "--retry-for",
        "0",
    )
    cloudwatch.status = status
    failed = flowemf_command(*command)
    assert failed.returncode == exit_code, failed.stderr.decode()
    assert examine_ledger(json.loads(failed.stdout)) == []
    assert "run the same command again" in failed.stderr.decode()
    cloudwatch.status = None
    resumed = flowemf_command(*command)
    assert resumed.returncode == 0, resumed.stderr.decode()
    account: dict[str, Any] = json.loads(resumed.stdout)["destinations"][0]
    assert (account["datapoints"]["resumed"], account["datapoints"]["accepted"]) == (1, 1)


def test_an_endpoint_that_does_not_answer_means_run_again(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """Nothing listens there: 3, one sentence, no traceback."""
    log = tmp_path / "unsent.log"
    log.write_text(metric_line(now_ms()))
    where = ("--endpoint-url", "http://127.0.0.1:9", "--retry-for", "1")
    finished = flowemf_command("replay", log, "--to", "metrics", *where)
    assert finished.returncode == 3
    assert "unreachable" in finished.stderr.decode()
    assert "trying each request again for up to 1 s" in finished.stderr.decode()
    assert b"Traceback" not in finished.stderr
