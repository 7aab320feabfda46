"""Runs tests in lean environments: `python3 tests --bare` and `python3 tests --lowest`.

The kind of environment goes in, and pytest's arguments where others than the usual files are wanted; pytest's output
and exit code come out. What is installed is this tree: "bare" without any extra, as in a Lambda layer; "lowest" with
every direct dependency of every extra at the lower bound that pyproject.toml states.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent.parent
# What runs the tests, and what they talk to; the lower bounds of these promise nothing to users.
RUNNER = ("hypothesis", "pytest>=8.2", "pytest-timeout>=2.3")
SERVERS = ("flask", "flask-cors", "moto[cloudwatch,logs,s3]>=5,<6")


@dataclass(frozen=True)
class Kind:
    """A kind of environment.

    Attributes:
        installed: what is installed first.
        is_lowest: whether that is at the lower bound of each dependency.
        tools: what the tests need beside it.
        files: what pytest gets unless something else is named.
    """

    installed: str
    is_lowest: bool
    tools: tuple[str, ...]
    files: tuple[str, ...]


_EMITTER = (
    *("any_input", "delivery", "dimension_text", "front_door", "identifiers", "instrumentation", "local"),
    *("metric_table", "numbers", "own_metrics", "prices", "record_generation", "redaction", "rollups"),
    *("series_cap", "settings", "shortcuts", "sinks_file", "stream_kinds", "usage_shapes", "writing"),
)
_PROCESSOR = (
    *("admission", "aggregate", "buckets", "checkpoints", "compressed_sources", "conditions", "conservation", "decode"),
    *("files", "inventory", "isolation", "ledger", "local_store", "log_batches", "measure", "metrics_sink", "parse"),
    *("persistent_sink", "prometheus_sums", "questions", "replay_to_sink", "replay_to_store", "store_files"),
)
_COMMANDS = ("check_command", "checkpoint_command", "completion_command", "help_texts", "replay_to_local")
KINDS = {
    "bare": Kind(
        installed=".",
        is_lowest=False,
        tools=(*RUNNER, "jsonschema"),  # the tests validate every line that they see
        files=(
            *(f"tests/emitter/test_{name}.py" for name in _EMITTER),
            # The examples of modules that are for those who have OpenTelemetry
            "--deselect=tests/emitter/test_front_door.py::test_the_examples_in_the_docstrings_run",
        ),
    ),
    "lowest": Kind(
        installed=".[all]",
        is_lowest=True,
        tools=(*RUNNER, *SERVERS),
        files=(
            *(f"tests/processor/test_{name}.py" for name in _PROCESSOR),
            *(f"tests/cli/test_{name}.py" for name in _COMMANDS),
            "tests/vectors",
        ),
    ),
}


def main(kind: Kind, arguments: list[str]) -> int:
    """Make the environment, say what is in it, and run pytest there."""
    with tempfile.TemporaryDirectory() as directory:
        python = str(Path(directory) / "bin" / "python")
        bounds = Path(directory) / "lower-bounds.txt"
        run(sys.executable, "-m", "venv", directory)
        bounds.write_text("\n".join(lower_bounds()) if kind.is_lowest else "")
        pip = (python, "-m", "pip", "--disable-pip-version-check")
        run(*pip, "install", "--quiet", "--constraint", str(bounds), "--editable", kind.installed)
        run(*pip, "install", "--quiet", *kind.tools)
        run(*pip, "list")
        pytest = (python, "-m", "pytest", "-p", "no:cacheprovider", *(arguments or ("--quiet", *kind.files)))
        return subprocess.run(pytest, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode


def lower_bounds() -> Iterator[str]:
    """Say as constraints what pyproject.toml allows at the least; where two extras differ, the higher one counts."""
    lowest: dict[str, Version] = {}
    for wanted in map(Requirement, requires("flowemf") or ()):
        for bound in wanted.specifier:
            if bound.operator == ">=":
                lowest[wanted.name] = max(lowest.get(wanted.name, Version("0")), Version(bound.version))
    return (f"{name}=={version}" for name, version in lowest.items())


def run(*command: str) -> None:
    """Run one step of the set-up; stop where it fails, with its own output above."""
    if subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode:
        sys.exit(f"tests: {' '.join(command)} failed, see above")


if __name__ == "__main__":
    sys.exit(main(KINDS[sys.argv[1]], sys.argv[2:]))
