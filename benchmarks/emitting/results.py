"""Sets what was measured beside the goals.

Samples go in; lines of text come out, or a dictionary for JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from emitting import starting
from emitting.session import FILE, NULL, PIPE, TARGETS
from emitting.ways import WAYS
from measuring.machine import as_text
from measuring.ratios import BYTES, Ratio, of_the_bytes, of_the_time, times_as_fast, times_less_cpu
from measuring.report import ratio_lines, table
from measuring.rounds import Sample

THREADS = (1, 2, 4)
# A call, the two lines of a flow, a decorated call: the last less the others is what the decorator adds.
DECORATOR = ("empty-call", "two-lines", "decorated-call")
# Whose memory must not grow, and the peers beside which it is large or small.
OUR_MEMORY = ("flowemf", "decorated-call")
WATCHED = (*OUR_MEMORY, "aws", "powertools")
PLACES = {NULL: "/dev/null", FILE: "a file", PIPE: "a pipe"}

# Goal and aim synchronously. A synchronous line has left when the call returns, so the peers are measured both as they
# come, gathering lines in `sys.stdout`, and with each line leaving at once.
_PEERS = (("aws", 7, 12), ("aws-at-once", 7, 12), ("powertools", 9, 15), ("powertools-at-once", 9, 15))
_BACKGROUND_PEERS = (("aws", 10), ("powertools", 13))
# Parts of the page on performance of their own.
STARTING, MEMORY = "starting", "memory"
# What the interpreter and its allocator may take now and then; a hundredth of it for each of many events is a leak.
_NO_GROWTH_KILOBYTES = 1024


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
        "events": [{**_named(way), "target": at, **_spelled(each)} for (way, at), each in results.events.items()],
        "threads": [{**_named(way), "threads": n, **_spelled(each)} for (way, n), each in results.threads.items()],
        "decorator": [{**_named(way), **_spelled(each)} for way, each in results.decorator.items()],
        "memory": [{**_named(way), **seen} for way, seen in results.memory.items()],
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
        *(replace(each, area=STARTING) for each in _starting_ratios(results.starting)),
        *(replace(each, area=MEMORY) for each in _memory_ratios(results.memory)),
    ]
    return [each for each in found if each is not None]


def _against_peers(events: Mapping[tuple[str, str], Sample]) -> list[Ratio]:
    ours, background = events.get(("flowemf", FILE)), events.get(("flowemf-background", FILE))
    theirs = {way: sample for (way, target), sample in events.items() if target == FILE}
    found = []
    for peer, goal, aim in _PEERS:
        if peer in theirs and ours:
            what = "one event to a file, synchronous"
            found.append(times_as_fast(what, WAYS[peer].label, ours, theirs[peer], goal, aim))
    for peer, goal in _BACKGROUND_PEERS:
        if peer in theirs and background:
            what = "one event to a file, in the background"
            found.append(times_less_cpu(what, WAYS[peer].label, background, theirs[peer], goal))
    return found


def _against_the_floor(events: Mapping[tuple[str, str], Sample]) -> list[Ratio]:
    found = []
    for target in TARGETS:
        ours, floor = events.get(("flowemf", target)), events.get(("orjson", target))
        if ours and floor:
            what = f"one event to {PLACES[target]}, synchronous"
            found.append(of_the_time(what, WAYS["orjson"].label, ours, floor, 1.4))
    return found


def _decorator_ratio(decorator: Mapping[str, Sample]) -> Ratio | None:
    if any(way not in decorator for way in DECORATOR):
        return None
    (call, call_cpu), (lines, lines_cpu), (whole, whole_cpu) = (_scaled(decorator[way], 1e6) for way in DECORATOR)
    added, by_cpu = whole - call - lines, whole_cpu - call_cpu - lines_cpu
    what = "flow() as a decorator"
    against = "the call and the two lines that it writes"
    return Ratio(what, "added to", against, added, 3, unit="us", by_cpu=by_cpu, ours=added / 1e6)


def _starting_ratios(start: Mapping[str, Sample]) -> list[Ratio]:
    goals = {starting.IMPORT: 0.2, starting.FIRST_LINE: 0.5, starting.FIRST_EVENT: 0.5}
    peers: dict[str, Mapping[str, float]] = {starting.POWERTOOLS: goals, starting.AWS: {}}
    return [
        of_the_time(name, peer, start[name], start[peer], peer_goals.get(name))
        for name in goals
        for peer, peer_goals in peers.items()
        if peer in start
    ]


def _memory_ratios(memory: Mapping[str, Mapping[str, int]]) -> list[Ratio]:
    """Tell how much memory the events of each of our ways kept, and how large a process is beside the peers'."""
    found = []
    for way in OUR_MEMORY:
        if way in memory:
            growth = memory[way]["resident_growth_kilobytes"]
            what, relation = f"{WAYS[way].label}, many events", "memory that stays, beyond a tenth of them"
            kept = Ratio(what, relation, "", growth, _NO_GROWTH_KILOBYTES, unit="KB", ours=growth * 1024.0)
            found.append(replace(kept, measured_in=BYTES))
    for peer in ("aws", "powertools"):
        if peer in memory and "flowemf" in memory:
            ours, theirs = (memory[way]["resident_kilobytes"] * 1024 for way in ("flowemf", peer))
            found.append(of_the_bytes("resident memory of a process that emits", WAYS[peer].label, ours, theirs))
    return found


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


def _named(way: str) -> dict[str, str]:
    return {"way": way, "label": WAYS[way].label}


def _spelled(sample: Sample) -> dict[str, float]:
    return {"wall_seconds": sample.wall_seconds, "cpu_seconds": sample.cpu_seconds}
