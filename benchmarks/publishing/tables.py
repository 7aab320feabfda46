"""Sets everything that a benchmark measured as tables, one function a section.

The JSON of benchmarks goes in, by their names; lines of Markdown come out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from publishing.figures import markdown_table, seconds, size

Found = Mapping[str, Mapping[str, Any]]
_TARGETS = ("/dev/null", "file", "pipe")


def emitting(found: Found) -> list[str]:
    """Show every way of writing the event, to each target; threads; the decorator."""
    emit = found["emit"]
    taken = {(each["label"], each["target"]): each for each in emit["events"]}
    rows = [
        [label, *(_both(taken[label, target]) for target in _TARGETS)]
        for label in dict.fromkeys(way for way, _ in taken)
    ]
    threads = {(each["label"], each["threads"]): each["wall_seconds"] for each in emit["threads"]}
    counts = list(dict.fromkeys(count for _, count in threads))
    shared = [
        [label, *(seconds(threads[label, count]) for count in counts)]
        for label in dict.fromkeys(way for way, _ in threads)
    ]
    return [
        "One event, by the clock and of the processor:",
        "",
        *markdown_table(["way", *_TARGETS], rows),
        "",
        "The same event to a file from several threads at once, by the clock:",
        "",
        *markdown_table(["way", *(f"{count} thread{'s' * (count > 1)}" for count in counts)], shared),
        "",
        *_walls_and_cpus("a flow around an empty function, to a file", "label", emit["decorator"]),
        *(f"\nNot measured: {way}: {why}" for way, why in emit["unavailable"].items()),
    ]


def starting(found: Found) -> list[str]:
    """Show programs over bare Python, and whole processes."""
    lines: list[str] = []
    if "emit" in found:
        lines += [*_walls_and_cpus("over bare Python (`python -I`)", "program", found["emit"]["starting"]), ""]
    if "start" in found:
        lines += _walls_and_cpus("whole process", "command", found["start"]["commands"])
    return lines


def collecting(found: Found) -> list[str]:
    """Show every kind of span with everybody who may listen."""
    rows = [[each["label"], each["listener"], *_wall_and_cpu(each)] for each in found["collect"]["spans"]]
    return markdown_table(["one span", "who listens", "by the clock", "of the processor"], rows, left=2)


def reading(found: Found) -> list[str]:
    """Show every way of reading the log."""
    lines = found["replay"]["lines"]
    rows = [_with_each(each, lines) for each in found["replay"]["ways"].values()]
    return markdown_table(["whole process", "by the clock", "of the processor", "of the processor, a line"], rows)


def delivering(found: Found) -> list[str]:
    """Show whole replays, single requests, and how many there are."""
    deliver = found["deliver"]
    replays = [_with_each(each, deliver["lines"]) for each in deliver["replays"].values()]
    requests = [
        [f"{each['way']}, {each['values']} value{'s' * (each['values'] > 1)} a datum", *_wall_and_cpu(each)]
        for each in deliver["requests"]
    ]
    counted = [[name, f"{each['requests']:,}", f"{each['datapoints']:,}"] for name, each in deliver["counted"].items()]
    return [
        *markdown_table(["whole process", "by the clock", "of the processor", "of the processor, a line"], replays),
        "",
        *markdown_table(["a request of 1,000 datums", "by the clock", "of the processor"], requests),
        "",
        f"The events of one busy service, {deliver['events']:,} of them, in one replay:",
        "",
        *markdown_table(["", "requests", "datapoints"], counted),
    ]


def memory(found: Found) -> list[str]:
    """Show what stays of many events, and the most that logs of several sizes take."""
    lines: list[str] = []
    if "emit" in found:
        rows = [
            [
                each["label"],
                f"{each['events']:,}",
                size(each["resident_kilobytes"] * 1024),
                size(each["resident_growth_kilobytes"] * 1024),
                f"{each['block_growth']:,}",
            ]
            for each in found["emit"]["memory"]
        ]
        head = ["from a tenth of the events to their end", "events", "resident", "growth", "growth in Python's blocks"]
        lines += [*markdown_table(head, rows), ""]
    if "replay" in found:
        sizes = found["replay"]["memory"].items()
        peaks = [[f"log {number}", f"{float(gb):g} GB", size(peak)] for number, (gb, peak) in enumerate(sizes, 1)]
        lines += markdown_table(["gathering", "size", "most memory"], peaks)
    return lines


def installing(found: Found) -> list[str]:
    """Show bytes and distributions of each installation."""
    rows = [
        [f"pip install {each['requirement']}", size(each["size_bytes"]), str(each["distributions"])]
        for each in found["install"]["installed"]
    ]
    return markdown_table(["", "on the disk", "distributions"], rows)


def _walls_and_cpus(title: str, name: str, found: list[Mapping[str, Any]]) -> list[str]:
    rows = [[str(each[name]), *_wall_and_cpu(each)] for each in found]
    return markdown_table([title, "by the clock", "of the processor"], rows)


def _wall_and_cpu(each: Mapping[str, Any]) -> list[str]:
    return [seconds(each["wall_seconds"]), seconds(each["cpu_seconds"])]


def _both(each: Mapping[str, Any]) -> str:
    return " / ".join(_wall_and_cpu(each))


def _with_each(each: Mapping[str, Any], lines: int) -> list[str]:
    return [str(each["label"]), *_wall_and_cpu(each), seconds(each["cpu_seconds"] / lines)]
