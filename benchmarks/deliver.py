"""Compares what delivering a log costs: with flowemf, and with the script that a user would write with boto3.

Sizes go in as options; tables and ratios come out, with the goals beside them, or JSON. No time makes it fail; other
totals than the script's do. Everything goes to a server of its own on this machine.

    pip install -e ".[processor]"
    python benchmarks/deliver.py
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from functools import partial
from pathlib import Path

from delivering import requests, results
from delivering.log import write_busy_log
from delivering.replays import WAYS, requests_of, sample, totals
from delivering.results import Results
from delivering.server import running
from measuring import machine
from measuring.options import parser
from measuring.rounds import Sample, interleaved
from reading.log import SPAN_MS, write_log

PACKAGES = ("flowemf", "boto3", "botocore", "msgspec")
RELATIVE_ERROR = "0.01"


def main() -> None:
    """Measure everything and print it."""
    options = parser(
        __doc__,
        lines=(200_000, "lines of the log"),
        events=(1_000_000, "events to count requests for"),
        seed=(5, "the same seed gives the same numbers"),
        rounds=(5, "interleaved rounds of replays"),
        sends=(15, "interleaved rounds of requests"),
    ).parse_args()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(AWS_ACCESS_KEY_ID="benchmark", AWS_SECRET_ACCESS_KEY="benchmark")
    with tempfile.TemporaryDirectory(prefix="flowemf-benchmark-") as directory:
        measured = measure(Path(directory), options)
    print(json.dumps(results.as_dict(measured), indent=2) if options.json else "\n".join(results.as_lines(measured)))


def measure(directory: Path, options: argparse.Namespace) -> Results:
    """Make the logs and measure each way of delivering them."""
    log, busy = directory / "app.log", directory / "busy.log"
    write_log(log, options.lines, options.seed, start_ms=int(time.time() * 1000) - SPAN_MS)
    write_busy_log(busy, options.events, options.seed)
    with running() as url:
        return Results(
            machine=machine.describe(PACKAGES, machine.measured_environment(unbuffered=False)),
            lines=options.lines,
            size_bytes=log.stat().st_size,
            totals=_same_totals(log),
            replays=interleaved(options.rounds, {name: partial(sample, way, log, url) for name, way in WAYS.items()}),
            requests=measured_requests(options.sends, url),
            events=options.events,
            counted={
                "exact": requests_of(busy, url),
                f"--relative-error {RELATIVE_ERROR}": requests_of(busy, url, "--relative-error", RELATIVE_ERROR),
            },
        )


def measured_requests(rounds: int, url: str) -> dict[tuple[int, str], Sample]:
    """Measure single requests."""
    tasks = {(values, way): task for values in requests.VALUES for way, task in requests.ways(url, values).items()}
    return interleaved(rounds, tasks)


def _same_totals(log: Path) -> str:
    found = {name: totals(way, log) for name, way in WAYS.items()}
    if len(set(found.values())) > 1:
        raise ValueError(f"the totals differ: {found}")
    return found["script"]


if __name__ == "__main__":
    main()
