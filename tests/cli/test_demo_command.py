"""Runs `flowemf demo` as a new user would, and recomputes its tables from the log it wrote."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from emf_totals import documents_of

from flowemf_processor.cli.main import run
from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Finished, Flowemf

Table = dict[str, list[str]]


def tables_of(finished: Finished) -> tuple[Table, Table]:
    """Read both tables: the cells of each row, by the name it begins with."""
    assert finished.returncode == 0, finished.stderr.decode()
    flows, models = finished.stdout.decode().split("\n\n")
    return _rows(flows), _rows(models)


def _rows(table: str) -> Table:
    body = table.splitlines()[3:]
    return {cells[0]: cells[1:] for cells in (re.split(r" {2,}", line.strip()) for line in body)}


def quantile(values: list[float], share: float) -> float:
    """Interpolate linearly between the two nearest values."""
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def milliseconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def flow_rows(documents: list[dict[str, Any]]) -> Table:
    """Count the flows by hand."""
    by_flow: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for document in documents:
        if "FlowName" in document:
            by_flow[document["FlowName"]].append(document)
    return {name: _flow_row(lines) for name, lines in by_flow.items()}


def _flow_row(lines: list[dict[str, Any]]) -> list[str]:
    count = {metric: sum(line.get(metric, 0) for line in lines) for metric in names.FLOW_METRICS}
    durations = [line["FlowDuration"] for line in lines if "FlowDuration" in line]
    errors = Counter(line["ErrorType"] for line in lines if "FlowError" in line)
    ended = count["FlowCompleted"] + count["FlowError"]
    return [
        f"{count['FlowStarted']:,}",
        f"{count['FlowCompleted'] / ended:.1%}" if ended else "-",
        *(milliseconds(quantile(durations, share)) for share in (0.5, 0.95, 0.99)),
        str(count["FlowCancelled"]),
        ", ".join(f"{kind}:{n}" for kind, n in sorted(errors.items(), key=lambda item: (-item[1], item[0]))) or "-",
    ]


def model_rows(documents: list[dict[str, Any]]) -> Table:
    """Count the generations by hand."""
    by_model: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for document in documents:
        if "ModelID" in document:
            by_model[document["ModelID"]].append(document)
    metrics = ("GenerationCount", "GenerationError", "InputTokens", "OutputTokens", "TokensUsed")
    return {
        name: [
            *(f"{sum(line.get(metric, 0) for line in lines):,}" for metric in metrics),
            milliseconds(quantile([line["GenerationDuration"] for line in lines], 0.95)),
        ]
        for name, lines in by_model.items()
    }


def test_the_tables_say_what_the_log_holds(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """Every cell equals an independent count with plain json."""
    flows, models = tables_of(flowemf_command("demo", "--events", "2000", "--seed", "1"))
    documents = documents_of((tmp_path / "flowemf-demo" / "app.log").read_text().splitlines())
    assert len(documents) == 2000
    assert flows == flow_rows(documents)
    assert models == model_rows(documents)


def test_a_seed_gives_the_same_tables(flowemf_command: Flowemf) -> None:
    """Twice the same seed, twice the same output; another seed, another output."""
    first, again, other = (flowemf_command("demo", "--events", "300", "--seed", seed) for seed in ("5", "5", "6"))
    assert first.stdout == again.stdout
    assert first.stdout != other.stdout


def test_every_line_of_the_demo_passes_the_check(flowemf_command: Flowemf) -> None:
    """The emitter writes nothing that CloudWatch would refuse, misread or ignore."""
    flowemf_command("demo", "--events", "2000", "--directory", "here")
    checked = flowemf_command("check", "here/app.log")
    assert (checked.returncode, checked.stdout) == (0, b"")
    assert b"2,000 metric" in checked.stderr


def test_the_demo_shows_everything_that_can_happen(demo_log: Path) -> None:
    """Flows within flows, streaming, cached and reasoning tokens, each error type, a cancelled flow, ordinary lines."""
    lines = demo_log.read_text().splitlines()
    documents = documents_of(lines)
    assert {document["ErrorType"] for document in documents if "FlowError" in document} == set(names.ERROR_TYPES)
    shown = {name for document in documents for name in document}
    assert shown >= {*names.FLOW_METRICS, *names.GENERATION_METRICS, "flow_id", "parent_flow_id", "error_message"}
    assert shown >= {"request_id", "SearchResults"}
    ordinary = [line for line in lines if "CloudWatchMetrics" not in line]
    assert any(line.startswith("{") and json.loads(line) for line in ordinary)
    assert any(line.startswith("ERROR server: ") for line in ordinary)


def test_the_lines_are_recent_enough_for_put_metric_data(flowemf_command: Flowemf) -> None:
    """What the closing hint proposes works: every datapoint of the demo would be sent."""
    finished = flowemf_command("demo", "--events", "200", "--seed", "-3")
    assert "flowemf replay flowemf-demo/app.log --to metrics --dry-run" in finished.stderr.decode()
    planned = flowemf_command("replay", "flowemf-demo/app.log", "--to", "metrics", "--dry-run")
    assert planned.returncode == 0
    assert "would be sent" in planned.stderr.decode()


def test_each_run_replaces_its_own_files_and_no_others(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """Somebody may have put the directory to other uses."""
    directory = tmp_path / "mine"
    directory.mkdir()
    (directory / "notes.txt").write_text("keep me")
    for _ in range(2):
        finished = flowemf_command("demo", "--events", "25", "--directory", directory)
        assert "25 metric" in finished.stderr.decode()
    assert sorted(path.name for path in directory.iterdir()) == ["app.log", "demo.duckdb", "notes.txt"]
    assert (directory / "notes.txt").read_text() == "keep me"


@pytest.mark.parametrize("events", [1, 2, 3, 7])
def test_the_smallest_demos_write_exactly_what_was_asked_for(
    flowemf_command: Flowemf, tmp_path: Path, events: int
) -> None:
    """The number of metric lines is exact from one on."""
    finished = flowemf_command("demo", "--events", str(events))
    assert finished.returncode == 0, finished.stderr.decode()
    log = (tmp_path / "flowemf-demo" / "app.log").read_text()
    assert len(documents_of(log.splitlines())) == events


@pytest.mark.skipif(sys.version_info < (3, 11), reason="before 3.11, `python -m` always looks into the directory first")
def test_the_users_settings_do_not_reach_the_demo(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """Somebody who has switched flowemf off, or has modules of the same names, still sees the demo."""
    for module in ("json.py", "random.py", "flowemf.py"):
        (tmp_path / module).write_text("raise SystemExit('the user\\'s own module was imported')\n")
    settings = {"FLOWEMF_DISABLED": "true", "FLOWEMF_NAMESPACE": "::", "AWS_EMF_NAMESPACE": "x"}
    finished = subprocess.run(
        [Path(sys.executable).parent / "flowemf", "demo", "--events", "10"],
        cwd=tmp_path,
        env=flowemf_command.environment | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert "10 metric" in finished.stderr


def test_the_tables_fit_a_terminal(flowemf_command: Flowemf) -> None:
    """Eighty columns show every number, and every error type whole."""
    code, shown = flowemf_command.on_terminal("demo", "--events", "2000")
    assert code == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text
    assert all(f"{kind}:" in text for kind in names.ERROR_TYPES)


def test_a_narrow_terminal_cuts_no_number_short(with_variables: Callable[..., Flowemf]) -> None:
    """A terminal of forty columns wraps the lines; "1,…" would be read as a number."""
    code, shown = with_variables(COLUMNS="40").on_terminal("demo", "--events", "200")
    assert code == 0
    assert "…" not in shown
    assert "claude-sonnet" in shown


def test_output_and_messages_in_one_pipe_keep_their_order(with_variables: Callable[..., Flowemf]) -> None:
    """The tables come before what to try next, in the log of a build too."""
    buffered = with_variables(PYTHONUNBUFFERED=None)
    running = buffered.start("demo", "--events", "25", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    shown = running.communicate(timeout=60)[0].decode()
    places = [shown.index(text) for text in ("wrote ", "Flows\n", "Models\n", "Try next:")]
    assert places == sorted(places)


def test_an_application_that_fails_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the last line that it said; an interpreter that starts nothing stands for whatever may go wrong."""
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho first >&2; echo no memory left >&2; exit 9\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    assert run(["demo", "--directory", str(tmp_path / "demo")]) == 70
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "flowemf: the sample application ended with 9: no memory left\n")


def test_a_directory_that_takes_no_files_is_named(flowemf_command: Flowemf) -> None:
    """It exists, and still nothing can be made in it: a sentence and exit code 2, not a bug of ours."""
    finished = flowemf_command("demo", "--events", "25", "--directory", "/proc/self")
    assert finished.returncode == 2
    assert b"choose another --directory" in finished.stderr
