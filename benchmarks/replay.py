"""Compares what reading a log costs: with flowemf and every check on, and with the script that a user would write.

Sizes go in as options; tables and ratios come out, with the goals beside them, or JSON. No time makes it fail; other
totals than the script's do.

    pip install -e ".[processor]"
    python benchmarks/replay.py
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from functools import partial
from pathlib import Path

from measuring import machine
from measuring.options import parser as options_parser
from measuring.rounds import interleaved
from reading import results
from reading.log import SPAN_MS, write_log
from reading.results import Results
from reading.runs import COMPRESSIONS, FLAT_MEMORY, WAYS, compressed, peak_bytes, repeated, sample, totals

PACKAGES = ("flowemf", "msgspec", "numpy")


def main() -> None:
    """Measure everything and print it."""
    parser = options_parser(
        __doc__,
        lines=(1_000_000, "lines of the log"),
        seed=(5, "the same seed makes the same log"),
        rounds=(5, "interleaved rounds"),
    )
    parser.add_argument(
        "--memory",
        type=float,
        nargs="*",
        default=(),
        metavar="GB",
        help="also watch the memory over logs of these sizes, for example 0.2 2, or 10",
    )
    parser.add_argument("--directory", type=Path, help="where to make the logs (default: a temporary directory)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flowemf-benchmark-", dir=options.directory) as directory:
        measured = measure(Path(directory), options)
    print(json.dumps(results.as_dict(measured), indent=2) if options.json else "\n".join(results.as_lines(measured)))


def measure(directory: Path, options: argparse.Namespace) -> Results:
    """Make the logs and measure each way of reading them."""
    log = directory / "app.log"
    write_log(log, options.lines, options.seed, start_ms=int(time.time() * 1000) - SPAN_MS)
    logs = {None: log, **{kind: compressed(log, kind) for kind in COMPRESSIONS}}
    ways = {name: partial(sample, way, logs[way.compression]) for name, way in WAYS.items()}
    return Results(
        machine=machine.describe(PACKAGES, machine.measured_environment(unbuffered=False)),
        lines=options.lines,
        size_bytes=log.stat().st_size,
        totals=totals(log),
        ways=interleaved(options.rounds, ways),
        memory={size: peak_bytes(FLAT_MEMORY, repeated(log, size)) for size in options.memory},
    )


if __name__ == "__main__":
    main()
