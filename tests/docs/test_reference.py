"""The pages that are made from the code say what the code says now."""

from __future__ import annotations

import difflib
import importlib
import inspect
from pathlib import Path

import pytest
import reference_lines
from click.testing import CliRunner
from reference_commands import commands
from reference_docstrings import markdown
from reference_python import public_names
from write_pages import DOCS, PAGES

import flowemf
from flowemf._encoding.shapes import TABLE
from flowemf_processor.cli.main import cli
from flowemf_schemas import names
from flowemf_schemas.verdicts import VERDICTS

REFERENCE = DOCS / "reference"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_the_page_is_what_the_code_says(path: Path) -> None:
    """Whoever changes a flag, a docstring, a name, a verdict or a limit writes the pages anew."""
    here, made = path.read_text(encoding="utf-8").splitlines(), PAGES[path]().splitlines()
    changes = list(difflib.unified_diff(here, made, "committed", "made from the code", lineterm="", n=0))
    assert changes == [], "run: python tests/docs/write_pages.py"


@pytest.mark.parametrize("words", dict(commands(cli, "flowemf")))
def test_the_help_on_the_page_is_what_the_command_prints(words: str) -> None:
    """On a screen of 100 columns."""
    printed = CliRunner().invoke(cli, [*words.split()[1:], "--help"], prog_name="flowemf", terminal_width=100)
    expected = "\n".join(line.rstrip() for line in printed.output.splitlines())
    assert f"```text\n{expected}\n```" in (REFERENCE / "commands.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("module", ["flowemf", "flowemf.testing", "flowemf_schemas", "flowemf_processor.handlers"])
def test_what_a_module_offers_is_on_the_page(module: str) -> None:
    """The page is made from sources; these modules are imported, too."""
    listed = importlib.import_module(module).__all__
    assert sorted(public_names(module)) == sorted(listed)
    page = (REFERENCE / "python.md").read_text(encoding="utf-8")
    assert [name for name in listed if f"### {module}.{name}\n" not in page] == ["__version__"][
        : "__version__" in listed
    ]


def test_a_docstring_keeps_its_paragraphs_lists_and_examples() -> None:
    """As Markdown shows them; what stands in angle brackets is no HTML."""
    docstring = """Do it <now>.

    Two lines
    of `<text>`.
    >>> do()
    1

        first = 1

        second = 2

    - one
      point
    - two

    Args:
        name: what
            it is.
        **more: others.

    Returns:
        Something
        good.
    """
    assert markdown(inspect.cleandoc(docstring)) == (
        "Do it &lt;now>.\n\nTwo lines of `<text>`.\n\n```pycon\n>>> do()\n1\n```\n\n"
        "```text\nfirst = 1\n\nsecond = 2\n```\n\n- one point\n- two\n\n"
        "Args:\n\n- `name`: what it is.\n- `**more`: others.\n\nReturns: Something good."
    )


def test_nothing_that_is_written_is_left_out() -> None:
    """Each metric, dimension, property and verdict has its row; whoever adds one says what it means."""
    assert set(reference_lines.METRICS) == set(TABLE)
    assert set(reference_lines.DIMENSIONS) == set(names.BUILT_IN_DIMENSIONS)
    of_lambda = {names.REQUEST_ID, names.FUNCTION_VERSION, names.INITIALIZATION_TYPE}
    assert set(reference_lines.PROPERTIES) == {*names.PROPERTIES, *of_lambda}
    assert set(reference_lines.HANDLERS) == set(names.HANDLER_METRICS)
    findings = (REFERENCE / "findings.md").read_text(encoding="utf-8")
    assert [reason for reason in VERDICTS if f"| `{reason}` |" not in findings] == []


def test_what_monitors_count_is_on_the_page() -> None:
    """Reasons that real calls lead to, from several corners of the emitter."""
    monitor = flowemf.Monitor("App", sink=lambda line: 1 / 0)
    monitor.metric("L", float("nan"))
    monitor.metric("", 1)
    monitor.metric("L", 1, "ms", {"Route": "", "Who": "a@example.org"}, resolution=5, namespace="")
    monitor.on_flow_end("chat", -1)
    monitor.record_generation("nova", duration_ms=1, response={})
    counted = set(monitor.stats()) - {"lines_written"}
    page = (REFERENCE / "counts.md").read_text(encoding="utf-8")
    assert [reason for reason in counted if f"| `{reason}` |" not in page] == []
    assert len(counted) >= 6


def test_every_page_of_the_reference_is_made() -> None:
    """By hand only its index is written, which leads to each of them."""
    index = (REFERENCE / "README.md").read_text(encoding="utf-8")
    made = {path.name for path in PAGES if path.parent == REFERENCE}
    assert {path.name for path in REFERENCE.iterdir()} == {*made, "README.md"}
    assert [name for name in made if f"]({name})" not in index] == []
