"""What the pages say is what the code does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from configuration_page import PAGE, page

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_page_of_settings_is_made_from_their_schema() -> None:
    """Nobody has to remember to document a setting; `python tests/docs/write_pages.py` writes the page."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_example_of_the_readme_writes_a_log_that_its_commands_read(tmp_path: Path) -> None:
    """A new user copies the example, then the commands; each works as printed."""
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    log = tmp_path / "app.log"
    with log.open("wb") as output:
        subprocess.run([sys.executable, "-c", example], stdout=output, check=True, cwd=tmp_path)
    events = [json.loads(line)["event"] for line in log.read_text(encoding="utf-8").splitlines()]
    assert events == ["flow.start", "generation", "flow.end"]
    for command in _commands():
        completed = subprocess.run(
            [sys.executable, "-m", "flowemf_processor", *command], capture_output=True, cwd=tmp_path, check=False
        )
        assert completed.returncode == 0, completed.stderr.decode()


def _commands() -> list[list[str]]:
    """Give the arguments of the commands under "Read back" that need no network."""
    (block,) = re.findall(r"## Read back\n+```bash\n(.*?)```", README, re.DOTALL)
    lines = [line.split("#")[0].split() for line in block.splitlines()]
    commands = [words[1:] for words in lines if words[0] == "flowemf"]
    without_network = [words for words in commands if "metrics" not in words or "--dry-run" in words]
    assert (len(commands), len(without_network)) == (5, 4)
    return without_network


@pytest.mark.parametrize("document", [*sorted(ROOT.glob("docs/*.md")), ROOT / "README.md"], ids=lambda path: path.name)
def test_links_inside_the_repository_lead_somewhere(document: Path) -> None:
    """A page that was moved takes its links along."""
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target
