"""`flowemf cost` as a process: the bill of a log, as tables and as JSON."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from emf_totals import values_of
from metric_lines import document
from test_delivery_follow import text_of

if TYPE_CHECKING:
    from tests.cli.conftest import Flowemf

PAGE = Path(__file__).parents[2] / "docs" / "cost.md"
PROGRAM = """
import sys
import flowemf
flowemf.configure("N", custom_dimensions={"Environment": "Demo"}, metric_buffer_size=int(sys.argv[1]))
for number in range(250):
    flowemf.record_generation("m", duration_ms=10 + number / 8, input_tokens=number, output_tokens=5)
    flowemf.metric("Depth", number, "Count")
"""
PRICES = {
    "schema_version": 1,
    "as_of": "2030-01",
    "region": "here",
    "currency": "EUR",
    "source": "a leaflet",
    "hours_per_month": 100,
    "bytes_per_gb": 1000,
    "metrics": {"free": 0, "tiers": [{"price": 1}]},
    "requests": {"free": 0, "tiers": [{"price": 2}]},
    "log_gb": {"free": 0, "tiers": [{"price": 3}]},
}


def answer(flowemf: Flowemf, *arguments: Any) -> dict[str, Any]:
    """Compute a bill as JSON."""
    finished = flowemf("cost", *arguments, "--format", "json")
    assert finished.returncode == 0, finished.stderr.decode()
    said: dict[str, Any] = json.loads(finished.stdout)
    return said


def test_the_metrics_are_those_that_plain_json_counts(flowemf_command: Flowemf, demo_log: Path) -> None:
    """Units do not make metrics; every dimension set does."""
    lines = demo_log.read_text().splitlines()
    metrics = {(each.namespace, each.metric, each.dimensions) for each in values_of(lines)}
    said = answer(flowemf_command, demo_log)
    assert said["log"]["unique_metrics"] == len(metrics)
    assert said["log"]["lines"]["lines"] == 400
    written = [line for line in lines if '"CloudWatchMetrics"' in line]
    assert said["log"]["lines"]["size_bytes"] == sum(len(line.encode()) + 26 for line in written)
    flows = {key: value for *_, pairs in metrics for key, value in pairs if key == "FlowName"}
    [flow] = [each for each in said["dimensions"] if each["key"] == "FlowName"]
    assert flow["metrics"] == sum("FlowName" in dict(pairs) for *_, pairs in metrics)
    assert flows


def test_what_a_dimension_saves_is_what_a_log_without_it_has(flowemf_command: Flowemf, demo_log: Path) -> None:
    """Nothing is estimated: take the dimension out of the lines, and count again."""
    said = answer(flowemf_command, demo_log)
    for each in said["dimensions"]:
        lines = []
        for line in demo_log.read_text().splitlines():
            if '"_aws"' not in line:
                continue
            document = json.loads(line)
            for directive in document["_aws"]["CloudWatchMetrics"]:
                sets = [[key for key in keys if key != each["key"]] for keys in directive["Dimensions"]]
                directive["Dimensions"] = [keys for at, keys in enumerate(sets) if keys not in sets[:at]]
            lines.append(json.dumps(document))
        without = {(found.namespace, found.metric, found.dimensions) for found in values_of(lines)}
        assert each["saved_metrics"] == said["log"]["unique_metrics"] - len(without), each["key"]
        assert each["saves"] == pytest.approx(0.3 * each["saved_metrics"])


def test_the_requests_are_those_that_a_replay_plans(flowemf_command: Flowemf, demo_log: Path) -> None:
    """A dry run of the same log plans as many."""
    dry_run = flowemf_command("replay", demo_log, "--to", "metrics", "--dry-run", "--json").stdout
    requests = answer(flowemf_command, demo_log)["log"]["requests"]
    assert requests["at_once"] == json.loads(dry_run.splitlines()[-1])["destinations"][0]["requests"]["planned"]
    assert requests["line_by_line"] == 400
    assert 3 <= requests["each_minute"] <= 61


def test_merged_lines_are_those_that_the_emitter_writes(flowemf_command: Flowemf) -> None:
    """The same program with `metric_buffer_size` leaves as many lines, and as many bytes to a fiftieth."""

    def counted(buffer_size: int) -> dict[str, Any]:
        command = [sys.executable, "-c", PROGRAM, str(buffer_size)]
        (flowemf_command.directory / "app.log").write_bytes(subprocess.check_output(command, timeout=60))
        log: dict[str, Any] = answer(flowemf_command, "app.log", "--span", "1h")["log"]
        return log

    foretold, written = counted(1)["merged_lines"], counted(1000)["lines"]
    assert foretold["lines"] == pytest.approx(written["lines"], abs=2)  # a minute may end in between
    assert foretold["size_bytes"] / foretold["lines"] == pytest.approx(
        written["size_bytes"] / written["lines"], rel=0.5
    )
    if foretold["lines"] == written["lines"]:
        assert foretold["size_bytes"] == pytest.approx(written["size_bytes"], rel=0.02)


def test_prices_of_ones_own(flowemf_command: Flowemf, demo_log: Path) -> None:
    """Metrics, requests and bytes are multiplied by them, for a month of so many logs."""
    (flowemf_command.directory / "prices.json").write_text(json.dumps(PRICES))
    said = answer(flowemf_command, demo_log, "--prices", "prices.json", "--span", "50h")
    assert (said["months_per_log"], said["prices"]["currency"]) == (2, "EUR")
    plain, merged, by_line, *_ = said["bills"]
    assert plain["for_metrics"] == said["log"]["unique_metrics"]
    assert plain["for_logs"] == pytest.approx(2 * said["log"]["lines"]["size_bytes"] / 1000 * 3)
    assert merged["log_bytes"] == 2 * said["log"]["merged_lines"]["size_bytes"]
    assert merged["log_bytes"] < plain["log_bytes"]
    assert by_line["for_requests"] == 2 * 400 * 2
    assert by_line["total"] == by_line["for_metrics"] + by_line["for_requests"]


def test_the_tables_say_where_prices_come_from_and_what_was_extrapolated(
    flowemf_command: Flowemf, demo_log: Path
) -> None:
    """Date and source of the prices; how long the log took."""
    shown = flowemf_command("cost", demo_log).stdout.decode()
    assert "Prices of us-east-1, read 2026-11 (https://aws.amazon.com/cloudwatch/pricing/)" in shown
    assert re.search(r"Extrapolated: [\d.,]+ logs like this one make a month", shown)
    assert "drives the number of metrics" in shown
    assert max(map(len, shown.splitlines())) <= 130


def test_a_log_of_one_moment_needs_to_be_told_its_length(flowemf_command: Flowemf, demo_log: Path) -> None:
    """Otherwise a month is not guessed at."""
    line = next(line for line in demo_log.read_bytes().splitlines(keepends=True) if b'"_aws"' in line)
    shown = flowemf_command("cost", "-", stdin=line).stdout.decode()
    assert "give --span to see a month" in shown
    assert "Extrapolated" not in shown


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (30, "over 30.0 minutes"),
        (119, "over 119.0 minutes"),
        (120, "over 2.0 hours"),
        (47 * 60, "over 47.0 hours"),
        (2880, "over 2.0 days"),
    ],
)
def test_the_time_that_a_log_took_is_said_as_people_say_it(flowemf_command: Flowemf, minutes: int, said: str) -> None:
    """Minutes below two hours, days from two days on."""
    begin_ms = 1_795_458_836_581
    lines = [document({"Latency": 1}, timestamp_ms=begin_ms + after * 60_000) for after in (0, minutes)]
    shown = flowemf_command("cost", "-", stdin=text_of(lines)).stdout.decode()
    assert said in shown.splitlines()[0]


def test_a_metric_that_was_sent_in_half_of_the_hours_is_half_a_metric(flowemf_command: Flowemf) -> None:
    """CloudWatch bills by the hour: one metric in all of two hours, another in one of them."""
    begin_ms = 1_795_458_836_581
    always = [document({"Latency": 1}, timestamp_ms=begin_ms + day * 86_400_000) for day in (0, 2)]
    once = document({"Depth": 1}, timestamp_ms=begin_ms)
    shown = flowemf_command("cost", "-", stdin=text_of([*always, once])).stdout.decode()
    assert shown.startswith("2 unique metrics in 3 metric lines")
    assert "billed by the hour in which they are sent: that makes 1.5 a month" in shown


def test_advice_is_given_only_where_something_can_be_saved(flowemf_command: Flowemf) -> None:
    """A metric without dimensions has neither one that drives its number nor roll-ups; those of the demo have both."""
    plain = flowemf_command("cost", "-", stdin=text_of([document({"Latency": 1})])).stdout.decode()
    assert "drives the number of metrics" not in plain
    assert "Roll-ups are" not in plain
    assert "Merging lines" in plain
    rolled_up = document({"Latency": 1}, dimensions={"Flow": "a"}, sets=[["Flow"], []])
    assert "Roll-ups are 1 of the metrics" in flowemf_command("cost", "-", stdin=text_of([rolled_up])).stdout.decode()


def test_no_metric_line_is_no_bill(flowemf_command: Flowemf) -> None:
    """It is said, and is no error."""
    finished = flowemf_command("cost", stdin=b"hello\n")
    assert (finished.returncode, finished.stdout) == (0, b"")
    assert b"nothing to pay for" in finished.stderr


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        ("{", "Expecting"),
        ("{}", "is a required property"),
        (json.dumps(PRICES | {"log_gb": {"free": 0, "tiers": [{"price": -1}]}}), "minimum"),
        (json.dumps(PRICES | {"log_gb": {"free": 0, "tiers": [{"price": 1, "up_to": 5}]}}), "the last tier has none"),
    ],
)
def test_a_wrong_table_of_prices_is_refused(flowemf_command: Flowemf, demo_log: Path, prices: str, said: str) -> None:
    """With the place and the way to the schema, and exit code 2."""
    (flowemf_command.directory / "prices.json").write_text(prices)
    finished = flowemf_command("cost", demo_log, "--prices", "prices.json")
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert said in finished.stderr.decode()
    assert b"schema show cloudwatch-prices" in finished.stderr


@pytest.mark.parametrize("arguments", [["--span", "soon"], ["--span", "0h"], ["--prices", "no-such.json"], ["no.log"]])
def test_a_wrong_option_gives_2(flowemf_command: Flowemf, arguments: list[str]) -> None:
    """Nothing is printed on stdout."""
    finished = flowemf_command("cost", *arguments, stdin=b"")
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert b"Traceback" not in finished.stderr


def test_the_commands_of_the_page_run(flowemf_command: Flowemf, demo_log: Path) -> None:
    """As printed."""
    shutil.copy(demo_log, flowemf_command.directory / "app.log")
    blocks = re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)
    commands = [shlex.split(line) for block in blocks for line in block.splitlines()]
    assert len(commands) == 3
    for words in commands:
        finished = flowemf_command(*words[1:])
        assert finished.returncode == 0, finished.stderr.decode()
