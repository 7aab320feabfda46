"""What the tests of the report share: Chromium, and logs whose figures can be computed from their lines alone.

Lines go in; the page that `flowemf report` makes of them comes out, open in a browser that kept whatever it complained
about.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from report_lines import hour_of_lines


def report(directory: Path, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run `flowemf report`."""
    command = [sys.executable, "-m", "flowemf_processor", "report", *map(str, arguments)]
    return subprocess.run(
        command, cwd=directory, capture_output=True, stdin=subprocess.DEVNULL, timeout=120, check=False
    )


@dataclass
class Opened:
    """A page in the browser.

    Attributes:
        page: Playwright's page.
        complaints: what the console, the scripts or a dialog said.
        requests: every address that was asked for.
    """

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def headline(self, title: str) -> float:
        """Read a headline's number."""
        return float(self.page.get_attribute(f'[data-headline="{title}"]', "data-value"))

    def table(self, selector: str) -> dict[str, dict[str, float | str | None]]:
        """Read a table: row -> heading -> number as it was computed, text where there is none."""
        rows = self.page.eval_on_selector(
            f"{selector} table",
            """table => [[...table.tHead.rows[0].cells].map(cell => cell.textContent),
                ...[...table.tBodies[0].rows].map(row => [...row.cells].map(
                    cell => cell.dataset.value ?? cell.textContent))]""",
        )
        headings, *body = rows
        return {row[0]: dict(zip(headings[1:], map(_number, row[1:]), strict=True)) for row in body}

    def choose(self, label: str, option: str) -> None:
        """Choose from a list of the form."""
        self.page.get_by_label(label, exact=True).select_option(label=option)


def _number(text: str) -> float | str | None:
    try:
        return float(text)
    except ValueError:
        return text or None


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start Chromium, without a window; while it runs, no other event loop may in this thread."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # The page is our own, and who runs tests as root has no other sandbox to offer.
        started = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield started
        started.close()


Show = Callable[..., Opened]


@pytest.fixture
def show(browser: Any) -> Iterator[Show]:
    """Give what opens a file; whatever was opened must not have complained, nor asked anybody for anything."""
    opened: list[Opened] = []

    def open_file(file: Path, **context: Any) -> Opened:
        page = browser.new_context(**context).new_page()
        page.set_default_timeout(15_000)
        result = Opened(page)
        opened.append(result)
        page.on("console", lambda message: result.complaints.append(message.text))
        page.on("pageerror", lambda error: result.complaints.append(str(error)))
        page.on("dialog", lambda dialog: (result.complaints.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: result.requests.append(request.url))
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-ready]", timeout=30_000)
        return result

    yield open_file
    for each in opened:
        requests, complaints, address = each.requests, each.complaints, each.page.url
        each.page.context.close()
        assert complaints == []
        assert requests == [address]


def made_of(lines: Iterable[dict[str, Any]], directory: Path, *arguments: str) -> Path:
    """Make a page of lines."""
    log, page = directory / "app.log", directory / "report.html"
    log.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    finished = report(directory, log, "-o", page, *arguments)
    assert finished.returncode == 0, finished.stderr.decode()
    return page


@pytest.fixture
def reported(tmp_path: Path) -> Callable[..., Path]:
    """Give what makes a page of lines."""
    return lambda lines, *arguments: made_of(lines, tmp_path, *arguments)


@pytest.fixture(scope="session")
def lines() -> list[dict[str, Any]]:
    """Make an hour of flows and generations, in two environments."""
    return hour_of_lines()


@pytest.fixture(scope="session")
def hour(lines: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the page of that hour once, for all tests that only look at it."""
    return made_of(lines, tmp_path_factory.mktemp("hour"))
