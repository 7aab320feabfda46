"""Cutting bytes into lines: the same lines, offsets and marks wherever the bytes were split."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowemf_processor.core.decode import LineDecoder
from flowemf_processor.model import Line, Mark, Position
from flowemf_schemas import limits

MEGABYTE = limits.EVENT_BYTES
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

contents = st.lists(
    st.sampled_from([b"\n", b"\r\n", b"\r", b"a", b"bc", b"{}", BYTE_ORDER_MARK, b"\xef", b"\x00", b"\xff"])
    | st.binary(max_size=4),
    max_size=30,
).map(b"".join)


def read(pieces: list[bytes]) -> tuple[list[Line], Line | None, LineDecoder]:
    """Give the whole lines of the pieces, what is left over, and the decoder."""
    decoder = LineDecoder("a.log")
    lines = [line for piece in pieces for line in decoder.feed(piece)]
    return lines, decoder.unfinished(), decoder


def read_on(content: bytes, mark: Mark) -> tuple[list[Line], LineDecoder]:
    """Read what lies behind a mark."""
    decoder = LineDecoder("a.log")
    decoder.pass_over(content[: mark.offset_bytes])
    assert decoder.resume(mark)
    return decoder.feed(content[mark.offset_bytes :]), decoder


@st.composite
def contents_in_pieces(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """Any bytes, and the same bytes cut at any places."""
    content = draw(st.lists(contents | st.just(b'{"_aws":1}'), max_size=4).map(b"".join))
    cuts = sorted(draw(st.lists(st.integers(0, len(content)), max_size=6)))
    edges = [0, *cuts, len(content)]
    return content, [content[start:end] for start, end in itertools.pairwise(edges)]


@settings(max_examples=300)
@given(contents_in_pieces())
def test_any_split_of_the_bytes_gives_the_same_lines_and_the_same_mark(example: tuple[bytes, list[bytes]]) -> None:
    """Lines, positions, the remainder and the mark do not depend on where the bytes were cut."""
    content, pieces = example
    whole, whole_rest, whole_decoder = read([content])
    split, split_rest, split_decoder = read(pieces)
    assert split == whole
    assert split_rest == whole_rest
    assert split_decoder.mark("x") == whole_decoder.mark("x")


@settings(max_examples=300)
@given(contents_in_pieces())
def test_blocks_hold_the_lines_that_single_reading_gives_and_leave_the_same_mark(
    example: tuple[bytes, list[bytes]],
) -> None:
    """Pieces that are given out as they lie count for the same lines, positions and digests."""
    content, pieces = example
    whole, whole_rest, whole_decoder = read([content])
    decoder = LineDecoder("a.log")
    lines: list[Line] = []
    for piece in pieces:
        block = decoder.feed_block(piece)
        if block is None:
            lines += decoder.feed(piece)
        else:
            lines += [line for place in range(len(block.lines)) for line in block.lines_at(place)]
            lines += block.behind
    assert lines == whole
    assert decoder.unfinished() == whole_rest
    assert decoder.mark("x") == whole_decoder.mark("x")


@settings(max_examples=200)
@given(contents)
def test_the_lines_put_together_again_are_the_content(content: bytes) -> None:
    """Every byte is in one line, in the remainder, in a line ending or in the byte order mark."""
    lines, rest, decoder = read([content])
    for line, raw in zip(lines, content.split(b"\n"), strict=False):
        assert content[line.position.offset_bytes :].startswith(raw)
        assert line.data == raw.removesuffix(b"\r").removeprefix(
            BYTE_ORDER_MARK if not line.position.offset_bytes else b""
        )
        assert (line.size_bytes, line.terminated) == (len(line.data), True)
    assert [line.position.line for line in lines] == list(range(1, len(lines) + 1))
    assert len(lines) == content.count(b"\n")
    assert decoder.offset_bytes == content.rfind(b"\n") + 1
    assert (rest is None) == (content == b"" or content.endswith(b"\n"))


@settings(max_examples=300)
@given(contents, contents, st.booleans())
@example(b"{}", b'{"\x00\n', True)  # objects that share a line share its number
def test_reading_on_from_a_mark_gives_what_one_reading_would_have_given(
    before: bytes, after: bytes, consume: bool
) -> None:
    """A file that grew between two runs gives each line once, under the line number it really has."""
    first, rest, decoder = read([before])
    consumed = rest if consume else None
    if consumed is not None:
        decoder.consume_unfinished()
        first.append(consumed)
    second, _ = read_on(before + after, decoder.mark("x"))
    at_once = read([before + after])[0]
    numbers = [line.position.line for line in first + second]
    if consumed is None:
        assert first + second == at_once
    else:  # the line that had been taken without its end may come in two parts; nothing else is different
        torn = consumed.position.line
        assert first[:-1] == at_once[: len(first) - 1]
        assert [line for line in second if line.position.line > torn] == [
            line for line in at_once if line.position.line > torn
        ]
        assert sorted(numbers) == numbers
        assert numbers.count(torn) <= 1 + [line.position.line for line in at_once].count(torn)


def test_the_end_of_a_line_taken_without_it_is_no_line_of_its_own() -> None:
    """After `{}` without a line ending was read, the line ending alone changes nothing and line 2 is line 2."""
    _, _, decoder = read([b"{}"])
    decoder.consume_unfinished()
    mark = decoder.mark("x")
    for ending in (b"\n", b"\r\n"):
        assert read_on(b"{}" + ending, mark)[0] == []
        [second], later = read_on(b"{}" + ending + b"two\n", mark)
        assert second.position == Position("a.log", 2, len(b"{}" + ending))
        assert later.lines == 2


def test_the_rest_of_a_line_is_given_out_under_the_number_of_the_line() -> None:
    """What was appended to a line that had been taken as it was is read, not lost."""
    _, _, decoder = read([b"one\ntw"])
    decoder.consume_unfinished()
    lines, _ = read_on(b"one\ntwo\nthree\n", decoder.mark("x"))
    assert [(line.position.line, line.position.offset_bytes, line.data) for line in lines] == [
        (2, 6, b"o"),
        (3, 8, b"three"),
    ]


def test_a_mark_is_not_resumed_over_other_content() -> None:
    """A file that was written anew under the same name is noticed by its digest, and by its length."""
    mark = read([b"one\ntwo\n"])[2].mark("x")
    for content in (b"one\ntwO\n", b"one\n"):
        decoder = LineDecoder("a.log")
        decoder.pass_over(content)
        assert not decoder.resume(mark)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("beginning", [b"", BYTE_ORDER_MARK], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("extra_bytes", [-1, 0, 1, 2, 100_000])
def test_a_line_at_the_limit_is_whole_and_one_over_it_is_cut_and_measured(
    beginning: bytes, ending: bytes, extra_bytes: int
) -> None:
    """Neither the line ending nor a byte order mark counts towards the 1,048,576 bytes."""
    size_bytes = MEGABYTE + extra_bytes
    content = beginning + b"x" * size_bytes + ending + b"next\n"
    for pieces in ([content], [content[:700_000], content[700_000:]]):
        large, following = read(pieces)[0]
        assert large.size_bytes == size_bytes
        assert large.data == b"x" * min(size_bytes, MEGABYTE)
        assert (following.data, following.position) == (
            b"next",
            Position("a.log", 2, len(beginning) + size_bytes + len(ending)),
        )


def test_a_carriage_return_inside_a_line_stays() -> None:
    """Only the one before the newline belongs to the line ending."""
    lines, rest, _ = read([b"a\rb\r\r\nc\r"])
    assert [line.data for line in lines] == [b"a\rb\r"]
    assert rest is not None
    assert rest.data == b"c\r"


def test_a_byte_order_mark_is_skipped_at_the_beginning_only() -> None:
    """Elsewhere it is a character of the line."""
    lines, _, _ = read([BYTE_ORDER_MARK + b"{}\n" + BYTE_ORDER_MARK + b"{}\n"])
    assert [line.data for line in lines] == [b"{}", BYTE_ORDER_MARK + b"{}"]


def test_an_endless_line_keeps_memory_bounded() -> None:
    """Of 64 MB without a line ending no more than a log event is kept."""
    decoder = LineDecoder("a.log")
    for _ in range(64):
        assert decoder.feed(b"x" * MEGABYTE) == []
    rest = decoder.unfinished()
    assert rest is not None
    assert (rest.size_bytes, len(rest.data)) == (64 * MEGABYTE, MEGABYTE)


def test_a_line_over_the_limit_is_never_given_out_as_it_lies() -> None:
    """One at the limit stays in its block; one byte more has to be shortened, which reading line by line does."""
    assert LineDecoder("a.log").feed_block(b"a\n" + b"x" * MEGABYTE + b"\n") is not None
    assert LineDecoder("a.log").feed_block(b"a\n" + b"x" * (MEGABYTE + 1) + b"\n") is None
