"""Forgets what a checkpoint holds.

The path of a checkpoint and what to forget go in; what was forgotten comes out.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from flowemf_processor.checkpoints.contents import Contents, DestinationContents, contents
from flowemf_processor.checkpoints.file import looked_at, opened, translated
from flowemf_processor.checkpoints.lock import Lock
from flowemf_processor.errors import ConfigurationError

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from flowemf_processor.checkpoints.contents import RememberedSource

_EVERY_DESTINATION = ""


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


def _is_called(destination: DestinationContents, name: str) -> bool:
    return name in (destination.name, destination.name.split(" ")[0])


def _narrowed(destination: DestinationContents, source: str) -> DestinationContents:
    sources = tuple(each for each in destination.sources if _is_meant(each, source))
    return DestinationContents(destination.name, sources, 0, 0, 0, 0, 0, 0, {})


def _is_meant(remembered: RememberedSource, source: str) -> bool:
    absolute = os.path.realpath(os.fsencode(source)).decode(errors="backslashreplace")
    return source in remembered.identities or f"path:{absolute}" in remembered.identities


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
