"""The page about the report: its commands run in their order, and its numbers are those of the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from page_reader import environment_in, typed

from flowemf_processor.core.insight import figures

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")


def test_every_command_runs_and_writes_what_it_names(tmp_path: Path) -> None:
    """Copied in their order, beside a log of the demo."""
    with (tmp_path / "app.log").open("wb") as log:
        subprocess.run([sys.executable, "-m", "flowemf.demo", "--events", "200"], stdout=log, check=True)
    environment = environment_in(tmp_path)
    commands = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    for command in commands:
        finished = typed(command, environment)
        assert finished.returncode == 0, f"{command}\n{finished.stderr.decode()}"
    named = re.findall(r"-o (\S+)", "\n".join(commands))
    assert len(named) == 5
    assert all('"time":{"start_ms":' in (tmp_path / name).read_text(encoding="utf-8") for name in named)


def test_the_bounds_are_those_of_the_code() -> None:
    """Whoever changes a bound changes the page."""
    for sentence in (
        f"at most {figures.MOST_ROWS:,} rows of sums and {figures.MOST_DURATIONS:,} distinct durations",
        f"at most {figures.MOST_PERIODS} periods",
        f"{figures.MOST_NAMES} flows, {figures.MOST_NAMES} models, {figures.MOST_ERROR_TYPES} error types",
        f"{figures.MOST_FILTER_VALUES} values of each of {figures.MOST_FILTERS} dimensions",
    ):
        assert sentence in " ".join(PAGE.split()), sentence


def test_the_library_is_the_release_that_the_page_names_with_its_licence() -> None:
    """Who takes the library along takes its terms along."""
    folder = ROOT / "processor" / "flowemf_processor" / "report" / "assets" / "echarts"
    [release] = re.findall(r"Apache ECharts\]\(\S+\) ([\d.]+)", PAGE)
    assert f't.version="{release}"' in (folder / "echarts.common.min.js").read_text(encoding="utf-8")
    size_bytes = (folder / "echarts.common.min.js").stat().st_size
    assert PAGE.count(f"{size_bytes / 1e6:.1f} MB") == 2
    assert "Apache License" in (folder / "LICENSE").read_text(encoding="utf-8")
    assert "Apache ECharts" in (folder / "NOTICE").read_text(encoding="utf-8")
    assert "BSD" in (folder / "LICENSE").read_text(encoding="utf-8")
    assert "Mike Bostock" in (folder / "LICENSE-d3").read_text(encoding="utf-8")
