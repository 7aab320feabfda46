"""Cutting sources into what tasks read: every line once, however large the ranges are; nothing here starts Spark."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_lines import NOW_MS, document
from replaying import text_of
from shape_corpus import corpus

from flowemf_processor.core.conditions import NO_CONDITIONS
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.core.unwrap import AUTO
from flowemf_processor.engines.spark import cutting
from flowemf_processor.engines.spark.cutting import lines_of
from flowemf_processor.engines.spark.results import Window, result_of
from flowemf_processor.engines.spark.session import retrying
from flowemf_processor.engines.spark.works import (
    Fingerprint,
    FingerprintFound,
    ReadingTerms,
    Stretch,
    StretchFound,
    Whole,
)
from flowemf_processor.model import Mark
from flowemf_processor.sources.files import FileSource
from flowemf_processor.sources.opening import open_sources
from flowemf_schemas import limits

GOOD = text_of(document({"Latency": n}) for n in range(1000))


class InMemory:
    """A source that can be read from anywhere, a few bytes at a time."""

    name = "a.log"
    identities = ("a",)
    rewindable = True
    is_immutable = True

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size_bytes = self.stored_bytes = len(content)

    def is_divisible(self) -> bool:
        """Say yes: it is not compressed."""
        return True

    def pieces(self) -> Iterator[bytes]:
        """Give all of it."""
        return self.stretch(0, len(self._content))

    def stretch(self, start_bytes: int, end_bytes: int) -> Iterator[bytes]:
        """Give a part of it; nobody may ask for more than there is."""
        assert 0 <= start_bytes <= end_bytes <= len(self._content)
        return (self._content[at : min(at + 7, end_bytes)] for at in range(start_bytes, end_bytes, 7))


@settings(max_examples=200)
@given(
    st.lists(st.binary(max_size=12).map(lambda data: data.replace(b"\n", b"")), max_size=12),
    st.booleans(),
    st.integers(1, 30),
)
def test_each_line_belongs_to_one_range(lines: list[bytes], is_terminated: bool, range_bytes: int) -> None:
    """Put together, what is read of all ranges is the source; each stretch is whole lines, and says where it begins."""
    content = b"\n".join(lines) + (b"\n" if is_terminated else b"")
    listed = cutting.listed(0, InMemory(content), None)
    ends = [*range(range_bytes, len(content), range_bytes), len(content)] if content else []
    read = [lines_of(Stretch(listed, start, end)) for start, end in zip([0, *ends], ends, strict=False)]
    assert b"".join(each.data + each.tail for each in read) == content
    for each in read:
        assert each.data.endswith(b"\n") or not each.data
        assert b"\n" not in each.tail
        assert content[each.start_bytes :].startswith(each.data + each.tail)


# --- What is cut ------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a hundred lines worth cutting."""
    monkeypatch.setattr(cutting, "STRETCH_BYTES", 20_000)


def kinds(tmp_path: Path, content: bytes, *, is_marked: bool = True, **terms: Any) -> set[type]:
    """Tell what becomes of a file."""
    (tmp_path / "a.log").write_bytes(content)
    how = ReadingTerms(NO_CONDITIONS, AUTO, False, False, NOW_MS, Ledger)
    for name, choice in terms.items():
        object.__setattr__(how, name, choice)
    source = cutting.listed(0, FileSource(tmp_path / "a.log"), None)
    tasks = cutting.Cutter(how, is_marked=is_marked).tasks([source], 2)
    return {type(work) for task in tasks for work in task.works}


@pytest.mark.usefixtures("small_stretches")
def test_plain_lines_are_cut_and_nothing_else_is(tmp_path: Path) -> None:
    """What is compressed, wrapped, small or wanted event by event is read whole; a digest is for who remembers."""
    assert kinds(tmp_path, GOOD) == {Fingerprint, Stretch}
    assert kinds(tmp_path, GOOD, is_marked=False) == {Stretch}
    assert kinds(tmp_path, GOOD[:39_000]) == {Whole}
    assert kinds(tmp_path, gzip.compress(GOOD, 0)) == {Whole}
    assert kinds(tmp_path, next(each.data for each in corpus() if each.name == "docker.log") + GOOD) == {Whole}
    assert kinds(tmp_path, GOOD, form="docker") == {Whole}
    assert kinds(tmp_path, GOOD, gives_events=True) == {Whole}


@pytest.mark.usefixtures("small_stretches")
def test_small_sources_share_a_task(tmp_path: Path) -> None:
    """A task for each of a thousand small objects would cost more than reading them."""
    listed = []
    for number in range(30):
        (tmp_path / f"{number}.log").write_bytes(GOOD[:3000])
        listed.append(cutting.listed(number, FileSource(tmp_path / f"{number}.log"), None))
    how = ReadingTerms(NO_CONDITIONS, AUTO, False, False, NOW_MS, Ledger)
    tasks = cutting.Cutter(how, is_marked=True).tasks(listed, 2)
    assert [len(task.works) for task in tasks] == [6] * 5
    assert [work.listed.number for task in tasks for work in task.works] == list(range(30))


@pytest.mark.usefixtures("small_stretches")
def test_what_cannot_be_looked_at_is_read_whole(tmp_path: Path) -> None:
    """Whoever reads it says what is wrong: it has gone after it was listed, or its beginning cannot be read."""
    how = ReadingTerms(NO_CONDITIONS, AUTO, False, False, NOW_MS, Ledger)
    for scheme in ("", "file://"):
        file = tmp_path / "a.log"
        file.write_bytes(GOOD)
        [source] = open_sources([f"{scheme}{file}"])
        before = cutting.listed(0, source, None)
        file.unlink()
        after = cutting.listed(0, source, None)
        assert (before.plain_bytes, after.plain_bytes) == (len(GOOD), None)
        for each in (before, after):
            [task] = cutting.Cutter(how, is_marked=False).tasks([each], 2)
            assert task.works == (Whole(each),)


# --- What was found in it ---------------------------------------------------------------------------------------------


def test_stretches_that_end_elsewhere_than_the_digest_are_read_again(tmp_path: Path) -> None:
    """The log was cut off, or written on, between the tasks that read it: a mark that fits neither would lose lines."""
    (tmp_path / "a.log").write_bytes(GOOD)
    source = cutting.listed(0, FileSource(tmp_path / "a.log"), None)
    ledger = Ledger()
    account = ledger.open_source("a.log")
    account.lines, account.read_bytes = 3, 300
    read = StretchFound(0, 0, ledger)

    def reached(*marks: Mark) -> dict[str, Mark] | None:
        result = result_of(source, [FingerprintFound(0, list(marks)), read], is_marked=True)
        return result and result.marks

    assert reached() is None
    assert reached(Mark("", 200, 3, "x")) is None
    assert reached(Mark("", 300, 2, "x")) is None
    marks = reached(Mark("", 290, 2, "w"), Mark("", 300, 3, "x"))
    assert marks == {each: Mark(each, 300, 3, "x") for each in source.identities}


# --- What is remembered of event ids ----------------------------------------------------------------------------------


def test_the_window_keeps_the_last_ids_and_knows_them() -> None:
    """As many as are remembered on one machine; a mark is made only when something is new."""
    several = [number.to_bytes(8, "big") for number in range(limits.EVENT_IDS_REMEMBERED + 5)]
    window = Window(Mark("event-ids:", 0, 0, "", b"".join(several[:10])))
    assert window.mark() is None
    assert not window.has_none_of(several[3])
    assert window.has_none_of(several[10])
    window.extend(b"".join(several[10:]))
    assert window.has_none_of(b"".join(several[:5]))
    assert not window.has_none_of(several[5] + several[0])
    mark = window.mark()
    assert mark is not None
    assert (len(mark.state), window.mark()) == (limits.EVENT_IDS_REMEMBERED * 8, None)


@pytest.mark.parametrize(
    ("given_master", "used"),
    [("local", "local[1,4]"), ("local[*]", "local[*,4]"), ("local[3,1]", "local[3,1]"), ("yarn", "yarn")],
)
def test_tasks_are_tried_again_on_one_machine_too(given_master: str, used: str) -> None:
    """Unless somebody says how often; on a cluster Spark does so by itself."""
    assert retrying(given_master) == used
