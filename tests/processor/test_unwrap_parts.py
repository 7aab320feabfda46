"""Parts of log events: cut anywhere, interleaved in any order, each event comes out as it was written."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replaying import CLOCK
from shape_wrappers import LONG, compact, cri, docker, emf, firelens, pod

from flowemf_processor.core.ledger import Ledger
from flowemf_processor.core.unwrap import SeenEvents, Unwrapper
from flowemf_processor.core.unwrap.parts import PartKeeper
from flowemf_processor.core.unwrap.pieces import Part
from flowemf_processor.model import UNWRAPPED, Incomplete, Line, Position, Record, Rejected
from flowemf_processor.pipeline.reading import SourceReader
from flowemf_schemas import limits

MESSAGE = LONG.encode()
Wrap = Callable[[str, list[bytes]], list[bytes]]


def as_line(data: bytes, number: int = 1) -> Line:
    """Make a line of bytes."""
    return Line(Position("a.log", number, 0), data, len(data), terminated=True)


def unwrapped(lines: list[bytes], unwrapper: Unwrapper | None = None) -> list[Line | Record]:
    """Unwrap lines one after the other."""
    unwrapper = unwrapper or Unwrapper("a.log")
    return [found for number, data in enumerate(lines, start=1) for found in unwrapper.unwrap(as_line(data, number))]


def texts(found: list[Line | Record]) -> list[bytes]:
    """Give what came out, where all of it is lines."""
    assert all(isinstance(each, Line) for each in found), found
    return [each.data for each in found if isinstance(each, Line)]


def of_docker(stream: str, parts: list[bytes]) -> list[bytes]:
    """Write parts as Docker does."""
    *first, last = [part.decode() for part in parts]
    return [docker(part, stream=stream).encode() for part in first] + [docker(last + "\n", stream=stream).encode()]


def of_cri(stream: str, parts: list[bytes]) -> list[bytes]:
    """Write parts as containerd does."""
    *first, last = parts
    return [cri("P", part, stream=stream) for part in first] + [cri("F", last, stream=stream)]


def of_firelens(stream: str, parts: list[bytes]) -> list[bytes]:
    """Write parts as FireLens does."""
    numbered = list(enumerate(parts, start=1))
    return [
        firelens(
            part.decode(), partial_message="true", partial_id=stream, partial_ordinal=str(number),
            partial_last="true" if number == len(parts) else "false",
        ).encode()
        for number, part in numbered
    ]  # fmt: skip


def of_fluent_bit(stream: str, parts: list[bytes]) -> list[bytes]:
    """Write parts as Fluent Bit's CRI parser does."""
    *first, last = [part.decode() for part in parts]
    lines = [pod(1, stream=stream, logtag="P", message=part) for part in first]
    return [line.encode() for line in (*lines, pod(1, stream=stream, logtag="F", message=last))]


SHAPES = {"docker": of_docker, "cri": of_cri, "firelens": of_firelens, "fluent-bit": of_fluent_bit}
every_shape = pytest.mark.parametrize("wrap", SHAPES.values(), ids=list(SHAPES))


def is_character_boundary(data: bytes, place: int) -> bool:
    """Tell whether a cut leaves characters whole, as JSON demands of its strings."""
    return place >= len(data) or data[place] & 0xC0 != 0x80


@every_shape
def test_a_message_that_is_cut_at_any_byte_comes_out_whole(wrap: Wrap) -> None:
    """At every byte in CRI, which has bytes; at every character in JSON, which has characters."""
    for place in range(len(MESSAGE) + 1):
        if wrap is of_cri or is_character_boundary(MESSAGE, place):
            assert texts(unwrapped(wrap("stdout", [MESSAGE[:place], MESSAGE[place:]]))) == [MESSAGE], place


def test_bytes_of_half_a_character_in_json_come_out_whole() -> None:
    """Some write the bytes of a part as they are, though no JSON text may hold them."""
    place = MESSAGE.index("€".encode()) + 1
    frame = docker("HERE").encode()
    lines = [frame.replace(b"HERE", json.dumps(MESSAGE[:place].decode(errors="surrogateescape"), ensure_ascii=False)
                           [1:-1].encode(errors="surrogateescape")),
             frame.replace(b"HERE", json.dumps(MESSAGE[place:].decode(errors="surrogateescape"), ensure_ascii=False)
                           [1:-1].encode(errors="surrogateescape") + b"\\n")]  # fmt: skip
    assert texts(unwrapped(lines)) == [MESSAGE]


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[list[bytes], list[bytes]]:
    """Cut messages of several streams anywhere and mix their parts, the order within a stream kept."""
    wrap = SHAPES[draw(st.sampled_from(list(SHAPES)))]
    queues, messages = [], []
    for stream in ("stdout", "stderr"):
        queue: list[bytes] = []
        for number in range(draw(st.integers(1, 3))):
            message = emf(number, name=stream, Reply=draw(st.text('aä€😀"\\\n', max_size=8))).encode()
            cuts = sorted(draw(st.lists(st.integers(0, len(message)), max_size=4)))
            if wrap is not of_cri:
                cuts = [cut for cut in cuts if is_character_boundary(message, cut)]
            edges = [0, *cuts, len(message)]
            parts = [message[start:end] for start, end in itertools.pairwise(edges)]
            lines = wrap(f"{stream}-{number}" if wrap is of_firelens else stream, parts)
            queue += draw(st.permutations(lines)) if wrap is of_firelens else lines
            messages.append(message)
        queues.append(queue)
    mixed: list[bytes] = []
    while any(queues):
        mixed.append(draw(st.sampled_from([queue for queue in queues if queue])).pop(0))
    return mixed, messages


@settings(max_examples=150, deadline=None)
@given(interleaved(), st.data())
def test_streams_that_are_interleaved_in_any_order_give_the_same_events(
    example: tuple[list[bytes], list[bytes]], data: st.DataObject
) -> None:
    """Numbered parts in any order, too; and wherever the run is ended and gone on with from its state."""
    lines, messages = example
    assert sorted(texts(unwrapped(lines))) == sorted(messages)
    end = data.draw(st.integers(0, len(lines)))
    first, second = Unwrapper("a.log"), Unwrapper("a.log")
    before = unwrapped(lines[:end], first)
    second.restore(first.state())
    assert sorted(texts([*before, *unwrapped(lines[end:], second)])) == sorted(messages)
    assert second.state() == b""
    assert second.unfinished() == []


def test_the_place_of_an_event_is_that_of_its_first_part() -> None:
    """There the reader of a finding has to look."""
    lines = [b"text", *of_docker("stdout", [MESSAGE[:20], MESSAGE[20:40], MESSAGE[40:]])]
    assert [each.position.line for each in unwrapped(lines) if isinstance(each, Line)] == [1, 2]


def test_a_part_that_arrives_twice_counts_once() -> None:
    """Whatever forwards logs delivers at least once."""
    first, second = of_firelens("a", [MESSAGE[:20], MESSAGE[20:]])
    assert texts(unwrapped([first, first, second])) == [MESSAGE]


# --- What never becomes whole -----------------------------------------------------------------------------------------


def keep(keeper: PartKeeper, stream: str, data: bytes = b"x", *, line: int = 1) -> list[Rejected]:
    """Add a part that is not the last one."""
    assert keeper.add(data, Part((stream,), is_last=False), Position("a.log", line, 0), UNWRAPPED) is None
    return list(keeper.give_up(line))


def test_what_waits_is_said_at_the_end_and_rejected_when_it_is_given_up() -> None:
    """Never silence: first it waits, and once the file was rotated away it is lost, with a reason."""
    unwrapper = Unwrapper("a.log")
    unwrapped([*of_cri("stdout", [b"half", b"rest"])[:1], b"{", b'    "events": [', b"        {"][:1], unwrapper)
    (waiting,) = unwrapper.unfinished()
    assert isinstance(waiting, Incomplete)
    assert [found.reason for found in waiting.findings] == ["part-waiting"]
    (lost,) = unwrapper.give_up()
    assert (lost.position.line, [found.reason for found in lost.findings]) == (1, ["part-missing"])
    assert (unwrapper.unfinished(), unwrapper.state()) == ([], b"")


@pytest.mark.parametrize("is_gone", [False, True])
def test_parts_in_a_followed_file_are_lost_when_nobody_will_find_it_again(is_gone: bool) -> None:
    """As long as it may be found, under its name or another one, they wait."""

    class Followed:
        """A file that was followed until now."""

        name = "a.log"
        identities = ("path:/a.log",)
        rewindable = True
        size_bytes = None
        is_ready = True

        def pieces(self) -> Iterator[bytes]:
            yield cri("P", "half") + b"\n"

    class Nothing:
        """Has no mark yet, and will keep those that are made."""

        def mark(self, source: str) -> None:
            return None

    source = Followed()
    source.is_gone = is_gone  # type: ignore[attr-defined]
    *_, last = SourceReader(source, ledger=Ledger(), clock=CLOCK, marks=Nothing()).steps()
    ((record,), (mark,)) = last.records, last.marks
    assert [found.reason for found in record.findings] == ["part-missing" if is_gone else "part-waiting"]  # type: ignore[union-attr]
    assert (mark.state == b"") == is_gone


@pytest.mark.parametrize("extra", [0, 1])
def test_a_part_waits_for_so_many_lines_and_no_longer(extra: int) -> None:
    """A stream that ended in the middle of an event does not wait for ever."""
    keeper = PartKeeper()
    keep(keeper, "a", line=1)
    lost = keep(keeper, "b", line=1 + limits.PART_PATIENCE_LINES + extra)
    assert len(lost) == extra


@pytest.mark.parametrize("extra", [0, 1])
def test_so_many_streams_may_wait_and_no_more(extra: int) -> None:
    """The oldest is given up."""
    keeper = PartKeeper()
    lost = [found for stream in range(limits.OPEN_STREAMS + extra) for found in keep(keeper, str(stream))]
    assert [found.position for found in lost] == [Position("a.log", 1, 0)] * extra


def test_so_many_bytes_may_wait_and_no_more() -> None:
    """However many streams there are, memory stays bounded."""
    keeper = PartKeeper()
    lost = [found for stream in range(12) for found in keep(keeper, str(stream), b"x" * 1_000_000)]
    assert 3 <= len(lost) <= 5
    assert sum(waiting.held_bytes for _, waiting in keeper.items()) <= limits.OPEN_BYTES


def test_an_endless_event_is_measured_and_not_held() -> None:
    """Parts without an end: of 20 MB no more than an event is held, and the end says how large it was."""
    unwrapper, part = Unwrapper("a.log"), b"x" * 1_000_000
    found = unwrapped([cri("P", b'{"_aws"' + part), *[cri("P", part)] * 19, cri("F", b"")], unwrapper)
    (line,) = [each for each in found if isinstance(each, Line)]
    assert (len(line.data), line.size_bytes) == (limits.EVENT_BYTES, 20_000_007)


def test_a_trickle_of_empty_parts_is_bounded_too() -> None:
    """A part takes memory even where it holds nothing."""
    keeper = PartKeeper()
    lost = [found for _ in range(100_000) for found in keep(keeper, "a", b"")]
    assert lost
    assert sum(len(waiting.parts) for _, waiting in keeper.items()) <= limits.OPEN_BYTES / 100


# --- Duplicates -------------------------------------------------------------------------------------------------------


def test_an_id_is_remembered_as_long_as_the_window_says() -> None:
    """At least so many; what lies further back is taken as new, and memory stays bounded."""
    seen = SeenEvents()
    for number in range(limits.EVENT_IDS_REMEMBERED + 2000):
        assert seen.is_new(str(number), b"")
    assert not seen.is_new(str(2000), b"")
    assert seen.is_new("0", b"")


def test_two_events_of_one_id_are_two_if_they_say_different_things() -> None:
    """Whoever makes up ids loses nothing."""
    seen = SeenEvents()
    assert [seen.is_new("a", data) for data in (b"1", b"2", b"1")] == [True, True, False]


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2500])
def test_what_was_seen_goes_on_from_its_mark(count: int) -> None:
    """The next run knows the same events."""
    seen, again = SeenEvents(), SeenEvents()
    for number in range(count):
        seen.is_new(str(number), b"")
    mark = seen.mark()
    assert (mark is None) == (count == 0)
    assert seen.mark() is None  # nothing new
    again.restore(mark)
    assert not any(again.is_new(str(number), b"") for number in range(count))
    assert again.is_new("new", b"")


def test_members_that_stand_twice_survive_the_unwrapping() -> None:
    """What Lambda logs as an object is judged as it was written."""
    twice: Any = emf(1)[:-1] + ',"A":2}'
    message = compact({"timestamp": "2025-10-09T08:53:20.000Z", "requestId": "r", "message": "M"}).replace('"M"', twice)
    assert texts(unwrapped([message.encode()])) == [twice.encode()]
