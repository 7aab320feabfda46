"""Writes down what a source has left open, and reads it again: parts of log events, and lines that are gathered.

What is open goes in; bytes that a mark can carry come out, and the other way round. Where nothing is open there are no
bytes. They are written after every piece of a source, so the data itself is copied and not encoded.
"""

from __future__ import annotations

import json
from array import array
from dataclasses import astuple
from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.unwrap.gathering import Gatherer, Mode
from flowemf_processor.core.unwrap.parts import PartKeeper, Waiting
from flowemf_processor.model import Line, Origin, Position

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LENGTH_BYTES = 8
_NUMBERS_OF_A_LINE = 4


def written(parts: PartKeeper, gatherer: Gatherer) -> bytes:
    """Write down what is open."""
    waiting = [each for _, each in parts.items()]
    if not waiting and not gatherer.is_open:
        return b""
    lines = gatherer.lines
    described = {
        "parts": [_described(stream, each) for stream, each in parts.items()],
        "gathered": [gatherer.mode.value, gatherer.level, len(lines)],
    }
    header = json.dumps(described, separators=(",", ":")).encode()
    numbers = array("Q", chain.from_iterable(_numbers(line) for line in lines)).tobytes()
    data = chain((line.data for line in lines), chain.from_iterable(each.parts.values() for each in waiting))
    return b"".join((len(header).to_bytes(_LENGTH_BYTES, "big"), header, numbers, *data))


def restore(state: bytes, source: str, parts: PartKeeper, gatherer: Gatherer) -> None:
    """Open again what `written` wrote down.

    Args:
        state: what it gave.
        source: what the user calls the source now.
        parts: takes the parts.
        gatherer: takes the lines.
    """
    if not state:
        parts.restore(())
        gatherer.restore(Mode.NOTHING, [], 0)
        return
    header_end = _LENGTH_BYTES + int.from_bytes(state[:_LENGTH_BYTES], "big")
    described: dict[str, Any] = json.loads(state[_LENGTH_BYTES:header_end])
    mode, level, count = described["gathered"]
    numbers = array("Q")
    data_start = header_end + count * _NUMBERS_OF_A_LINE * numbers.itemsize
    numbers.frombytes(state[header_end:data_start])
    lengths = chain(numbers[3::_NUMBERS_OF_A_LINE], chain.from_iterable(each["lengths"] for each in described["parts"]))
    data = _cut(state, data_start, lengths)
    places = zip(*(numbers[start::_NUMBERS_OF_A_LINE] for start in range(3)), strict=True)
    lines = [Line(Position(source, line, offset), next(data), size, terminated=True) for line, offset, size in places]
    gatherer.restore(Mode(mode), lines, level)
    parts.restore((tuple(each["stream"]), _waiting(each, source, data)) for each in described["parts"])


def _numbers(line: Line) -> tuple[int, int, int, int]:
    return line.position.line, line.position.offset_bytes, line.size_bytes, len(line.data)


def _cut(state: bytes, start: int, lengths: Iterable[int]) -> Iterator[bytes]:
    return (state[begin:end] for begin, end in pairwise(accumulate(lengths, initial=start)))


def _described(stream: tuple[str, ...], waiting: Waiting) -> dict[str, Any]:
    position = waiting.position
    return {
        "stream": stream,
        "position": [position.line, position.offset_bytes, position.event],
        "origin": astuple(waiting.origin),
        "last_line": waiting.last_line,
        "ordinals": list(waiting.parts),
        "lengths": [len(part) for part in waiting.parts.values()],
        "size_bytes": waiting.size_bytes,
        "last_ordinal": waiting.last_ordinal,
    }


def _waiting(described: dict[str, Any], source: str, data: Iterator[bytes]) -> Waiting:
    return Waiting(
        Position(source, *described["position"]),
        Origin(*described["origin"]),
        described["last_line"],
        {ordinal: next(data) for ordinal in described["ordinals"]},
        sum(described["lengths"]),
        described["size_bytes"],
        described["last_ordinal"],
    )
