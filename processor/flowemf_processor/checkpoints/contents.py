"""What a checkpoint holds, for whoever wants to know it or to have some of it forgotten.

The path of a checkpoint goes in; its destinations, sources and unfinished batches come out, also while a run is using
it. Only when none does can they be forgotten.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowemf_processor.checkpoints.file import Lock, looked_at, opened, translated
from flowemf_processor.core.unwrap import EVENT_IDS
from flowemf_processor.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

_PATH = "path:"
_EVERY_DESTINATION = ""


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


def found(path: Path, destination: str | None, source: str | None) -> Contents:
    """Find what would be forgotten; nothing is changed.

    Args:
        path: the SQLite file.
        destination: as the checkpoint calls it, or the first word of that, such as `metrics`; None for all.
        source: a path or an identity; None for everything that is known of the destinations.

    Returns:
        The destinations concerned, with the sources concerned.

    Raises:
        ConfigurationError: there is no such file, destination or source, or the file is no checkpoint.
        TryAgainLaterError: it cannot be read just now.
    """
    everything = contents(path)
    chosen = [each for each in everything.destinations if destination is None or _is_called(each, destination)]
    if destination is not None and not chosen:
        known = ", ".join(repr(each.name) for each in everything.destinations) or "nothing"
        raise ConfigurationError(f"{path}: knows no destination {destination!r}; it knows {known}")
    if source is None:
        return Contents(path, tuple(chosen))
    narrowed = [_narrowed(each, source) for each in chosen]
    if not any(each.sources for each in narrowed):
        raise ConfigurationError(
            f"{path}: knows no source {source!r}; flowemf checkpoint show lists those that it knows"
        )
    return Contents(path, tuple(each for each in narrowed if each.sources))


def forget(path: Path, destination: str | None, source: str | None) -> Contents:
    """Forget what `found` gives, in one transaction.

    Args:
        path: the SQLite file.
        destination: as for `found`.
        source: as for `found`.

    Returns:
        What was forgotten.

    Raises:
        ConfigurationError: as for `found`.
        TryAgainLaterError: a run is using the checkpoint, or it cannot be written just now.
    """
    with looked_at(path):  # before a lock file is put beside somebody else's file
        pass
    lock = Lock(path, _EVERY_DESTINATION)
    try:
        forgotten = found(path, destination, source)
        with translated(path), contextlib.closing(opened(path)) as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            for each in forgotten.destinations:
                _delete(connection, each, only_sources=source is not None)
        return forgotten
    finally:
        lock.close()


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
        _sources_of(connection, name),
        len(batches),
        sum(datapoints for datapoints, _, _ in batches),
        sum(size for _, size, _ in batches),
        sum(in_flight for _, _, in_flight in batches),
        sum(datapoints for datapoints, _, in_flight in batches if in_flight),
        sums,
        dict(totals.fetchall()),
    )


def _sources_of(connection: sqlite3.Connection, destination: str) -> tuple[RememberedSource, ...]:
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


def _is_called(destination: DestinationContents, name: str) -> bool:
    return name in (destination.name, destination.name.split(" ")[0])


def _narrowed(destination: DestinationContents, source: str) -> DestinationContents:
    sources = tuple(each for each in destination.sources if _is_meant(each, source))
    return DestinationContents(destination.name, sources, 0, 0, 0, 0, 0, 0, {})


def _is_meant(remembered: RememberedSource, source: str) -> bool:
    absolute = os.path.realpath(os.fsencode(source)).decode(errors="backslashreplace")
    return source in remembered.identities or _PATH + absolute in remembered.identities


def _delete(connection: sqlite3.Connection, destination: DestinationContents, *, only_sources: bool) -> None:
    if only_sources:
        for each in destination.sources:
            connection.executemany(
                "DELETE FROM mark WHERE destination = ? AND source = ?",
                [(destination.name, identity) for identity in each.identities],
            )
        return
    for table in ("mark", "batch", "total", "sum"):
        connection.execute(f"DELETE FROM {table} WHERE destination = ?", (destination.name,))  # noqa: S608 - constants
