"""What the tests of the Spark engine share: replays that can be compared, and the processes behind a session.

An engine and sources go in; the numbers that were sent, the ledger and the marks come out.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metric_lines import merged
from replaying import balanced

from flowemf_processor.checkpoints import Checkpoints
from flowemf_processor.cli.output.placed_ledger import PlacedLedger
from flowemf_processor.core.unwrap import EVENT_IDS
from flowemf_processor.model import Batch, Mark, Outcome, State
from flowemf_processor.pipeline.guards import NO_GUARDS, Guards
from flowemf_processor.sources.files import FileSource
from flowemf_processor.sources.opening import open_sources

_PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class At:
    """A clock that stands still."""

    moment_ms: int

    def now_ms(self) -> int:
        """Give its time."""
        return self.moment_ms


class Taken:
    """A sink that takes everything and keeps it.

    Attributes:
        requests: what was sent.
        is_away: whether it takes nothing.
        on_request: is called with each request.
    """

    name = "metrics"

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.is_away = False
        self.on_request: Callable[[], None] = lambda: None

    def send(self, batch: Batch) -> Outcome:
        """Keep a request."""
        if self.is_away:
            return Outcome(State.PENDING, "unreachable", "away")
        self.requests.append(batch.request)
        self.on_request()
        return Outcome(State.ACCEPTED)


@dataclass
class Replayed:
    """What a replay did.

    Attributes:
        numbers: what was sent: by series, period and value, how often.
        account: the ledger, without the number of requests, which may be cut anywhere.
        places: by reason, where it was found first, and what is not in the account.
        marks: what is remembered of each source.
        requests: how many requests there were.
    """

    numbers: dict[Any, float]
    account: dict[str, Any]
    places: Any
    marks: list[Mark | None]
    requests: int


def replay(
    engine: Any, paths: Iterable[str | Path], checkpoint: Path | None, clock: At, *, guards: Guards = NO_GUARDS
) -> Replayed:
    """Replay into a sink that takes everything."""
    sources = open_sources([str(path) for path in paths])
    return replay_sources(engine, sources, checkpoint, clock, guards=guards)


def replay_sources(
    engine: Any, sources: Sequence[Any], checkpoint: Path | None, clock: At, *, guards: Guards = NO_GUARDS
) -> Replayed:
    """Replay sources that are open."""
    ledger, sink = PlacedLedger(), Taken()
    marks: list[Mark | None] = []
    if checkpoint is None:
        engine.replay_to_sink(sources, sink, None, ledger=ledger, clock=clock, guards=guards)
    else:
        with Checkpoints(checkpoint, "test") as checkpoints:
            engine.replay_to_sink(sources, sink, checkpoints, ledger=ledger, clock=clock, guards=guards)
            identities = [identity for source in sources for identity in source.identities]
            marks = [checkpoints.mark(identity) for identity in (*identities, EVENT_IDS)]
    account = balanced(ledger)
    del account["destinations"][0]["requests"]
    account["destinations"][0].pop("all_runs", None)
    places = {reason: (place.source, place.line) for reason, (place, _) in ledger.first_places.items()}
    counts = (ledger.invalid_records, ledger.notes)
    return Replayed(numbers_in(sink.requests), account, (places, counts), marks, len(sink.requests))


def numbers_in(requests: Iterable[dict[str, Any]]) -> dict[Any, float]:
    """Add up the counts of equal values of a series and period; statistic sets stand for themselves."""
    points: Counter[Any] = Counter()
    for request in requests:
        for datum in request["MetricData"]:
            pairs = tuple(sorted((each["Name"], each["Value"]) for each in datum.get("Dimensions", ())))
            resolution = datum.get("StorageResolution", 60)
            series = (request["Namespace"], datum["MetricName"], pairs, datum["Unit"], resolution)
            for value, count in zip(datum.get("Values", ()), datum.get("Counts", ()), strict=True):
                points[series, datum["Timestamp"], float(value), float(count)] += 1
            if "StatisticValues" in datum:
                points[series, datum["Timestamp"], json.dumps(datum["StatisticValues"], sort_keys=True), 1.0] += 1
    return merged(points)


def totals(numbers: dict[Any, float]) -> dict[str, tuple[float, float]]:
    """By metric, how many values there are and what they add up to."""
    several: dict[str, list[tuple[float, float]]] = {}
    for (series, _, value), count in numbers.items():
        several.setdefault(series[1], []).append((count, value * count))
    return {
        name: (math.fsum(count for count, _ in pairs), math.fsum(total for _, total in pairs))
        for name, pairs in several.items()
    }


# --- Processes --------------------------------------------------------------------------------------------------------


def workers_reading(file: Path) -> list[int]:
    """List the processes of Spark's tasks that have a file open."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and b"pyspark" in _command(process):
            try:
                opened = [str(each.readlink()) for each in (process / "fd").iterdir()]
            except OSError:  # it has ended
                continue
            if str(file.resolve()) in opened:
                found.append(int(process.name))
    return found


class WaitingFile(FileSource):
    """A file of which the first task that reads a stretch waits to be killed.

    Args:
        path: where it is.
        note: the task writes its process there.
    """

    def __init__(self, path: Path, note: Path) -> None:
        super().__init__(path)
        self._note = note

    def stretch(self, start_bytes: int, end_bytes: int) -> Iterator[bytes]:
        """Wait, once; the beginning is what the driver looks at, too."""
        if start_bytes:
            with contextlib.suppress(FileExistsError), self._note.open("x") as note:
                note.write(f"{os.getpid()}\n")
                note.flush()
                time.sleep(_PATIENCE_SECONDS)
        return super().stretch(start_bytes, end_bytes)


class BrokenFile(FileSource):
    """A file that no task can read."""

    def stretch(self, start_bytes: int, end_bytes: int) -> Iterator[bytes]:
        """Fail as a defect would."""
        raise RuntimeError("the task has a defect")


def process_in(note: Path) -> int:
    """Wait for the process that a task has written down."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not note.exists() or not note.read_text().endswith("\n"):
        assert time.monotonic() < deadline, "no task has begun"
        time.sleep(0.01)
    return int(note.read_text())


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
