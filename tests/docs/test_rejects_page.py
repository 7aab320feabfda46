"""The page about reading logs: its commands run in their order, and do what it says."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import duckdb
from page_reader import environment_in, typed

from flowemf_schemas.verdicts import VERDICTS, Scope

PAGE = (Path(__file__).parents[2] / "docs" / "reading.md").read_text(encoding="utf-8")
LINE = {
    "_aws": {
        "Timestamp": 1_760_000_000_000,
        "CloudWatchMetrics": [
            {
                "Namespace": "MyApp/GenKit",
                "Dimensions": [[]],
                "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}],
            }
        ],
    },
    "Latency": 12,
}


def commands_of(section: str) -> list[str]:
    """Give the commands of a section."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return [line for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]


def run(command: str, directory: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a command as the page has it, in a shell that finds `flowemf`."""
    return typed(command, environment_in(directory))


def written(directory: Path) -> None:
    """Write the log that the page speaks of: a good line, and one with a unit that is none."""
    good = json.dumps(LINE, separators=(",", ":"))
    bad = good.replace("Milliseconds", "ms").replace(":12", ":30")
    (directory / "app.log").write_text(f"{good}\n{bad}\n")


def test_rejected_lines_are_kept_mended_and_replayed_as_the_page_shows(tmp_path: Path) -> None:
    """Three commands: the store holds both numbers afterwards, each once."""
    written(tmp_path)
    finished = [run(command, tmp_path) for command in commands_of("Rejected lines: keep, mend, replay")]
    assert [each.returncode for each in finished] == [0, 0, 0], [each.stderr for each in finished]
    with duckdb.connect(str(tmp_path / "flowemf.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT Latency FROM METRICS ORDER BY 1").fetchall() == [(12,), (30,)]
    assert (tmp_path / "still-bad.jsonl").read_bytes() == b""


def test_the_guarded_replay_of_the_page_runs(tmp_path: Path) -> None:
    """Old data is refused for good, which is exit code 4; nothing is wrong with the options."""
    written(tmp_path)
    [command] = commands_of("Other people's lines")
    finished = run(command, tmp_path)
    assert finished.returncode == 4, finished.stderr
    assert b"1 datapoint too-old" in finished.stderr


def test_the_page_names_every_scope() -> None:
    """A table that is shorter than the code misleads."""
    table = PAGE.partition("\n## What a defect costs\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| ([a-z ]+) \|", table, re.MULTILINE)[1:] == [scope.value for scope in sorted_scopes()]
    assert {verdict.scope for verdict in VERDICTS.values()} == set(Scope)


def sorted_scopes() -> list[Scope]:
    """Give the scopes by what they take, most first."""
    return [Scope.LINE, Scope.DIRECTIVE, Scope.DIMENSION_SET, Scope.METRIC, Scope.NOTE]
