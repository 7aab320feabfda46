"""The page about automatic collection, as far as it needs no spans: its snippets run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "automatic-collection.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.*?)$(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))


@pytest.mark.parametrize("title", ["With one call", "Amazon Bedrock with boto3", "LangChain"])
def test_the_snippets_of_the_page_run(title: str) -> None:
    """Copied into a program of their own; nothing is written and nothing is complained about."""
    (snippet,) = re.findall(r"```python\n(.*?)```", SECTIONS[title], re.DOTALL)
    finished = subprocess.run([sys.executable, "-c", snippet], capture_output=True, check=False, timeout=60)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, b"", b"")


def test_the_snippet_for_litellm_names_what_exists() -> None:
    """LiteLLM itself lives in a folder of its own; tests of its calls install it."""
    (snippet,) = re.findall(r"```python\n(.*?)```", SECTIONS["LiteLLM"], re.DOTALL)
    hidden = f"import sys; sys.modules['litellm'] = None\n{snippet}"
    finished = subprocess.run([sys.executable, "-c", hidden], capture_output=True, check=False, timeout=60)
    assert b"pip install litellm" in finished.stderr
