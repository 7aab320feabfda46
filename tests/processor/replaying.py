"""Replays for the processor's tests: real files into a destination, and a ledger that must balance.

Paths and a destination go in; the ledger comes out as JSON, held to its schema and its sums.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from metric_lines import NOW_MS

from flowemf_processor import pipeline
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.model import Mark
from flowemf_processor.pipeline.reading import Step
from flowemf_processor.ports import CheckpointStore, EventStore, Sink
from flowemf_processor.sources.opening import open_sources
from flowemf_schemas.ledger_rules import examine_ledger


class FixedClock:
    """Stands still."""

    def now_ms(self) -> int:
        """Give the time that the lines of the tests are written at."""
        return NOW_MS


CLOCK = FixedClock()


class Pieces:
    """A source that gives these pieces of bytes, whatever lines they cut."""

    name = "a.log"
    identities = ("path:/a.log",)
    rewindable = True
    size_bytes = None

    def __init__(self, *pieces: bytes) -> None:
        self._give: Callable[[], Iterable[bytes]] = lambda: pieces

    @classmethod
    def of(cls, content: bytes, piece_bytes: int) -> Pieces:
        """Cut bytes into pieces of one size, each when it is asked for."""
        cut = cls()
        starts = range(0, len(content), piece_bytes)
        cut._give = lambda: (content[start : start + piece_bytes] for start in starts)
        return cut

    def pieces(self) -> Iterator[bytes]:
        """Give them."""
        yield from self._give()


class Marks:
    """Remembers marks."""

    def __init__(self) -> None:
        self.known: dict[str, Mark] = {}

    def mark(self, source: str) -> Mark | None:
        """Give what was remembered of a source."""
        return self.known.get(source)

    def keep(self, steps: Iterable[Step]) -> None:
        """Remember what the steps say."""
        self.known.update((mark.source, mark) for step in steps for mark in step.marks)


def text_of(documents: Iterable[Mapping[str, Any]]) -> bytes:
    """Write documents as lines."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in documents)


def balanced(ledger: Ledger) -> dict[str, Any]:
    """Give a ledger that must balance."""
    account = ledger.as_json()
    assert examine_ledger(account) == [], account
    return account


def store(destination: EventStore, *paths: Path) -> dict[str, Any]:
    """Replay into a store."""
    ledger = Ledger()
    sources = open_sources([str(path) for path in paths])
    pipeline.replay_to_store(sources, destination, ledger=ledger, clock=CLOCK)
    return balanced(ledger)


def send(sink: Sink, checkpoints: CheckpointStore | None, *paths: Path) -> dict[str, Any]:
    """Replay into a sink."""
    ledger = Ledger()
    sources = open_sources([str(path) for path in paths])
    pipeline.replay_to_sink(sources, sink, checkpoints, ledger=ledger, clock=CLOCK)
    return balanced(ledger)


def state(account: Mapping[str, Any], *states: str) -> dict[str, int]:
    """Give the datapoints of the one destination by state, those that are not 0 or are asked for."""
    [destination] = account["destinations"]
    return {name: count for name, count in destination["datapoints"].items() if count or name in states}


def imports() -> list[str]:
    """Give the start of a command line that runs a script which imports the tests' helpers."""
    helpers = str(Path(__file__).parent)
    return [sys.executable, "-c", f"import sys; sys.path.insert(0, {helpers!r}); exec(sys.argv.pop(1))"]
