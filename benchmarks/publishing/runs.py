"""Runs the benchmarks, each as a process of its own and never two at once, and reads their JSON.

Names of benchmarks and sizes go in; what each printed comes out, with what else the machine did meanwhile.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring.machine import measured_environment, version_of
from measuring.neighbours import cores_of_others, look
from measuring.ratios import Ratio

_HERE = Path(__file__).parent.parent
REQUIREMENTS = "pip install -e '.[processor,otel]' -r benchmarks/requirements.txt"
# What others may take before the page says that the machine was busy.
_QUIET_CORES = 0.2
_PATIENCE_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One script of benchmarks/.

    Attributes:
        name: the name of the script.
        area: the section of the page to which its ratios belong, where they don't name one.
        needs: the distributions without which it has nothing to compare.
        full: its arguments for the page.
        quick: its arguments where only the running matters.
        in_rounds: whether it takes `--rounds`.
    """

    name: str
    area: str
    needs: tuple[str, ...] = ("flowemf",)
    full: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    in_rounds: bool = True


_PEERS = ("flowemf", "aws-embedded-metrics", "aws-lambda-powertools", "orjson", "structlog")
_PROCESSOR = ("flowemf", "boto3", "click", "duckdb", "jsonschema", "msgspec", "numpy")
BENCHMARKS = {
    each.name: each
    for each in (
        Benchmark("emit", "emitting", _PEERS, quick=("--rounds=1", "--milliseconds=1", "--events=2000")),
        Benchmark("start", "starting", _PROCESSOR, quick=("--rounds=1",)),
        Benchmark(
            "collect",
            "collecting",
            ("flowemf", "opentelemetry-sdk"),
            quick=("--rounds=1", "--milliseconds=0.1"),
        ),
        Benchmark(
            "replay",
            "reading",
            _PROCESSOR,
            full=("--rounds=3", "--memory", "0.2", "2"),
            quick=("--rounds=1", "--lines=2000", "--memory", "0.001", "0.002"),
        ),
        Benchmark(
            "deliver",
            "delivering",
            _PROCESSOR,
            full=("--rounds=3",),
            quick=("--rounds=1", "--lines=2000", "--events=2000", "--sends=1"),
        ),
        Benchmark("install", "installing", in_rounds=False),
    )
}


@dataclass(frozen=True, slots=True)
class Run:
    """What one benchmark printed, and what the machine did meanwhile.

    Attributes:
        benchmark: which.
        arguments: what it was given, without `--json`.
        found: its JSON.
        seconds: how long it took.
        load_before: the load average before it began.
        load_after: the load average when it had ended; its own work is part of that.
        others: how many cores other programs kept busy on average; None where the system doesn't tell.
    """

    benchmark: Benchmark
    arguments: tuple[str, ...]
    found: dict[str, Any]
    seconds: float
    load_before: float | None
    load_after: float | None
    others: float | None

    @property
    def command(self) -> str:
        """What to type for these figures alone."""
        return " ".join(["python", f"benchmarks/{self.benchmark.name}.py", *self.arguments])

    @property
    def busy(self) -> bool:
        """Whether others had more than their little part of the machine."""
        if self.others is None:
            return (self.load_before or 0) > 1
        return self.others > _QUIET_CORES

    def ratios(self, area: str) -> list[Ratio]:
        """Give the ratios that belong to a section of the page."""
        found = [Ratio.from_dict(each) for each in self.found["ratios"]]
        return [each for each in found if (each.area or self.benchmark.area) == area]


def missing(names: Iterable[str]) -> list[str]:
    """Name the distributions that these benchmarks need and that are not installed."""
    wanted = dict.fromkeys(package for name in names for package in BENCHMARKS[name].needs)
    return [package for package in wanted if version_of(package) is None]


def run(name: str, *, quick: bool, rounds: int | None) -> Run:
    """Run one benchmark to its end.

    Args:
        name: which.
        quick: whether with the smallest sizes.
        rounds: interleaved rounds, instead of as many as it would make.

    Raises:
        RuntimeError: it failed, and the message ends with its own words, or it took an hour.
    """
    benchmark = BENCHMARKS[name]
    arguments = benchmark.quick if quick else benchmark.full
    if rounds is not None and benchmark.in_rounds:
        arguments = (f"--rounds={rounds}", *(each for each in arguments if not each.startswith("--rounds")))
    before = look()
    finished = _finished([sys.executable, str(_HERE / f"{name}.py"), *arguments, "--json"])
    after = look()
    if finished.returncode:
        raise RuntimeError(f"{name}.py ended with {finished.returncode}:\n{finished.stderr.strip()}")
    seconds = after.wall_seconds - before.wall_seconds
    return Run(
        benchmark,
        arguments,
        json.loads(finished.stdout),
        seconds,
        before.load,
        after.load,
        cores_of_others(before, after),
    )


def _finished(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a script to its end; the logs that it makes are gone afterwards, even where it is killed."""
    with tempfile.TemporaryDirectory(prefix="flowemf-benchmarks-", ignore_cleanup_errors=True) as directory:
        variables = {**measured_environment(unbuffered=False), "TMPDIR": directory}
        try:
            return subprocess.run(
                command, env=variables, capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS
            )
        except subprocess.TimeoutExpired as problem:
            hours = _PATIENCE_SECONDS / 3600
            raise RuntimeError(f"{command[1]} took more than {hours:g} h; run it by hand to see where") from problem
