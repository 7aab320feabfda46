"""The examples as their users run them, for every test of this folder.

The name of an example goes in; the command of its row in examples/README.md is run; what it wrote comes out.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flowemf_schemas.rules import examine

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PATIENCE_SECONDS = 60.0
Document = dict[str, Any]


def table() -> dict[str, str]:
    """Read the table of the README: the command of each example."""
    rows = [line.split(" | ") for line in (EXAMPLES / "README.md").read_text("utf-8").splitlines() if "](" in line]
    cells = [(re.match(r"\| \[([\w.]+)\]", row[0]), row[-1]) for row in rows if row[0].startswith("| [")]
    return {name[1]: command.removesuffix(" |").strip("`") for name, command in cells if name}


def environment(**variables: str) -> dict[str, str]:
    """Give an environment in which `python` and the commands of this installation are found first."""
    programs = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)]), **variables}


def run(command: str, *, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a shell, as somebody types it."""
    finished = subprocess.run(
        ["sh", "-c", command],
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr.decode()
    return finished


def output_of(example: str, **variables: str) -> bytes:
    """Run an example with the command of the table; it says nothing on standard error."""
    finished = run(table()[example], **variables)
    assert finished.stderr == b""
    return finished.stdout


def documents_of(output: bytes) -> list[Document]:
    """Read the metric lines of an output; each must be a valid one."""
    documents = [json.loads(line) for line in output.splitlines() if line.startswith(b'{"_aws"')]
    assert [examine(document) for document in documents] == [[] for _ in documents]
    return documents


def sums(documents: Iterable[Document], *metrics: str) -> dict[str, float]:
    """Add up metrics over lines; one that occurs nowhere is left out."""
    totals: Counter[str] = Counter()
    for document in documents:
        totals.update({metric: document[metric] for metric in metrics if metric in document})
    return dict(totals)
