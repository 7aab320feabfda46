"""Compares what an event costs: written by flowemf, by the libraries that people use today, and at the least possible.

Sizes go in as options; tables and ratios come out, with the goals beside them, or JSON. No time makes it fail.

    pip install -e . -r benchmarks/requirements.txt
    python benchmarks/emit.py
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

from emitting import results, starting
from emitting.results import DECORATOR, THREADS, WATCHED, Results
from emitting.session import FILE, TARGETS, Session
from emitting.ways import SAME_DOCUMENT
from measuring import machine
from measuring.options import parser
from measuring.rounds import Sample, interleaved

COMPARED = (*SAME_DOCUMENT, "flowemf-rollups", "constant")
THREADED = ("flowemf", "orjson-lock")
PACKAGES = ("flowemf", "orjson", "structlog", "aws-embedded-metrics", "aws-lambda-powertools")


def main() -> None:
    """Measure everything and print it."""
    options = parser(
        __doc__,
        rounds=(25, "interleaved rounds"),
        milliseconds=(15.0, "length of a batch"),
        events=(300_000, "events of the memory watch"),
    ).parse_args()
    measured = measure(options.rounds, options.milliseconds / 1000, options.events)
    print(json.dumps(results.as_dict(measured), indent=2) if options.json else "\n".join(results.as_lines(measured)))


def measure(rounds: int, batch_seconds: float, events: int) -> Results:
    """Measure everything.

    Args:
        rounds: how often each thing is measured.
        batch_seconds: how long each measurement lasts, more or less.
        events: how many events are written while the memory is watched.
    """
    environment = machine.measured_environment(unbuffered=False)  # the ways that differ say so
    ways = dict.fromkeys((*COMPARED, *THREADED, *DECORATOR))
    with Session(ways, batch_seconds) as session:
        session.check(way for way in session.ways if way in SAME_DOCUMENT)
        return Results(
            machine=machine.describe(PACKAGES, environment),
            line_bytes=len(session.lines("flowemf", 1)[0]) + 1,
            events=measured_events(session, rounds),
            threads=measured_threads(session, rounds),
            decorator=measured_decorator(session, rounds),
            memory={way: session.watch_memory(way, events) for way in WATCHED if way in session.ways},
            starting=starting.measure(max(1, rounds // 2), environment),
            unavailable=session.unavailable,
        )


def measured_events(session: Session, rounds: int) -> dict[tuple[str, str], Sample]:
    """Measure each way that writes the event, to each target."""
    ways = [way for way in COMPARED if way in session.ways]
    tasks = {(way, target): partial(session.sample, way, target) for target in TARGETS for way in ways}
    return interleaved(rounds, tasks)


def measured_threads(session: Session, rounds: int) -> dict[tuple[str, int], Sample]:
    """Measure ways that are safe among threads, with some of them writing at once."""
    ways = [way for way in THREADED if way in session.ways]
    tasks = {(way, count): partial(session.sample, way, FILE, count) for count in THREADS for way in ways}
    return interleaved(rounds, tasks)


def measured_decorator(session: Session, rounds: int) -> dict[str, Sample]:
    """Measure a decorated call, the two lines that it writes, and a call."""
    tasks: dict[str, Callable[[], Sample]] = {way: partial(session.sample, way, FILE) for way in DECORATOR}
    return interleaved(rounds, tasks)


if __name__ == "__main__":
    main()
