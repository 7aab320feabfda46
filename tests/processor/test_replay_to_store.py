"""Replays of real files into the embedded store: what is stored, what is not stored twice, and the account of it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from metric_lines import document
from replaying import CLOCK, balanced, imports, state, store, text_of

from flowemf_processor import pipeline
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.errors import TryAgainLaterError
from flowemf_processor.model import Event, Mark
from flowemf_processor.pipeline import replay
from flowemf_processor.sinks.local import LocalStore
from flowemf_processor.sources.opening import open_sources


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalStore]:
    """Give an empty store."""
    with LocalStore(tmp_path / "state" / "store.duckdb") as opened:
        yield opened


def latencies(count: int, start: int = 0) -> bytes:
    """Write lines with the values start, start + 1, ..."""
    return text_of(document({"Latency": value}, sets=[["A"], []]) | {"A": "x"} for value in range(start, start + count))


def stored(local: LocalStore) -> list[float]:
    """List the values that are stored."""
    return sorted(value for (value,) in local.query("SELECT Value FROM METRICS"))


def test_a_second_replay_stores_nothing(tmp_path: Path, local: LocalStore) -> None:
    """The ledger says what was passed over."""
    (tmp_path / "a.log").write_bytes(latencies(10) + b"INFO bye\n")
    first = store(local, tmp_path / "a.log")
    assert state(first) == {"extracted": 20, "accepted": 20}
    assert (first["lines"], first["values"], first["records"]["other"]) == (11, 10, 1)
    again = store(local, tmp_path / "a.log")
    assert state(again, "accepted") == {"accepted": 0}
    assert (again["lines"], again["records"]["total"]) == (0, 0)
    assert again["sources"][0]["already_accepted_bytes"] == (tmp_path / "a.log").stat().st_size
    assert stored(local) == list(range(10))


def test_a_grown_file_gives_its_new_lines_only(tmp_path: Path, local: LocalStore) -> None:
    """In as many steps as it likes, torn lines included."""
    path, content = tmp_path / "a.log", latencies(12)
    for end in (0, 1, 150, 151, 700, len(content) - 1, len(content)):
        path.write_bytes(content[:end])
        store(local, path)
    assert stored(local) == list(range(12))


def test_a_torn_last_line_waits_for_the_rest(tmp_path: Path, local: LocalStore) -> None:
    """It is counted as incomplete, not as read, and comes whole in a later run."""
    path, content = tmp_path / "a.log", latencies(2)
    path.write_bytes(content[:-20])
    account = store(local, path)
    assert (account["records"]["incomplete"], account["reasons"]) == (1, {"line-incomplete": 1})
    assert account["lines"] == 1
    path.write_bytes(content)
    assert store(local, path)["records"]["metric"] == 1
    assert stored(local) == [0, 1]


def test_a_last_line_without_an_end_is_read_once(tmp_path: Path, local: LocalStore) -> None:
    """Its line ending, when it comes, is no line; the next line has its true number."""
    path, content = tmp_path / "a.log", latencies(1)
    path.write_bytes(content.rstrip())
    assert store(local, path)["lines"] == 1
    path.write_bytes(content + b"\xff CloudWatchMetrics\n")
    account = store(local, path)
    assert (account["lines"], account["records"]["total"], account["records"]["rejected"]) == (1, 1, 1)
    assert stored(local) == [0]


def test_a_file_written_anew_is_read_anew(tmp_path: Path, local: LocalStore) -> None:
    """Shorter, longer or as long: the digest of what was read tells."""
    path = tmp_path / "a.log"
    for start in (0, 5, 10):
        path.write_bytes(latencies(5, start))
        assert state(store(local, path))["accepted"] == 10
    path.write_bytes(latencies(2, 20))
    store(local, path)
    assert stored(local) == [*range(15), 20, 21]


def test_a_renamed_file_is_known_again_and_its_successor_is_not_taken_for_it(tmp_path: Path, local: LocalStore) -> None:
    """Log rotation: the old file keeps its mark, the new one begins at its beginning."""
    path = tmp_path / "a.log"
    path.write_bytes(latencies(3))
    store(local, tmp_path / "a.log")
    with path.open("ab") as file:
        file.write(latencies(1, 3))
    path.rename(tmp_path / "a.log.1")
    path.write_bytes(latencies(2, 4))
    store(local, tmp_path / "a.log", tmp_path / "a.log.1")
    assert stored(local) == list(range(6))


def test_a_copy_in_the_place_of_the_original_is_known_by_its_path(tmp_path: Path, local: LocalStore) -> None:
    """Another inode, the same content."""
    path = tmp_path / "a.log"
    path.write_bytes(latencies(3))
    store(local, path)
    path.rename(tmp_path / "kept")
    path.write_bytes(latencies(4))
    assert state(store(local, path))["accepted"] == 2
    assert stored(local) == list(range(4))


def test_a_file_that_cannot_be_read_for_once_keeps_its_mark(
    open_directory: Path, as_nobody: Callable[[], contextlib.AbstractContextManager[None]]
) -> None:
    """The others are read, a finding says why it was not, and the next run goes on where the last one had stopped."""
    open_directory.chmod(0o777)
    with as_nobody(), LocalStore(open_directory / "store.duckdb") as local:
        logs = open_directory / "logs"
        logs.mkdir()
        (logs / "a.log").write_bytes(latencies(3))
        store(local, logs)
        (logs / "a.log").chmod(0)
        (logs / "b.log").write_bytes(latencies(1, 9))
        account = store(local, logs)
        assert account["reasons"] == {"source-unreadable": 1}
        assert state(account)["accepted"] == 2
        (logs / "a.log").chmod(0o600)
        (logs / "a.log").write_bytes(latencies(4))
        assert state(store(local, logs))["accepted"] == 2
        assert stored(local) == [0, 1, 2, 3, 9]


def test_a_file_that_shrinks_while_it_is_read_ends_where_it_ends(
    tmp_path: Path, local: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What had been read is stored once; what is written afterwards is another file's content."""
    path = tmp_path / "a.log"
    path.write_bytes(latencies(20_000))
    whole = path.stat().st_size
    assert whole > 3 << 20

    class Shrinking:
        def __init__(self) -> None:
            self.name = "local"

        def mark(self, source: str) -> Mark | None:
            return local.mark(source)

        def store(self, events: Sequence[Event], marks: Any) -> None:
            os.truncate(path, 1 << 20)
            local.store(events, marks)

    monkeypatch.setattr(replay, "STORE_DATAPOINTS", 10_000)
    account = store(Shrinking(), path)
    values = stored(local)
    assert values == list(range(len(values)))
    assert account["records"]["metric"] == len(values) < 20_000


def test_ordinary_lines_without_end_take_no_memory(tmp_path: Path, local: LocalStore) -> None:
    """Nor do metric lines that define no metric: what holds no number waits for nothing."""
    (tmp_path / "a.log").write_bytes(text_of([document({})]) * 20_000)
    largest = 0

    class Watching:
        name = "local"

        def mark(self, source: str) -> Mark | None:
            return None

        def store(self, events: Sequence[Event], marks: Any) -> None:
            nonlocal largest
            largest = max(largest, len(events))

    account = store(Watching(), tmp_path / "a.log")
    assert (account["records"]["metric"], account["reasons"]["metrics-empty"], largest) == (20_000, 20_000, 0)


def test_what_could_not_be_stored_is_pending_in_a_ledger_that_balances(tmp_path: Path) -> None:
    """The disk is full: the exception says so, and the account is not lost."""
    (tmp_path / "a.log").write_bytes(latencies(3))

    class Full:
        name = "local"

        def mark(self, source: str) -> Mark | None:
            return None

        def store(self, events: Sequence[Event], marks: Any) -> None:
            raise TryAgainLaterError("the disk is full")

    ledger = Ledger()
    with pytest.raises(TryAgainLaterError, match="the disk is full"):
        pipeline.replay_to_store(open_sources([str(tmp_path / "a.log")]), Full(), ledger=ledger, clock=CLOCK)
    assert state(balanced(ledger)) == {"extracted": 6, "pending": 6}


KILLED = """
import sys
from pathlib import Path
from flowemf_processor.pipeline import replay
from flowemf_processor.sinks.local import LocalStore
from replaying import store
replay.STORE_DATAPOINTS = 3000
print("begun", flush=True)
with LocalStore(Path(sys.argv[1])) as local:
    store(local, *map(Path, sys.argv[2:]))
"""


def test_a_process_killed_at_any_moment_loses_nothing_and_stores_nothing_twice(tmp_path: Path) -> None:
    """SIGKILL in the midst of real replays of two files; the last run comes to its end."""
    for name, start in (("a.log", 0), ("b.log", 10_000)):
        (tmp_path / name).write_bytes(latencies(10_000, start))
    command = [*imports(), KILLED, *(str(tmp_path / name) for name in ("store.duckdb", "a.log", "b.log"))]
    moments = random.Random(7)
    for _ in range(5):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
            assert running.stdout is not None
            running.stdout.readline()
            time.sleep(moments.uniform(0, 0.8))
            running.send_signal(signal.SIGKILL)
    subprocess.run(command, check=True, timeout=60, stdout=subprocess.DEVNULL)
    with LocalStore(tmp_path / "store.duckdb") as local:
        assert stored(local) == list(range(20_000))


def test_the_store_is_the_same_however_the_log_is_divided_into_files(tmp_path: Path) -> None:
    """One file, three files, and the same in other runs."""
    content = latencies(9)
    lines = content.splitlines(keepends=True)
    (tmp_path / "whole.log").write_bytes(content)
    for number in range(3):
        (tmp_path / f"part{number}.log").write_bytes(b"".join(lines[number::3]))
    found = []
    for name, paths in (("one", ["whole.log"]), ("three", ["part2.log", "part0.log", "part1.log"])):
        with LocalStore(tmp_path / f"{name}.duckdb") as local:
            store(local, *(tmp_path / path for path in paths))
            found.append(local.query("SELECT * FROM METRICS ORDER BY Value"))
    assert json.dumps(found[0], default=str) == json.dumps(found[1], default=str)
    assert len(found[0]) == 9
