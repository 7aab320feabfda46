"""Compares what starting a command costs: flowemf's, and the script that a user would write with boto3.

The number of rounds goes in; a table and ratios come out, or JSON. No time makes it fail.

    pip install -e ".[processor]"
    python benchmarks/start.py
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from measuring import machine
from measuring.options import parser
from measuring.processes import whole_process
from measuring.ratios import Ratio, of_the_time
from measuring.report import ratio_lines, table
from measuring.rounds import Sample, interleaved
from reading.log import all_shapes, metric_line

PACKAGES = ("flowemf", "boto3")
BARE, SCRIPT = "bare Python", "import boto3, make a CloudWatch client"
_CLIENT = "import boto3; boto3.client('cloudwatch', region_name='us-east-1')"
_FLOWEMF = ("-m", "flowemf_processor")
# Name -> what is run, after the interpreter; in it, LOG stands for a log of one metric line.
COMMANDS = {
    BARE: ("-c", "pass"),
    SCRIPT: ("-c", _CLIENT),
    "flowemf --help": (*_FLOWEMF, "--help"),
    "flowemf check, one line": (*_FLOWEMF, "check", "LOG"),
    "flowemf replay --to metrics --dry-run, one line": (*_FLOWEMF, "replay", "--to", "metrics", "--dry-run", "LOG"),
}
OURS = tuple(name for name in COMMANDS if name.startswith("flowemf"))


def main() -> None:
    """Measure everything and print it."""
    options = parser(
        __doc__,
        rounds=(25, "interleaved rounds"),
    ).parse_args()
    environment = machine.measured_environment(unbuffered=False)
    described, taken = machine.describe(PACKAGES, environment), measure(options.rounds, environment)
    print(json.dumps(as_dict(described, taken), indent=2) if options.json else "\n".join(as_lines(described, taken)))


def measure(rounds: int, environment: Mapping[str, str]) -> dict[str, Sample]:
    """Run every command as often as there are rounds, each a whole process.

    Args:
        rounds: how often each is run.
        environment: the variables that the commands get.
    """
    with tempfile.TemporaryDirectory(prefix="flowemf-benchmark-") as directory:
        log = Path(directory, "app.log")
        log.write_text(metric_line(Random(5), all_shapes()[0], int(time.time() * 1000)) + "\n", encoding="utf-8")
        tasks: dict[str, Callable[[], Sample]] = {
            name: partial(_run, [str(log) if word == "LOG" else word for word in command], environment, directory)
            for name, command in COMMANDS.items()
        }
        for task in tasks.values():  # the first run compiles modules and fills the disk's cache
            task()
        return interleaved(rounds, tasks)


def ratios(taken: Mapping[str, Sample]) -> list[Ratio]:
    """Set each of flowemf's commands beside the first thing that the script does."""
    return [of_the_time(name, SCRIPT, taken[name], taken[SCRIPT]) for name in OURS]


def as_lines(described: Mapping[str, object], taken: Mapping[str, Sample]) -> list[str]:
    """Write the table and the ratios."""
    rows = [[name, each.wall_seconds * 1000, each.cpu_seconds * 1000] for name, each in taken.items()]
    times = table(["whole process", "wall ms", "cpu ms"], rows)
    return [machine.as_text(described), "", *times, "", *ratio_lines(ratios(taken))]


def as_dict(described: Mapping[str, object], taken: Mapping[str, Sample]) -> dict[str, Any]:
    """Arrange every number for machines; seconds throughout."""
    return {
        "machine": dict(described),
        "commands": [{"command": name, **asdict(each)} for name, each in taken.items()],
        "ratios": [each.as_dict() for each in ratios(taken)],
    }


def _run(arguments: list[str], environment: Mapping[str, str], directory: str) -> Sample:
    return whole_process([sys.executable, *arguments], environment, directory=directory).sample


if __name__ == "__main__":
    main()
