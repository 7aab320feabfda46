"""Reading with several processes: the same findings, counts, marks and numbers as with one, whatever the log holds."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from metric_lines import NOW_MS, merged
from metric_lines import document as document_of
from replaying import CLOCK, FixedClock, balanced

from flowemf_processor import pipeline
from flowemf_processor.checkpoints import Checkpoints
from flowemf_processor.core.conditions import NO_CONDITIONS
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.core.metric_batches import plan
from flowemf_processor.engines import local
from flowemf_processor.engines.local import LocalEngine, Place
from flowemf_processor.model import Batch, Outcome, State
from flowemf_processor.pipeline import elsewhere, gathering
from flowemf_processor.pipeline.chunks import Chunk, ChunkReader, whole_lines
from flowemf_processor.pipeline.guards import Guards
from flowemf_processor.pipeline.yields import NoYield
from flowemf_processor.ports import FileLikeSource
from flowemf_processor.sources.opening import open_sources
from flowemf_processor.sources.watch import Watch

BAD = [
    b'{"_aws":{"CloudWatchMetrics":1,"Timestamp":1}}',
    b"CloudWatchMetrics",
    json.dumps(document_of({"Latency": 1}, dimensions={"Service": ""})).encode(),
    json.dumps(document_of({"Latency": 1}, dimensions={"Service": "\u00e9"})).encode(),
    json.dumps(document_of({"Latency": 1}, timestamp_ms=None)).encode(),
]
DOCKER = json.dumps({"log": '{"part', "stream": "stdout", "time": "2016-10-05T00:00:30Z"}).encode()


def lines_of_log(count: int) -> list[bytes]:
    """Give good lines of two directives, ordinary log between them, and now and then a bad one."""
    lines = []
    for n in range(count):
        if n % 5 == 4:
            lines.append(b"INFO order %d was taken" % n)
        elif n % 97 == 0:
            lines.append(BAD[n // 97 % len(BAD)])
        else:
            metrics = {"Latency": n % 50 / 7, "Items": n % 3} if n % 2 else {"Depth": n % 4}
            written = document_of(metrics, dimensions={"Service": f"s{n % 7}"}, timestamp_ms=NOW_MS - n * 100)
            lines.append(json.dumps(written).encode())
    return lines


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make chunks so small that a test's log has many."""
    monkeypatch.setattr(elsewhere, "CHUNK_BYTES", 20_000)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a log of about 400 KB with a torn end."""
    path = tmp_path_factory.mktemp("jobs") / "app.log"
    path.write_bytes(b"\n".join(lines_of_log(2500)) + b'\n{"_aws":{"CloudW')
    return path


class Taken:
    """A sink that takes everything and keeps it."""

    name = "metrics"

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    def send(self, batch: Batch) -> Outcome:
        """Keep a request."""
        self.requests.append(json.loads(batch.body))
        return Outcome(State.ACCEPTED)


class InThisProcess:
    """Stands in the place of other processes: reads a chunk when its result is asked for."""

    most_waiting = 3

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._reader = ChunkReader(*arguments, **options)

    def __enter__(self) -> InThisProcess:
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, chunk: Any) -> Any:
        """Wait for it to be asked for."""
        return chunk

    def result(self, chunk: Any) -> Any:
        """Read it."""
        return self._reader.read(chunk)


def checked(path: Path, guards: Guards) -> tuple[list[Any], dict[str, Any]]:
    """Check a log; give its findings and the ledger."""
    ledger = Ledger()
    sources = open_sources([str(path)])
    return list(pipeline.check(sources, ledger=ledger, clock=CLOCK, guards=guards)), balanced(ledger)


def points_of(requests: list[dict[str, Any]]) -> dict[Any, float]:
    """Add up the counts of equal values of a series and period."""
    points: Counter[Any] = Counter()
    for request in requests:
        for datum in request["MetricData"]:
            pairs = tuple((each["Name"], each["Value"]) for each in datum.get("Dimensions", ()))
            for value, count in zip(datum["Values"], datum["Counts"], strict=True):
                points[(request["Namespace"], datum["MetricName"], pairs), datum["Timestamp"], value, count] += 1
    return merged(points)


def sent(path: Path, checkpoint: Path, guards: Guards) -> tuple[dict[Any, float], dict[str, Any], Any]:
    """Replay a log with a checkpoint; give the numbers, the ledger and the marks."""
    ledger, sink = Ledger(), Taken()
    sources = open_sources([str(path)])
    with Checkpoints(checkpoint, "test") as checkpoints:
        pipeline.replay_to_sink(sources, sink, checkpoints, ledger=ledger, clock=FixedClock(), guards=guards)
        marks = [checkpoints.mark(identity) for identity in sources[0].identities]
    return points_of(sink.requests), balanced(ledger), marks


# --- The same with processes ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_chunks")
def test_findings_of_two_processes_are_those_of_one(log: Path) -> None:
    """In the same order, at the same places, with the same account."""
    with_two = checked(log, Guards(engine=partial(LocalEngine, 2)))
    assert with_two == checked(log, Guards())
    assert with_two[1]["records"]["rejected"] > 5


@pytest.mark.usefixtures("small_chunks")
def test_numbers_and_marks_of_two_processes_are_those_of_one(log: Path, tmp_path: Path) -> None:
    """The same multiset is sent, the checkpoint stands at the same place, and a second run sends nothing."""
    one = sent(log, tmp_path / "one", Guards())
    two = sent(log, tmp_path / "two", Guards(engine=partial(LocalEngine, 2)))
    assert two[0] == one[0]
    assert two[2] == one[2]
    for part in ("lines", "records", "values", "reasons", "sources"):
        assert two[1][part] == one[1][part], part
    assert two[1]["destinations"][0]["datapoints"] == one[1]["destinations"][0]["datapoints"]
    again = sent(log, tmp_path / "two", Guards(engine=partial(LocalEngine, 2)))
    assert (again[0], again[1]["lines"]) == ({}, 0)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("most_datapoints", [10**6, 100], ids=["one epoch", "many epochs"])
def test_aggregates_of_other_places_and_epochs_are_those_of_one(
    log: Path, monkeypatch: pytest.MonkeyPatch, most_datapoints: int
) -> None:
    """However often memory demands that what was gathered is given out, and whoever gathered it."""

    def points(guards: Guards) -> tuple[int, Any]:
        parts = list(pipeline.gathered(open_sources([str(log)]), ledger=Ledger(), clock=CLOCK, guards=guards))
        return len(parts), points_of([batch.request for part in parts for batch in plan(part)])

    [one, expected] = points(Guards())
    monkeypatch.setattr(gathering, "_EPOCH_DATAPOINTS", most_datapoints)
    for guards in (Guards(), Guards(engine=InThisProcess)):
        [parts, found] = points(guards)
        assert found == expected
        assert (parts > one) == (most_datapoints == 100 or guards.engine is not None)


class Kept:
    """Keeps what was rejected in a list."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def keep(self, rejections: Sequence[Any]) -> None:
        """Keep it."""
        self.kept += rejections

    def settle(self) -> None: ...


@pytest.mark.usefixtures("small_chunks")
def test_what_is_rejected_elsewhere_is_kept_here(log: Path) -> None:
    """The same lines, of the same places, in the same order."""
    here, elsewhere = Kept(), Kept()
    assert checked(log, Guards(rejects=here)) == checked(log, Guards(rejects=elsewhere, engine=InThisProcess))
    assert len(here.kept) > 5
    assert elsewhere.kept == here.kept


@pytest.mark.usefixtures("small_chunks")
def test_a_log_that_is_followed_is_read_here_as_it_grows(log: Path) -> None:
    """No other place could wait for what is written next, however much there is already."""

    class Never(InThisProcess):
        def submit(self, chunk: Any) -> Any:
            raise AssertionError(chunk)

    ledger, unread = Ledger(), [log.stat().st_size]
    with Watch([str(log)], flush_seconds=0.02, poll_seconds=0.02) as watch:

        def read(read_bytes: int) -> None:
            unread[0] -= read_bytes
            if not unread[0]:
                watch.stop()

        guards = Guards(engine=Never)
        pipeline.replay_to_sink(watch, Taken(), None, ledger=ledger, clock=CLOCK, progress=read, guards=guards)
    followed, lying = balanced(ledger)["records"], checked(log, Guards())[1]["records"]
    assert followed == {**lying, "total": 2500, "incomplete": 0}  # the rest of its torn end may come


def kill_first(reader: LocalEngine) -> None:
    """Kill a working process."""
    [process, *_] = reader._pool._processes.values()
    os.kill(process.pid or 0, signal.SIGKILL)


@pytest.mark.usefixtures("small_chunks")
def test_a_process_that_dies_costs_nothing(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it had in hand is read in its place."""
    results = 0
    result = LocalEngine.result

    def dying(self: LocalEngine, ticket: Any) -> Any:
        nonlocal results
        results += 1
        if results == 3:
            kill_first(self)
        return result(self, ticket)

    monkeypatch.setattr(LocalEngine, "result", dying)
    assert checked(log, Guards(engine=partial(LocalEngine, 2))) == checked(log, Guards())
    assert results >= 3


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("missing", ["shared memory", "a server that forks"])
def test_what_a_system_lacks_costs_time_alone(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """Elsewhere than on Linux chunks go through pipes, and processes are started anew."""
    if missing == "shared memory":
        monkeypatch.delattr(os, "memfd_create")
    else:
        monkeypatch.setattr(local, "get_all_start_methods", lambda: ["spawn"])
    one = sent(log, tmp_path / "one", Guards())
    with threading_beside():
        two = sent(log, tmp_path / "two", Guards(engine=partial(LocalEngine, 2)))
    assert (two[0], two[2]) == (one[0], one[2])


@contextmanager
def threading_beside() -> Iterator[None]:
    """Have another thread, beside which nobody may fork."""
    is_over = threading.Event()
    thread = threading.Thread(target=is_over.wait)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


HOW_THEY_START = """
import threading
from flowemf_processor.engines.local import start_method

print(start_method())
is_over = threading.Event()
thread = threading.Thread(target=is_over.wait)
thread.start()
print(start_method())
is_over.set()
thread.join()
"""


def test_nobody_forks_beside_a_thread() -> None:
    """Who has one thread forks; who has two has a server do it, since the other one may hold a lock."""
    finished = subprocess.run(
        [sys.executable, "-c", HOW_THEY_START], capture_output=True, timeout=60, check=True, text=True
    )
    assert finished.stdout.split() == ["fork" if sys.platform == "linux" else "spawn", "forkserver"]


def test_nothing_waits_for_processes_that_have_died() -> None:
    """What is handed to them from then on comes back unread, so that it is read in its place."""
    chunk = Chunk("a.log", 0, b"hello\n" * 9, NOW_MS)
    with LocalEngine(1, NO_CONDITIONS, NoYield(), keeps_rejections=False) as engine:
        read = engine.result(engine.submit(chunk))
        assert read is not None
        assert read.other_records == 9
        kill_first(engine)
        tickets = [engine.submit(chunk) for _ in range(3)]
        assert [engine.result(ticket) for ticket in tickets] == [None] * 3
        assert engine.result(engine.submit(chunk)) is None


ASKS_AND_WAITS = """
import sys, threading, time
from flowemf_processor.core.conditions import Conditions
from flowemf_processor.engines.local import LocalEngine
from flowemf_processor.pipeline.chunks import Chunk
from flowemf_processor.pipeline.yields import NoYield

if __name__ == "__main__":
    if sys.argv[1] == "threads":
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    with LocalEngine(2, Conditions(), NoYield(), keeps_rejections=False) as engine:
        tickets = [engine.submit(Chunk("a.log", 0, b"hello\\n" * 99, 0)) for _ in range(9)]
        assert all(engine.result(ticket) for ticket in tickets)
        print(*engine._pool._processes, flush=True)
        time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="it is looked up in /proc whether they are gone")
@pytest.mark.parametrize("beside", ["nothing", "threads"])
def test_nobody_works_on_for_a_process_that_was_killed(tmp_path: Path, beside: str) -> None:
    """Forked or not: no pipe that was inherited keeps a working process from seeing that nobody asks any more."""
    script = tmp_path / "asks.py"
    script.write_text(ASKS_AND_WAITS)
    with subprocess.Popen([sys.executable, str(script), beside], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        workers = [Path("/proc", each) for each in process.stdout.readline().split()]
        assert workers
        assert all(each.exists() for each in workers)
        process.kill()
    ends_at = time.monotonic() + 20
    while any(each.exists() for each in workers) and time.monotonic() < ends_at:
        time.sleep(0.02)
    assert not [each for each in workers if each.exists()]


# --- Memory that they share -------------------------------------------------------------------------------------------


def test_a_room_has_so_many_places_and_gives_what_was_put_there() -> None:
    """What is too large, or finds none free, goes another way; a place that was left is used again."""
    room = local.Room(2, 5000)
    first, second = room.put(b"a" * 5000), room.put(b"b" * 10)
    assert first is not None
    assert second is not None
    with room.file.data(first) as one, room.file.data(second) as other:
        assert (one[:], other[:]) == (b"a" * 5000, b"b" * 10)
    assert room.put(b"c") is None
    room.leave(first)
    assert room.put(b"x" * 100_000) is None
    assert room.put(b"c") == Place(first.offset_bytes, 1)
    room.close()


def test_a_room_without_memory_takes_nothing_and_keeps_its_places() -> None:
    """A limit on the size of files stands in for memory that is used up, in the middle of a chunk and before it."""
    script = (
        "import resource; from flowemf_processor.engines.local import Room\n"
        "room = Room(3, 4096)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))\n"
        "print([room.put(b'x' * 4096) is not None for _ in range(6)])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "print([room.put(b'x' * 4096) is not None for _ in range(3)])"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=True, text=True)
    assert finished.stdout.splitlines() == ["[True, False, False, False, False, False]", "[True, True, False]"]


# --- What cannot be read apart ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize(
    "odd",
    [
        pytest.param([DOCKER], id="a part that never ends"),
        pytest.param([b"{", b'  "events": [', b"  ]", b"}"], id="an indented document"),
        pytest.param([b'{"a":1}{"_aws":{"CloudWatchMetrics":[],"Timestamp":1}}'], id="two objects on a line"),
        pytest.param([b"x" * 1_100_000], id="a line that is too large"),
        pytest.param([b""], id="an empty line"),
    ],
)
def test_what_needs_what_lies_before_it_is_read_in_its_place(odd: list[bytes], tmp_path: Path) -> None:
    """From there on the source is read here, and nothing differs."""
    lines = lines_of_log(900)
    path = tmp_path / "a.log"
    path.write_bytes(b"\n".join((*lines[:500], *odd, *lines[500:])))
    one = sent(path, tmp_path / "one", Guards())
    two = sent(path, tmp_path / "two", Guards(engine=InThisProcess))
    assert (two[0], two[2]) == (one[0], one[2])
    assert two[1]["records"] == one[1]["records"]
    assert checked(path, Guards(engine=InThisProcess)) == checked(path, Guards())


@pytest.mark.usefixtures("small_chunks")
def test_compressed_data_that_end_too_early_are_read_up_to_there(log: Path, tmp_path: Path) -> None:
    """What was decompressed before the failure is read, elsewhere or here, and then the failure is told."""
    path = tmp_path / "a.log.gz"
    path.write_bytes(gzip.compress(log.read_bytes())[:-2000])
    two = checked(path, Guards(engine=InThisProcess))
    assert two == checked(path, Guards())
    assert two[1]["lines"] > 1000
    assert any("truncated" in str(each) for each in two[0])


@pytest.mark.usefixtures("small_chunks")
def test_a_limit_of_series_holds_for_the_whole_run(log: Path, tmp_path: Path) -> None:
    """No chunk gives places to series that the run has no more room for."""
    _, account, _ = sent(log, tmp_path / "two", Guards(engine=InThisProcess, max_series=5))
    points, _, _ = sent(log, tmp_path / "again", Guards(engine=InThisProcess, max_series=5))
    assert len({series for series, *_ in points}) == 5
    assert account["destinations"][0]["reasons"]["too-many-series"] > 0


@pytest.mark.usefixtures("small_chunks")
def test_a_run_goes_on_from_a_mark_with_several_processes(tmp_path: Path) -> None:
    """What was added to the log is read, with the right line numbers."""
    lines = lines_of_log(1500)
    path = tmp_path / "a.log"
    path.write_bytes(b"\n".join(lines[:700]) + b"\n")
    sent(path, tmp_path / "checkpoint", Guards(engine=InThisProcess))
    path.write_bytes(b"\n".join(lines) + b"\n")
    _, account, marks = sent(path, tmp_path / "checkpoint", Guards(engine=InThisProcess))
    assert (account["lines"], marks[0].lines) == (800, 1500)


# --- Cutting ----------------------------------------------------------------------------------------------------------


def test_stretches_are_whole_lines_and_nothing_is_lost() -> None:
    """However the pieces were cut; what stands behind the last line feed comes last."""
    content = b"\n".join(b"x" * (n % 13) for n in range(200)) + b"\ntail"
    for size in (1, 7, 50, 5000):
        pieces = (content[start : start + size] for start in range(0, len(content), size))
        stretches = list(whole_lines(pieces, 64))
        assert b"".join(stretches) == content
        assert all(each.endswith(b"\n") for each in stretches[:-1])
        assert stretches[-1] == b"tail"


def test_what_was_read_before_a_failure_is_given_out_first() -> None:
    """A disk may fail in the middle."""

    def pieces() -> Iterator[bytes]:
        yield b"a\nb"
        raise OSError("gone")

    stretches = whole_lines(pieces(), 1000)
    assert [next(stretches), next(stretches)] == [b"a\n", b"b"]
    with pytest.raises(OSError, match="gone"):
        next(stretches)


class Changing(InThisProcess):
    """Lets something happen to the log once the first chunk was read."""

    def __init__(self, change: Callable[[], None], *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._change: Callable[[], None] | None = change

    def result(self, chunk: Any) -> Any:
        """Read a chunk, and then change the log."""
        read = super().result(chunk)
        if self._change is not None:
            self._change()
            self._change = None
        return read


@pytest.mark.usefixtures("small_chunks")
def test_a_log_that_is_rotated_while_it_is_read_is_read_to_its_end(log: Path, tmp_path: Path) -> None:
    """Whoever fetches a chunk finds another file under its name, and leaves it to whoever has opened the log."""
    path = tmp_path / "app.log"
    path.write_bytes(log.read_bytes())
    expected = checked(path, Guards())

    def rotate() -> None:
        path.rename(tmp_path / "app.log.1")
        path.write_bytes(b"INFO the next log\n" * 100_000)

    assert checked(path, Guards(engine=partial(Changing, rotate))) == expected


@pytest.mark.usefixtures("small_chunks")
def test_a_log_that_is_cut_off_while_it_is_read_ends_there(log: Path, tmp_path: Path) -> None:
    """What is gone cannot be fetched: the account says how much was read, and it balances."""
    path = tmp_path / "app.log"
    path.write_bytes(log.read_bytes())
    _, account = checked(path, Guards(engine=partial(Changing, lambda: os.truncate(path, 100_000))))
    assert account["sources"][0]["read_bytes"] <= 100_000


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("given_up", [False, True], ids=["all are read", "all but three are given up"])
@pytest.mark.parametrize(
    "end",
    [
        pytest.param(b"", id="no line feed"),
        pytest.param(b"\n", id="line feed"),
        pytest.param(b"\n\n", id="empty line"),
        pytest.param(b"x" * 70_000, id="long line without end"),
        pytest.param(b"x" * 70_000 + b"\n", id="long line"),
        pytest.param(b"x" * 1_200_000, id="line longer than a chunk"),
    ],
)
def test_a_file_is_cut_where_lines_end(end: bytes, given_up: bool, tmp_path: Path) -> None:
    """Every chunk is whole lines, each begins where the one before ends, and what is left is read here."""
    path = tmp_path / "a.log"
    path.write_bytes(b"\n".join(b"y" * (n % 300) for n in range(2000)) + end)
    [source] = open_sources([str(path)])
    pieces = source.pieces()
    next(pieces)
    assert isinstance(source, FileLikeSource)
    cutter = elsewhere.StretchesCutter(source, 0, pieces, readers=2)
    cut = list(iter(cutter.next, None))
    read, unread = (cut[:3], cut[3:]) if given_up else (cut, [])
    texts = [b"".join(each.pieces()) for each in read]
    assert len(cut) > 10
    assert all(text.endswith(b"\n") for text in texts)
    assert b"".join((*texts, *cutter.unread(unread))) == path.read_bytes()
