"""Reading a source in steps: what is said of it as a whole, marks that never go back, and sources that fail."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from metric_lines import document
from replaying import CLOCK, Marks, Pieces, balanced, state, store, text_of

from flowemf_processor import pipeline
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.errors import TryAgainLaterError
from flowemf_processor.pipeline.blocks import FIRST_BYTES
from flowemf_processor.pipeline.reading import SourceReader, Step
from flowemf_processor.sinks.local import LocalStore
from flowemf_processor.sources.files import FileSource
from flowemf_processor.sources.opening import open_sources

GOOD = text_of([document({"Latency": 1})])


class Failing(Pieces):
    """A source that gives some pieces and then fails, as a disk does."""

    name = "failing.log"
    identities = ("path:/failing.log",)

    def pieces(self) -> Iterator[bytes]:
        yield from super().pieces()
        raise TryAgainLaterError("Input/output error")


class Nameless(Failing):
    """The same without an identity, as standard input is."""

    identities = ()  # type: ignore[assignment]
    rewindable = False


def read(source: object, marks: Marks) -> tuple[list[Step], Ledger]:
    """Read a source to its end and remember how far that was."""
    ledger = Ledger()
    steps = list(SourceReader(source, ledger=ledger, clock=CLOCK, marks=marks).steps())  # type: ignore[arg-type]
    marks.keep(steps)
    balanced(ledger)
    return steps, ledger


def reasons(steps: Sequence[Step]) -> list[str]:
    """List what was said of the source as a whole."""
    return [finding.reason for step in steps for finding in step.findings]


# --- Sources that fail ------------------------------------------------------------------------------------------------


def test_what_was_read_before_a_failure_counts_and_the_rest_is_read_later() -> None:
    """The mark stands at the end of the last whole line."""
    marks = Marks()
    steps, ledger = read(Failing(GOOD * 3 + GOOD[:20]), marks)
    assert (reasons(steps), ledger.metric_records) == (["source-unreadable"], 3)
    assert marks.known["path:/failing.log"].offset_bytes == 3 * len(GOOD)
    steps, ledger = read(Failing(GOOD * 5), marks)
    assert (ledger.metric_records, ledger.sources[0].already_accepted_bytes) == (2, 3 * len(GOOD))


@pytest.mark.parametrize("passed_over", [0, 1, 100])
def test_a_failure_before_the_mark_is_reached_leaves_the_mark_alone(passed_over: int) -> None:
    """Nothing was read, and the ledger says so."""
    marks = Marks()
    read(Failing(GOOD * 3), marks)
    before = dict(marks.known)
    steps, ledger = read(Failing((GOOD * 3)[:passed_over]) if passed_over else Failing(), marks)
    assert reasons(steps) == ["source-unreadable"]
    assert marks.known == before
    account = ledger.sources[0]
    assert (account.lines, account.read_bytes, account.already_accepted_bytes) == (0, 0, 0)


@pytest.mark.parametrize("count", [3, -(-FIRST_BYTES // len(GOOD))], ids=["within a block", "between two blocks"])
def test_what_was_read_before_a_failure_counts_in_blocks_too(count: int) -> None:
    """Small pieces are joined to larger ones: those that wait for more are read before the failure is told."""
    ledger = Ledger()
    found = [each for _, each in pipeline.check([Failing(*[GOOD] * count)], ledger=ledger, clock=CLOCK)]
    assert [each.reason for each in found] == ["source-unreadable"]
    assert balanced(ledger)["records"]["metric"] == count


def test_a_source_without_identity_that_fails_keeps_its_account() -> None:
    """What it gave was read."""
    steps, ledger = read(Nameless(GOOD * 3), Marks())
    assert (reasons(steps), ledger.metric_records) == (["source-unreadable"], 3)
    assert (ledger.sources[0].lines, ledger.sources[0].read_bytes) == (3, 3 * len(GOOD))


# --- What is said of a source as a whole ------------------------------------------------------------------------------


def test_an_archive_is_named(tmp_path: Path) -> None:
    """Once somebody has unpacked it in place, it is read whole."""
    path = tmp_path / "a.log"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.log", GOOD)
    marks = Marks()
    steps, _ = read(FileSource(path), marks)
    assert reasons(steps) == ["source-not-text"]
    assert "zip" in steps[0].findings[0].message
    path.write_bytes(GOOD)
    assert read(FileSource(path), marks)[1].metric_records == 1


def test_nul_bytes_are_remarked_on_and_the_lines_around_them_read(tmp_path: Path) -> None:
    """A log that was cut while it was open begins with them."""
    (tmp_path / "a.log").write_bytes(b"\0" * 1000 + b"\n" + GOOD)
    steps, ledger = read(FileSource(tmp_path / "a.log"), Marks())
    assert (reasons(steps), ledger.metric_records, ledger.other_records) == (["source-not-text"], 1, 1)


def test_an_empty_file_is_remarked_on_once_and_not_when_it_was_read_before(tmp_path: Path) -> None:
    """A file that has not grown is not empty."""
    path, marks = tmp_path / "a.log", Marks()
    path.write_bytes(b"")
    assert reasons(read(FileSource(path), marks)[0]) == ["source-empty"]
    path.write_bytes(GOOD)
    for _ in range(2):
        assert reasons(read(FileSource(path), marks)[0]) == []


def test_what_a_grown_file_goes_on_with_is_not_taken_for_its_beginning(tmp_path: Path) -> None:
    """A line may begin with any bytes."""
    path, marks = tmp_path / "a.log", Marks()
    path.write_bytes(GOOD)
    read(FileSource(path), marks)
    path.write_bytes(GOOD + b"BZh\xef\xbb\xbf\n" + GOOD)
    steps, ledger = read(FileSource(path), marks)
    assert (reasons(steps), ledger.other_records, ledger.metric_records) == ([], 1, 1)


def test_progress_is_told_of_every_byte(tmp_path: Path) -> None:
    """Of those that are passed over, too."""
    (tmp_path / "a.log").write_bytes(GOOD * 5000)
    told: list[int] = []
    with LocalStore(tmp_path / "state.duckdb") as local:
        for _ in range(2):
            pipeline.replay_to_store(
                open_sources([str(tmp_path / "a.log")]), local, ledger=Ledger(), clock=CLOCK, progress=told.append
            )
    assert sum(told) == 2 * 5000 * len(GOOD)


def test_one_bad_source_among_many_stops_none(tmp_path: Path) -> None:
    """Each is accounted for under its own name."""
    logs = tmp_path / "logs"
    logs.mkdir()
    torn = gzip.compress(GOOD)[:20]
    for name, content in (("a", GOOD), ("b.gz", torn), ("c", b""), ("e", b"\xff\x00\n"), ("f", GOOD)):
        (logs / name).write_bytes(content)
    (logs / "d").symlink_to(logs / "nowhere")
    with LocalStore(tmp_path / "state.duckdb") as local:
        account = store(local, logs)
    assert state(account) == {"extracted": 2, "accepted": 2}
    assert account["reasons"] == {
        "source-truncated": 1, "source-empty": 1, "source-not-text": 1, "source-unreadable": 1,
    }  # fmt: skip
    assert [Path(source["name"]).name for source in account["sources"]] == ["a", "b.gz", "c", "d", "e", "f"]
