"""Measures what a replay on Spark costs, over cores of this machine: time, and processor time of all its processes.

Sizes go in as options; seconds, and core-seconds for each GB, come out: with the price of a core-hour, what a GB costs.
Beside it stands the same replay in one process. Nothing is sent: the sink takes everything and keeps nothing.

    pip install -e ".[processor,spark]"
    python benchmarks/scale.py
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from measuring import machine
from measuring.options import parser
from measuring.rounds import Sample
from reading.log import SPAN_MS, write_log

from flowemf_processor import pipeline
from flowemf_processor.clock import SystemClock
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.engines.spark.engine import SparkEngine
from flowemf_processor.model import Batch, Outcome, State
from flowemf_processor.sources.opening import open_sources

PACKAGES = ("flowemf", "pyspark", "pyarrow", "msgspec", "numpy")


def main() -> None:
    """Measure and print."""
    options = parser(
        __doc__,
        lines=(1_000_000, "lines of the log"),
        files=(1, "how many such logs are read"),
        rounds=(3, "replays in one session"),
        cores=(2, "cores that Spark uses"),
    ).parse_args()
    with tempfile.TemporaryDirectory(prefix="flowemf-benchmark-") as directory:
        measured = measure(Path(directory), options)
    print(json.dumps(measured, indent=2) if options.json else "\n".join(as_lines(measured)))


def measure(directory: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Make the logs and replay them, in one process and on Spark."""
    for number in range(options.files):
        write_log(directory / f"{number}.log", options.lines, number, start_ms=int(time.time() * 1000) - SPAN_MS)
    with SparkEngine(f"local[{options.cores}]") as engine:
        samples = {
            "one process": [sample(lambda: replay(pipeline, directory)) for _ in range(options.rounds)],
            "start of Spark": [sample(engine.session)],
            "Spark, first replay": [sample(lambda: replay(engine, directory))],
            "Spark, further replays": [sample(lambda: replay(engine, directory)) for _ in range(options.rounds)],
        }
    return {
        "machine": machine.describe(PACKAGES, os.environ),
        "size_bytes": sum(log.stat().st_size for log in directory.iterdir()),
        "samples": {name: [asdict(each) for each in several] for name, several in samples.items()},
    }


def replay(engine: Any, directory: Path) -> None:
    """Replay all logs into a sink that takes everything."""
    engine.replay_to_sink(open_sources([str(directory)]), Nowhere(), None, ledger=Ledger(), clock=SystemClock())


class Nowhere:
    """Takes every request, and keeps none."""

    name = "nowhere"

    def send(self, batch: Batch) -> Outcome:  # noqa: ARG002 - the port's signature
        """Say yes."""
        return Outcome(State.ACCEPTED)


# --- Time -------------------------------------------------------------------------------------------------------------


def sample(work: Callable[[], object]) -> Sample:
    """Time something: by the clock, and by the processor, in this process and in all that it has started."""
    started, processor_seconds = time.perf_counter(), tree_seconds()
    work()
    return Sample(time.perf_counter() - started, tree_seconds() - processor_seconds)


def tree_seconds() -> float:
    """Add up the processor time of this process, of those it has started, and of those of them that have ended."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(process.name))
                ticks[int(process.name)] = sum(map(int, fields[11:15]))
    tree = [os.getpid()]
    for each in tree:
        tree += children.get(each, [])
    return sum(ticks[each] for each in tree) / os.sysconf("SC_CLK_TCK")


def as_lines(measured: dict[str, Any]) -> Iterator[str]:
    """Write what was measured as a table."""
    yield machine.as_text(measured["machine"])
    gigabytes = measured["size_bytes"] / 1e9
    yield f"\n{gigabytes:.2f} GB of logs; the least of each\n"
    yield f"{'':24}{'seconds':>10}{'core-seconds':>16}{'core-seconds a GB':>20}"
    for name, several in measured["samples"].items():
        wall = min(each["wall_seconds"] for each in several)
        processor = min(each["cpu_seconds"] for each in several)
        yield f"{name:24}{wall:10.2f}{processor:16.2f}{processor / gigabytes:20.2f}"


if __name__ == "__main__":
    main()
