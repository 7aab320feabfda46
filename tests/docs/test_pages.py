"""What the README says works as printed, and every page is found."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from loopback_cloudwatch import CloudWatch

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted((ROOT / "docs").rglob("*.md"))
INDEX = ROOT / "docs" / "README.md"
CHECKOUT = ("emitter", "processor", "schemas", "examples", "README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give what a reader of the README has cloned."""
    without = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in CHECKOUT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=without)
        else:
            shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_a_reader_gets_from_the_readme_to_a_metric_of_their_own_in_the_report(checkout: Path) -> None:
    """Each command of the README as printed, in order, in a clean environment; only CloudWatch stands on loopback."""
    [program] = re.findall(r"Save this as `first\.py`:\n\n```python\n(.*?)```", README, re.DOTALL)
    (checkout / "first.py").write_text(program, encoding="utf-8")
    commands = [block for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) if block != "python3 tests\n"]
    assert len(commands) == 3
    server = CloudWatch()
    neutral = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON"))}
    try:
        walked = subprocess.run(
            ["bash", "-ec", "\n".join(commands)],
            cwd=checkout,
            env={
                **neutral,
                "AWS_ENDPOINT_URL": server.endpoint_url,
                "XDG_STATE_HOME": str(checkout / "state"),
                "PIP_NO_COMPILE": "1",
            },
            capture_output=True,
            text=True,
            timeout=170,
            check=False,
        )
    finally:
        server.stop()
    assert walked.returncode == 0, walked.stderr
    _, _, other_metrics = walked.stdout.partition("Other metrics")
    assert re.search(r"^DocumentsFound +1 +3 ", other_metrics, re.MULTILINE), walked.stdout
    assert "DocumentsFound" in (checkout / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", [*PAGES, ROOT / "README.md"], ids=lambda path: str(path.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(document: Path) -> None:
    """A page or a heading that was moved takes its links along."""
    text = document.read_text(encoding="utf-8")
    for target, heading in LINK.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        found = document.parent / target if target else document
        assert found.exists(), target
        if heading:
            assert heading in anchors(found), f"{target}#{heading}"


def anchors(page: Path) -> set[str]:
    """Give the headings of a page as GitHub links to them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_no_page_is_an_orphan() -> None:
    """Each page is one click from the README and stands in the list by task; the reference has a list of its own."""
    pages = {path.name for path in PAGES if path.parent == INDEX.parent} - {INDEX.name}
    assert sorted(pages - set(re.findall(r"\]\(docs/([\w-]+\.md)\)", README))) == []
    assert sorted(pages - set(re.findall(r"\]\(([\w-]+\.md)\)", INDEX.read_text(encoding="utf-8")))) == []
    assert "](docs/README.md)" in README
    assert "](docs/reference/README.md)" in README
