"""Says what each section of the page on performance is about: everything on it that is no figure.

Nothing goes in; the sections come out, in the order of the page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from publishing import tables
from publishing.tables import Found


@dataclass(frozen=True, slots=True)
class Section:
    """One section.

    Attributes:
        area: the name by which ratios and tables belong to it.
        title: its heading, and the picture's.
        text: what was measured, and what to know when reading it.
        tables: sets everything that was measured.
        benchmarks: whose figures stand in it.
    """

    area: str
    title: str
    text: str
    tables: Callable[[Found], list[str]]
    benchmarks: tuple[str, ...]


SECTIONS = (
    Section(
        "emitting",
        "Emitting",
        "One event with two metrics, five dimensions and three bound properties, each way writing the same document "
        "from a process of its own, with every safety of flowemf on. A synchronous line of flowemf has left the "
        "process when the call returns. The peers leave theirs in `sys.stdout`, some sixteen lines to a write; with "
        "`PYTHONUNBUFFERED=1` theirs leave at once, too. No synchronous way can fall below `os.write` of a constant "
        "line, which is among everything that was measured.",
        tables.emitting,
        ("emit",),
    ),
    Section(
        "starting",
        "Starting",
        "Importing, over bare Python, with compiled modules at hand: what a cold start pays before the first line. "
        "Then whole commands, beside what a script with boto3 needs before it can send anything.",
        tables.starting,
        ("emit", "start"),
    ),
    Section(
        "collecting",
        "Collecting automatically",
        "What listening adds to one span of OpenTelemetry, in processor time: to one that is none of flowemf's "
        "business, and to calls of models, each of which becomes a line in a file. Beside it, OpenTelemetry's own "
        "exporter, which writes the whole span.",
        tables.collecting,
        ("collect",),
    ),
    Section(
        "reading",
        "Reading",
        "A log of which 60 % are metric lines of about 450 bytes, in 30 shapes and 2,000 series over three hours, and "
        "0.3 % broken lines. flowemf makes every check of its table of verdicts; the script is the one that a user "
        "would write: `json.loads` for each line, dictionaries, no validation. The totals are the same. `--jobs 2` "
        "shows in time by the clock, and only where two cores have nothing else to do.",
        tables.reading,
        ("replay",),
    ),
    Section(
        "delivering",
        "Delivering",
        "A log like that sent to a server on this machine, with the checkpoint on, beside the same script with boto3 "
        "as it comes; what arrives is the same. Then single requests of 1,000 datums.",
        tables.delivering,
        ("deliver",),
    ),
    Section(
        "memory",
        "Memory",
        "What stays in memory after many events, and the most that reading takes of a small and a large log.",
        tables.memory,
        ("emit", "replay"),
    ),
    Section(
        "installing",
        "Installing",
        "The files that pip brings into an empty directory, before anything is compiled. The extra `processor` brings "
        "DuckDB, numpy and boto3, among others; the emitter needs none of them.",
        tables.installing,
        ("install",),
    ),
)
