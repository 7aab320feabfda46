"""Finds the marks that rotation leaves behind.

The rows of a destination go in; those of files that were rotated away long ago come out, or are taken away.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

KEPT_PER_LOG = 1000
"""So many lives of one log are remembered in any case."""

_BEGINNING = "beginning:"  # a directory, the stem of a name and a hash follow, see sources


def rotated_long_ago(connection: sqlite3.Connection, destination: str) -> list[str]:
    """List the identities of lives of logs, but for the newest of each log.

    Args:
        connection: to a checkpoint.
        destination: what it calls the destination.
    """
    lives: Counter[str] = Counter()
    old: list[str] = []
    for (identity,) in connection.execute(
        "SELECT source FROM mark WHERE destination = ? AND source >= ? AND source < ? ORDER BY rowid DESC",
        (destination, _BEGINNING, _BEGINNING[:-1] + ";"),  # the character that follows the colon
    ):
        log = identity.rpartition(":")[0]
        lives[log] += 1
        if lives[log] > KEPT_PER_LOG:
            old.append(identity)
    return old


def forget_rotated(connection: sqlite3.Connection, destination: str, identities: Iterable[str]) -> None:
    """Take away these lives under all their identities, which are those that have read the same bytes.

    Args:
        connection: in a transaction.
        destination: what the checkpoint calls the destination.
        identities: lives of logs.
    """
    for identity in identities:
        connection.execute(
            "DELETE FROM mark WHERE destination = ?1 AND (offset_bytes, lines, digest) IN "
            "(SELECT offset_bytes, lines, digest FROM mark WHERE destination = ?1 AND source = ?2)",
            (destination, identity),
        )
