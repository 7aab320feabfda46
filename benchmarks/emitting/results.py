"""Sets what was measured beside the goals.

Samples go in; lines of text come out, or a dictionary for JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emitting import starting
from emitting.session import FILE, TARGETS
from emitting.ways import WAYS
from measuring.machine import as_text
from measuring.report import Ratio, ratio_lines, table
from measuring.rounds import Sample

THREADS = (1, 2, 4)
# A call, the two lines of a flow, a decorated call: the last less the others is what the decorator adds.
DECORATOR = ("empty-call", "two-lines", "decorated-call")

# Goal and aim synchronously. A synchronous line has left when the call returns, so the peers are measured both as they
# come, gathering lines in `sys.stdout`, and with each line leaving at once.
_PEERS = (("aws", 7, 12), ("aws-at-once", 7, 12), ("powertools", 9, 15), ("powertools-at-once", 9, 15))
_BACKGROUND_PEERS = (("aws", 10), ("powertools", 13))


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that one run has measured.

    Attributes:
        machine: where it ran.
        line_bytes: the length of flowemf's line of the event.
        events: way and target -> one event.
        threads: way and number of threads -> one event, to a file.
        decorator: way -> one call.
        memory: way -> what the memory did.
        starting: program -> one start, over bare Python.
        unavailable: way -> why it was not measured.
    """

    machine: Mapping[str, object]
    line_bytes: int
    events: Mapping[tuple[str, str], Sample]
    threads: Mapping[tuple[str, int], Sample]
    decorator: Mapping[str, Sample]
    memory: Mapping[str, Mapping[str, int]]
    starting: Mapping[str, Sample]
    unavailable: Mapping[str, str]


def as_lines(results: Results) -> list[str]:
    """Write the tables, and the ratios with their goals."""
    not_measured = [f"not measured: {WAYS[way].label}: {reason}" for way, reason in results.unavailable.items()]
    parts = {
        "": [as_text(results.machine)],
        f"One event (two metrics, five dimensions, three bound properties; {results.line_bytes} bytes), microseconds": [
            *_events_table(results.events),
            *not_measured,
        ],
        "The same event from several threads at once to a file, microseconds of wall time": _threads_table(
            results.threads
        ),
        "A flow around an empty function, to a file, microseconds": _decorator_table(results.decorator),
        "Memory to /dev/null, from a tenth of the events to their end": _memory_table(results.memory),
        "Starting, milliseconds over bare Python (python -I, compiled modules at hand)": _starting_table(
            results.starting
        ),
        "Goals": ratio_lines(ratios(results)),
    }
    return [line for title, lines in parts.items() for line in (f"\n{title}" if title else "", *lines)]


def as_dict(results: Results) -> dict[str, Any]:
    """Arrange every number for machines; seconds throughout."""
    return {
        "machine": dict(results.machine),
        "line_bytes": results.line_bytes,
        "events": [{"way": way, "target": at, **_spelled(each)} for (way, at), each in results.events.items()],
        "threads": [{"way": way, "threads": n, **_spelled(each)} for (way, n), each in results.threads.items()],
        "decorator": [{"way": way, **_spelled(each)} for way, each in results.decorator.items()],
        "memory": [{"way": way, **seen} for way, seen in results.memory.items()],
        "starting": [{"program": name, **_spelled(each)} for name, each in results.starting.items()],
        "ratios": [each.as_dict() for each in ratios(results)],
        "unavailable": dict(results.unavailable),
    }


# --- Ratios


def ratios(results: Results) -> list[Ratio]:
    """Compare with the peers and with the floor."""
    found = [
        *_against_peers(results.events),
        *_against_the_floor(results.events),
        _decorator_ratio(results.decorator),
        *_starting_ratios(results.starting),
    ]
    return [each for each in found if each is not None]


def _against_peers(events: Mapping[tuple[str, str], Sample]) -> list[Ratio]:
    ours, background = events.get(("flowemf", FILE)), events.get(("flowemf-background", FILE))
    theirs = {way: sample for (way, target), sample in events.items() if target == FILE}
    found = []
    for peer, goal, aim in _PEERS:
        if peer in theirs and ours:
            what = f"synchronous to a file, times as fast as {WAYS[peer].label}"
            wall, cpu = _divided(theirs[peer], ours)
            found.append(Ratio(what, wall, goal, at_least=True, aim=aim, by_cpu=cpu))
    for peer, goal in _BACKGROUND_PEERS:
        if peer in theirs and background:
            what = f"in the background to a file, times less processor time than {WAYS[peer].label}"
            _, cpu = _divided(theirs[peer], background)
            found.append(Ratio(what, cpu, goal, at_least=True, by_cpu=cpu))
    return found


def _against_the_floor(events: Mapping[tuple[str, str], Sample]) -> list[Ratio]:
    found = []
    for target in TARGETS:
        ours, floor = events.get(("flowemf", target)), events.get(("orjson", target))
        if ours and floor:
            what = f"synchronous to {target}, of the time of {WAYS['orjson'].label}"
            wall, cpu = _divided(ours, floor)
            found.append(Ratio(what, wall, 1.4, at_least=False, by_cpu=cpu))
    return found


def _decorator_ratio(decorator: Mapping[str, Sample]) -> Ratio | None:
    if any(way not in decorator for way in DECORATOR):
        return None
    (call, call_cpu), (lines, lines_cpu), (whole, whole_cpu) = (_scaled(decorator[way], 1e6) for way in DECORATOR)
    what = "added by flow() as a decorator to the call and the two lines that it writes"
    by_cpu = whole_cpu - call_cpu - lines_cpu
    return Ratio(what, whole - call - lines, 3, at_least=False, unit="us", by_cpu=by_cpu)


def _starting_ratios(start: Mapping[str, Sample]) -> list[Ratio]:
    if starting.POWERTOOLS not in start:
        return []
    found = []
    for name, goal in ((starting.IMPORT, 0.2), (starting.FIRST_LINE, 0.5), (starting.FIRST_EVENT, 0.5)):
        wall, cpu = _divided(start[name], start[starting.POWERTOOLS])
        what = f"{name}: of the time of {starting.POWERTOOLS}"
        found.append(Ratio(what, wall, goal, at_least=False, by_cpu=cpu))
    return found


def _divided(above: Sample, below: Sample) -> tuple[float, float]:
    """Divide the wall times and the processor times."""
    return above.wall_seconds / below.wall_seconds, above.cpu_seconds / below.cpu_seconds


# --- Tables


def _events_table(events: Mapping[tuple[str, str], Sample]) -> list[str]:
    head = ["way", *(f"{kind} {target}" for target in TARGETS for kind in ("wall", "cpu"))]
    rows = [
        [WAYS[way].label, *(cell for target in TARGETS for cell in _scaled(events[way, target], 1e6))]
        for way in dict.fromkeys(way for way, _ in events)
    ]
    return table(head, rows)


def _threads_table(threads: Mapping[tuple[str, int], Sample]) -> list[str]:
    rows = [
        [WAYS[way].label, *(threads[way, count].wall_seconds * 1e6 for count in THREADS)]
        for way in dict.fromkeys(way for way, _ in threads)
    ]
    return table(["way", *(f"{count} thread{'s' * (count > 1)}" for count in THREADS)], rows)


def _decorator_table(decorator: Mapping[str, Sample]) -> list[str]:
    return table(["", "wall", "cpu"], [[WAYS[way].label, *_scaled(each, 1e6)] for way, each in decorator.items()])


def _memory_table(memory: Mapping[str, Mapping[str, int]]) -> list[str]:
    fields = ("events", "resident_kilobytes", "resident_growth_kilobytes", "block_growth")
    rows = [[WAYS[way].label, *(f"{seen[field]:,}" for field in fields)] for way, seen in memory.items()]
    return table(["way", "events", "resident KB", "growth KB", "growth in blocks"], rows)


def _starting_table(start: Mapping[str, Sample]) -> list[str]:
    return table(["program", "wall", "cpu"], [[name, *_scaled(each, 1e3)] for name, each in start.items()])


def _scaled(sample: Sample, factor: float) -> tuple[float, float]:
    return sample.wall_seconds * factor, sample.cpu_seconds * factor


def _spelled(sample: Sample) -> dict[str, float]:
    return {"wall_seconds": sample.wall_seconds, "cpu_seconds": sample.cpu_seconds}
