"""Runs `flowemf report` as its users do: on a terminal, into a file, over a store, and wrongly."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from metric_lines import document
from test_delivery_follow import text_of

if TYPE_CHECKING:
    from tests.cli.conftest import Flowemf


def ended(log: Path) -> int:
    """Count the flows that ended, from the lines themselves."""
    return sum(json.loads(line).get("event") == "flow.end" for line in log.read_text().splitlines() if line[:1] == "{")


def test_the_essentials_are_shown_on_a_terminal(flowemf_command: Flowemf, demo_log: Path) -> None:
    """Headlines with curves, then flows and models, within 80 columns but for the words of errors."""
    code, shown = flowemf_command.on_terminal("report", demo_log)
    assert code == 0
    assert re.search(rf"Flows ended +{ended(demo_log):,}  [▁▂▃▄▅▆▇█]+\n", shown)
    assert all(
        word in shown for word in ("Success rate", "Flow p95", "Tokens", "Estimated cost", "Models", "nova-lite")
    )
    printed = re.sub(r"\x1b\[[\d;]*m", "", shown.partition("rejected\n")[2])
    assert [line for line in printed.splitlines() if len(line.rstrip()) > 80] == []


def test_a_pipe_without_unicode_gets_ascii(with_variables: Callable[..., Flowemf], demo_log: Path) -> None:
    """What is printed can be written wherever it goes."""
    flowemf = with_variables(PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    finished = flowemf("report", demo_log)
    assert finished.returncode == 0
    assert re.search(rb"Flows ended +\d+  [_.:=+*#-]+\n", finished.stdout)


def test_a_store_and_a_log_give_the_same_report(flowemf_command: Flowemf, demo_log: Path) -> None:
    """Where the numbers lie makes no difference to them."""
    flowemf_command("replay", demo_log, "--to", "local")
    over_log, over_store = flowemf_command("report", demo_log), flowemf_command("report")
    assert over_log.returncode == over_store.returncode == 0
    assert over_log.stdout.splitlines()[2:] == over_store.stdout.splitlines()[2:]
    assert over_store.stdout.splitlines()[1] == b"flowemf.duckdb"
    assert flowemf_command("report", "-", stdin=demo_log.read_bytes()).stdout == over_log.stdout.replace(
        str(demo_log).encode(), b"-"
    )


def test_the_page_is_one_file_that_names_no_other(flowemf_command: Flowemf, demo_log: Path) -> None:
    """Nothing is written beside it, nothing on stdout, and nothing in it is to be loaded."""
    finished = flowemf_command("report", demo_log, "-o", "report.html")
    assert (finished.returncode, finished.stdout) == (0, b"")
    assert b"wrote report.html" in finished.stderr
    assert [each.name for each in flowemf_command.directory.iterdir()] == ["report.html"]
    page = (flowemf_command.directory / "report.html").read_text(encoding="utf-8")
    markup = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)  # scripts load nothing either: tests/report
    assert re.findall(r"""(?:src|href)=(?!"#)|url\(|@import""", markup) == []
    assert "default-src &#x27;none&#x27;" in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("report", "app.log", "-o", "app.log"), "is what the report is made of"),
        (("report", "app.log", "-o", "no/such/report.html"), "cannot be written"),
        (("report", "no.log", "-o", "report.html"), "no.log"),
        (("report",), "there is no such store"),
        (("report", "app.log", "--database", "x.duckdb"), "one of them at a time"),
    ],
)
def test_what_cannot_be_done_is_said(flowemf_command: Flowemf, arguments: tuple[str, ...], said: str) -> None:
    """Exit code 2, no traceback, and what was there stays as it was."""
    (flowemf_command.directory / "app.log").write_text("{}\n")
    finished = flowemf_command(*arguments)
    assert finished.returncode == 2
    assert said in finished.stderr.decode()
    assert b"Traceback" not in finished.stderr
    assert (flowemf_command.directory / "app.log").read_text() == "{}\n"
    assert not (flowemf_command.directory / "report.html").exists()


def test_a_log_that_breaks_off_makes_a_report_and_exit_code_3(flowemf_command: Flowemf, demo_log: Path) -> None:
    """What could be read is shown, and scripts learn that something is missing."""
    (flowemf_command.directory / "torn.log.gz").write_bytes(gzip.compress(demo_log.read_bytes())[:-4000])
    finished = flowemf_command("report", "torn.log.gz", "-o", "report.html")
    assert finished.returncode == 3
    assert (flowemf_command.directory / "report.html").exists()


@pytest.mark.parametrize(
    ("metrics", "dimension", "there", "missing"),
    [
        ({"GenerationCount": 1}, "ModelID", ["Generations", "Models"], ["Flow", "Tokens  ", "p95  "]),
        (
            {"FlowStarted": 1},
            "FlowName",
            ["Flows ended", "Flows\n"],
            ["Generations", "Models", "Flow p95"],
        ),
        ({"Depth": 1}, "Queue", ["Other metrics"], ["Flow", "Generations", "Success rate"]),
    ],
)
def test_headlines_are_those_of_what_there_is(
    flowemf_command: Flowemf, metrics: dict[str, float], dimension: str, there: list[str], missing: list[str]
) -> None:
    """An application of generations alone has no success rate, and one without them no tokens."""
    line = document(metrics, dimensions={dimension: "one"}, unit="Count")
    shown = flowemf_command("report", "-", "--title", "One", stdin=text_of([line])).stdout.decode()
    assert [word for word in there if word not in shown] == []
    assert [word for word in missing if word in shown] == []


def test_a_log_without_metrics_says_so(flowemf_command: Flowemf) -> None:
    """An empty report is explained where its maker looks."""
    finished = flowemf_command("report", "-", stdin=b"hello\n")
    assert finished.returncode == 0
    assert b"no metrics" in finished.stderr
