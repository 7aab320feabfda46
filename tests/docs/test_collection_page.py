"""The page about automatic collection: its snippets run, and its tables are those of the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from flowemf._collecting.gen_ai_spans import INPUT_WITHOUT_CACHE
from flowemf._collecting.live_spans import MOST_SPANS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "automatic-collection.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
# LiteLLM is not installed beside what other tests need; those of its calls bring it along.
MISSING = {"flowemf.integrations.litellm needs litellm, which is not installed"}


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_each_snippet_runs(snippet: str, tmp_path: Path) -> None:
    """As somebody would paste it."""
    finished = subprocess.run(
        [sys.executable, "-c", snippet], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False
    )
    missing = [each for each in MISSING if each in finished.stderr]
    assert finished.returncode == 0 or missing, finished.stderr


def test_the_table_of_tokens_is_the_one_of_the_code() -> None:
    """Who leaves the cache out."""
    listed = re.findall(r"^\| `([a-z.-]+)` \| without the cache \|", PAGE, re.MULTILINE)
    assert sorted(listed) == sorted(INPUT_WITHOUT_CACHE)


def test_the_number_of_open_spans_is_the_one_of_the_code() -> None:
    """Beyond it they are forgotten."""
    assert f"more than {MOST_SPANS:,} are open" in PAGE
