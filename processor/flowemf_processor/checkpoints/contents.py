"""What a checkpoint holds, for whoever wants to know.

The path of a checkpoint goes in, also of one that is in use; its destinations, sources and unfinished batches come out.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowemf_processor.checkpoints.file import looked_at
from flowemf_processor.core.unwrap import EVENT_IDS

if TYPE_CHECKING:
    from pathlib import Path

_PATH = "path:"


@dataclass(frozen=True, slots=True)
class RememberedSource:
    """A source that was read.

    Attributes:
        name: the best of its identities for people: its path, where it has one.
        identities: all under which it would be known again.
        offset_bytes: how many of its bytes have been read.
        lines: how many lines these are.
        digest: BLAKE2b of these bytes.
    """

    name: str
    identities: tuple[str, ...]
    offset_bytes: int
    lines: int
    digest: str


@dataclass(frozen=True, slots=True)
class DestinationContents:
    """What is remembered of one destination.

    Attributes:
        name: what the checkpoint calls it.
        sources: what was read for it.
        unfinished_batches: requests that were planned and are neither accepted nor refused.
        unfinished_datapoints: how many datapoints they carry.
        unfinished_bytes: how large they are.
        in_flight_batches: those of them that may have been sent.
        in_flight_datapoints: how many datapoints these carry.
        sums: how many series are kept, of a destination that is asked for its sums.
        totals: what became of datapoints in all runs, by `model.Fate`.
    """

    name: str
    sources: tuple[RememberedSource, ...]
    unfinished_batches: int
    unfinished_datapoints: int
    unfinished_bytes: int
    in_flight_batches: int
    in_flight_datapoints: int
    sums: int
    totals: dict[str, int]


@dataclass(frozen=True, slots=True)
class Contents:
    """What a checkpoint holds.

    Attributes:
        path: where it is.
        destinations: for whom, by name.
    """

    path: Path
    destinations: tuple[DestinationContents, ...]


def contents(path: Path) -> Contents:
    """Look into a checkpoint; nothing is changed, and a run may be using it.

    Args:
        path: the SQLite file.

    Returns:
        What it holds, as of one moment.

    Raises:
        ConfigurationError: there is no such file, or it is no checkpoint, or a damaged or newer one.
        TryAgainLaterError: it cannot be read just now.
    """
    with looked_at(path) as connection:
        if connection is None:
            return Contents(path, ())
        connection.execute("BEGIN")
        names = connection.execute(
            "SELECT destination FROM mark UNION SELECT destination FROM batch UNION SELECT destination FROM sum "
            "UNION SELECT destination FROM total ORDER BY 1"
        ).fetchall()
        return Contents(path, tuple(_destination(connection, name) for (name,) in names))


def _destination(connection: sqlite3.Connection, name: str) -> DestinationContents:
    batches = [
        (sum(json.loads(parts)), size, bool(in_flight))
        for parts, size, in_flight in connection.execute(
            "SELECT parts, length(body), in_flight FROM batch WHERE destination = ?", (name,)
        )
    ]
    (sums,) = connection.execute("SELECT count(*) FROM sum WHERE destination = ?", (name,)).fetchone()
    totals = connection.execute("SELECT fate, datapoints FROM total WHERE destination = ? ORDER BY fate", (name,))
    return DestinationContents(
        name,
        sources_of(connection, name),
        len(batches),
        sum(datapoints for datapoints, _, _ in batches),
        sum(size for _, size, _ in batches),
        sum(in_flight for _, _, in_flight in batches),
        sum(datapoints for datapoints, _, in_flight in batches if in_flight),
        sums,
        dict(totals.fetchall()),
    )


def sources_of(connection: sqlite3.Connection, destination: str) -> tuple[RememberedSource, ...]:
    """List the sources of a destination; identities that say the same are one source.

    Args:
        connection: to a checkpoint.
        destination: what it calls the destination.
    """
    sources: dict[tuple[int, int, str, str], list[str]] = {}
    for identity, offset_bytes, lines, digest in connection.execute(
        "SELECT source, offset_bytes, lines, digest FROM mark WHERE destination = ? AND source <> ? ORDER BY rowid",
        (destination, EVENT_IDS),
    ):
        # A source that knows its position by itself has one identity and no digest.
        sources.setdefault((offset_bytes, lines, digest, "" if digest else identity), []).append(identity)
    return tuple(RememberedSource(_name(of), tuple(of), *place[:3]) for place, of in sources.items())


def _name(identities: list[str]) -> str:
    """Choose the identity that says most to people."""
    path = next((each for each in identities if each.startswith(_PATH)), None)
    return identities[0] if path is None else path[len(_PATH) :]
