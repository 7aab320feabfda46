"""Delivery beside reading: what the destination does not take waits in a real checkpoint, and the account balances."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from metric_lines import NOW_MS, document
from replaying import balanced, text_of

from flowemf_processor import pipeline
from flowemf_processor.checkpoints import Checkpoints, contents, store
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.model import Batch, Detour, Mark, Outcome, State
from flowemf_processor.pipeline import spooling
from flowemf_processor.pipeline.delivery import DROPPED, INTERRUPTED, SENT_AGAIN, Terms
from flowemf_processor.pipeline.vitals import Service, Vitals
from flowemf_processor.sources.followed_file import kinship
from flowemf_processor.sources.watch import Watch

PATIENCE_SECONDS = 60
ACCEPTED = Outcome(State.ACCEPTED)
THROTTLED = Outcome(State.PENDING, "throttled", "slow down")
UNKNOWN = Outcome(State.AMBIGUOUS, "no-answer", "nobody knows")
DENIED = Outcome(State.PENDING, "access-denied", "not allowed", by_configuration=True)


class TickingClock:
    """Tells the time of the lines."""

    def now_ms(self) -> int:
        return NOW_MS


class Destination:
    """A sink that answers as it is told, and accepts where it is told nothing."""

    name = "metrics"

    def __init__(self, *answers: Outcome) -> None:
        self.answers = list(answers)
        self.received: Counter[float] = Counter()
        self.attempts = 0
        self.count = 0
        self.is_away: Outcome | None = None
        self._turns = threading.Lock()

    def send(self, batch: Batch) -> Outcome:
        with self._turns:
            self.attempts += 1
            answer = self.is_away or (self.answers.pop(0) if self.answers else ACCEPTED)
            if answer.state in (State.ACCEPTED, State.AMBIGUOUS):
                for datum in batch.request["MetricData"]:
                    self.received.update(dict(zip(datum["Values"], map(int, datum["Counts"]), strict=True)))
                self.count = self.received.total()
            return answer


class Attendant:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.vitals: Vitals | None = None
        self.events: list[str] = []

    def admit(self, vitals: Vitals) -> None:
        self.vitals = vitals

    def look(self) -> None: ...

    def tell(self, event: str, sentence: str) -> None:
        self.events.append(event)


class Run:
    """A run that follows a log on a thread of its own; use it as a context manager."""

    def __init__(
        self, log: Path, destination: Destination, *, resend: bool = True, max_spool_bytes: int = 10**9
    ) -> None:
        self.ledger = Ledger()
        self.attendant = Attendant()
        self._destination = destination
        self._watch = Watch([str(log)], flush_seconds=0.02, poll_seconds=0.02)
        self._terms = Terms(in_flight=2, resend=resend, service=Service(self.attendant, max_spool_bytes))
        self._path = log.parent / "checkpoint.sqlite3"
        self._thread = threading.Thread(target=self._follow)

    def _follow(self) -> None:
        with Checkpoints(self._path, "metrics") as checkpoints, self._watch as watch:
            pipeline.replay_to_sink(
                watch, self._destination, checkpoints, ledger=self.ledger, clock=TickingClock(), terms=self._terms
            )

    def __enter__(self) -> Run:
        self._thread.start()
        wait_for(lambda: self.attendant.vitals is not None)
        return self

    def __exit__(self, *error: object) -> None:
        self._watch.stop()
        self.join()

    def join(self) -> None:
        """Wait for the end, which balances."""
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()
        balanced(self.ledger)

    def datapoints(self) -> Counter[State]:
        """Give what became of them."""
        [account] = self.ledger.destinations
        return +account.datapoints

    @property
    def vitals(self) -> Vitals:
        """Give how it is doing."""
        assert self.attendant.vitals is not None
        return self.attendant.vitals


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def lines(numbers: Iterable[int]) -> bytes:
    """Write metric lines that no others equal."""
    return text_of(document({"Latency": number}) for number in numbers)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Give a log of ten lines."""
    path = tmp_path / "app.log"
    path.write_bytes(lines(range(10)))
    return path


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait milliseconds where a service waits seconds."""
    monkeypatch.setattr(spooling, "_FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(spooling, "LONGEST_PAUSE_SECONDS", 0.05)


def append(log: Path, content: bytes) -> None:
    """Write on."""
    with log.open("ab") as file:
        file.write(content)


def test_windows_are_delivered_as_they_close(log: Path) -> None:
    """Each line once; when all is delivered, nothing lags behind."""
    destination = Destination()
    with Run(log, destination) as run:
        wait_for(lambda: destination.count == 10)
        append(log, lines(range(10, 20)))
        wait_for(lambda: destination.count == 20)
        wait_for(lambda: not run.vitals.is_behind)
        assert run.vitals.lag_seconds(NOW_MS / 1000 + 1e6) == 0
        assert run.vitals.newest_event_s == NOW_MS // 60_000 * 60
    assert set(destination.received.values()) == {1}
    assert run.datapoints() == {State.ACCEPTED: 20}


def test_while_the_destination_is_away_reading_goes_on_and_what_was_read_waits(log: Path) -> None:
    """Everything arrives once when it is back; going and coming are told once each."""
    destination = Destination()
    destination.is_away = THROTTLED
    with Run(log, destination) as run:
        for start in range(10, 60, 10):
            seen = run.ledger.metric_records
            append(log, lines(range(start, start + 10)))
            wait_for(lambda seen=seen: run.ledger.metric_records >= seen + 10)
        wait_for(lambda: run.attendant.events == ["away"])
        wait_for(lambda: run.vitals.spool_batches > 1)
        assert run.vitals.spool_bytes > 0
        assert run.vitals.lag_seconds(NOW_MS / 1000 + 30) == 30
        destination.is_away = None
        wait_for(lambda: destination.count == 60)
        wait_for(lambda: run.attendant.events == ["away", "back"])
    assert (run.vitals.spool_batches, run.vitals.spool_bytes) == (0, 0)
    assert set(destination.received.values()) == {1}
    assert run.datapoints() == {State.ACCEPTED: 60}


def test_what_still_waits_at_the_end_is_pending_and_delivered_by_the_next_run(log: Path) -> None:
    """Which finds it in the checkpoint and does not read the log again."""
    away, back = Destination(), Destination()
    away.is_away = THROTTLED
    with Run(log, away) as run:
        wait_for(lambda: away.attempts > 2)
    assert run.datapoints() == {State.PENDING: 10}
    with Run(log, back) as run:
        wait_for(lambda: back.count == 10)
    assert run.datapoints() == {State.ACCEPTED: 10}
    assert run.ledger.destinations[0].resumed == 10
    assert run.ledger.metric_records == 0


def test_a_full_spool_stops_reading_until_there_is_room(log: Path) -> None:
    """It is told once, and so is its end; nothing is lost."""
    destination = Destination()
    destination.is_away = THROTTLED
    with Run(log, destination, max_spool_bytes=1) as run:
        wait_for(lambda: "spool-full" in run.attendant.events)
        append(log, lines(range(10, 500)))
        time.sleep(0.2)
        assert run.ledger.metric_records == 10
        assert not run.vitals.is_reading
        wait_for(lambda: run.vitals.behind_bytes > 0)
        destination.is_away = None
        wait_for(lambda: destination.count == 500)
        wait_for(lambda: run.vitals.is_reading and not run.vitals.spool_batches)
    told = [each for each in run.attendant.events if each.startswith("spool")]
    assert told == ["spool-full", "spool-has-room"] * (len(told) // 2)
    assert set(destination.received.values()) == {1}


def test_an_attempt_of_which_nobody_knows_is_sent_again_and_counted(log: Path) -> None:
    """Once for each such attempt, whatever the attempts in between were."""
    destination = Destination(UNKNOWN, THROTTLED, UNKNOWN)
    with Run(log, destination) as run:
        wait_for(lambda: not run.vitals.spool_batches and destination.attempts == 4)
    [account] = run.ledger.destinations
    assert account.reasons == {SENT_AGAIN: 20}
    assert set(destination.received.values()) == {3}
    assert run.datapoints() == {State.ACCEPTED: 10}


def test_with_drop_it_is_given_up_and_counted(log: Path) -> None:
    """In the run in which it happened."""
    destination = Destination(UNKNOWN)
    with Run(log, destination, resend=False) as run:
        wait_for(lambda: destination.attempts == 1 and not run.vitals.spool_batches)
    assert run.datapoints() == {State.AMBIGUOUS: 10}


def test_with_drop_what_a_killed_run_had_in_flight_is_given_up(log: Path) -> None:
    """The next run knows no more of it than that."""
    with Checkpoints(log.parent / "checkpoint.sqlite3", "metrics") as checkpoints:
        [planned] = checkpoints.plan([Batch(b'{"Namespace":"N","MetricData":[]}', (7,))], [])
        checkpoints.begin(planned)
    destination = Destination()
    with Run(log, destination, resend=False) as run:
        wait_for(lambda: destination.count == 10)
    assert run.datapoints() == {State.ACCEPTED: 10, State.AMBIGUOUS: 7}
    assert run.ledger.destinations[0].reasons == {DROPPED: 7}


def test_wrong_from_the_beginning_is_the_end(log: Path) -> None:
    """Somebody is there to mend the configuration."""
    destination = Destination()
    destination.is_away = DENIED
    run = Run(log, destination)
    with run:
        run.join()
    assert run.datapoints() == {State.PENDING: 10}
    assert run.ledger.destinations[0].reasons == {"access-denied": 10}


def test_wrong_only_later_is_waited_for(log: Path) -> None:
    """Credentials expire and are renewed while the spool waits."""
    destination = Destination(ACCEPTED, DENIED, DENIED, DENIED)
    with Run(log, destination) as run:
        wait_for(lambda: destination.count == 10)
        append(log, lines(range(10, 20)))
        wait_for(lambda: destination.count == 20)
    assert run.attendant.events == ["away", "back"]
    assert run.datapoints() == {State.ACCEPTED: 20}


def test_a_refused_datum_costs_no_other(log: Path) -> None:
    """The request is divided, and its parts wait like all others."""
    log.write_bytes(text_of(document({f"M{number}": number}) for number in range(8)))

    class Picky(Destination):
        def send(self, batch: Batch) -> Outcome:
            if b'"M3"' in batch.body:
                return Outcome(State.REFUSED, "InvalidParameterValue", "M3 is bad")
            return super().send(batch)

    destination = Picky()
    with Run(log, destination) as run:
        wait_for(lambda: destination.count == 7)
        wait_for(lambda: not run.vitals.spool_batches)
    assert run.datapoints() == {State.ACCEPTED: 7, State.REFUSED: 1}


def test_one_request_that_cannot_be_delivered_holds_up_no_other(log: Path) -> None:
    """They are tried in turn."""

    class Stubborn(Destination):
        def send(self, batch: Batch) -> Outcome:
            return THROTTLED if b'"Bad"' in batch.body else super().send(batch)

    log.write_bytes(text_of([document({"Bad": 1}, namespace="A"), document({"Good": 2}, namespace="B")]))
    destination = Stubborn()
    with Run(log, destination) as run:
        wait_for(lambda: destination.received == {2: 1})
        append(log, lines([3]))
        wait_for(lambda: destination.received == {2: 1, 3: 1})
    assert run.datapoints() == {State.ACCEPTED: 2, State.PENDING: 1}


def test_what_takes_another_road_waits_like_all_else(log: Path) -> None:
    """Of ten datapoints four do, and one of these is refused; a request without a time makes nothing newer."""
    piece = Batch(b'{"MetricData":[{"Values":[100],"Counts":[3]}]}', (3,))
    destination = Destination(Outcome(State.ACCEPTED, detour=Detour((piece,), (("too-old", 1),))))
    with Run(log, destination) as run:
        wait_for(lambda: destination.attempts == 2 and not run.vitals.spool_batches)
        assert run.vitals.newest_event_s is None
        append(log, lines([10]))
        wait_for(lambda: run.vitals.newest_event_s == NOW_MS // 60_000 * 60)
    assert destination.received[100] == 3
    assert run.ledger.destinations[0].reasons == {"too-old": 1}
    assert run.datapoints() == {State.ACCEPTED: 10, State.REFUSED: 1}


def test_a_request_that_hangs_at_the_end_may_have_been_taken(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends all the same; the next one sends it again and counts that."""
    monkeypatch.setattr(spooling, "_GRACE_SECONDS", 0.1)

    class Hanging(Destination):
        def send(self, batch: Batch) -> Outcome:
            self.attempts += 1
            time.sleep(3)
            return ACCEPTED

    hanging, destination = Hanging(), Destination()
    with Run(log, hanging) as run:
        wait_for(lambda: hanging.attempts == 1)
    assert run.datapoints() == {State.AMBIGUOUS: 10}
    assert run.ledger.destinations[0].reasons == {INTERRUPTED: 10}
    assert run.vitals.failed_attempts == 0
    with Run(log, destination) as run:
        wait_for(lambda: destination.count == 10)
    assert run.datapoints() == {State.ACCEPTED: 10}
    assert run.ledger.destinations[0].reasons == {SENT_AGAIN: 10}


def test_a_run_with_a_full_spool_ends_when_it_is_told_to(log: Path) -> None:
    """Nobody is told of room that there is not."""
    destination = Destination()
    destination.is_away = THROTTLED
    with Run(log, destination, max_spool_bytes=1) as run:
        wait_for(lambda: "spool-full" in run.attendant.events)
    assert "spool-has-room" not in run.attendant.events
    assert run.datapoints() == {State.PENDING: 10}


def test_rotated_files_that_are_gone_are_forgotten_while_the_run_goes_on(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of months has its checkpoint as small as one of a day."""
    monkeypatch.setattr(spooling, "_PRUNE_SECONDS", 0.0)
    monkeypatch.setattr(store, "KEPT_PER_LOG", 1)
    checkpoint = log.parent / "checkpoint.sqlite3"
    lives = [Mark(kinship(log, b"%d" % number), number, 1, f"{number:02}") for number in range(9)]
    with Checkpoints(checkpoint, "metrics") as checkpoints:
        checkpoints.plan([], lives)

    def remembered() -> int:
        return sum(len(source.identities) for source in contents(checkpoint).destinations[0].sources)

    assert remembered() == 9
    with Run(log, Destination()):
        wait_for(lambda: remembered() < 6)  # three of them are of the log itself


def test_memory_stays_flat_over_many_windows(log: Path) -> None:
    """What a window took is given back."""
    destination = Destination()
    written = [10]
    sizes = []

    def write_window() -> None:
        append(log, lines([written[0]]))
        written[0] += 1
        wait_for(lambda: len(destination.received) == written[0])

    with Run(log, destination):
        tracemalloc.start()
        try:
            for _ in range(4):
                for _ in range(15):
                    write_window()
                sizes.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    assert sizes[-1] - sizes[1] < 200_000, sizes
