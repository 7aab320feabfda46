"""Writes down what a source has left open, and reads it again: parts of log events, and lines that are gathered.

What is open goes in; bytes that a mark can carry come out, and the other way round. Where nothing is open there are no
bytes.
"""

from __future__ import annotations

import base64
import json
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.unwrap.gathering import Gatherer, Mode
from flowemf_processor.core.unwrap.parts import PartKeeper, Waiting
from flowemf_processor.model import Line, Origin, Position

if TYPE_CHECKING:
    from collections.abc import Sequence


def written(parts: PartKeeper, gatherer: Gatherer) -> bytes:
    """Write down what is open."""
    waiting = [[list(stream), _of_waiting(each)] for stream, each in parts.items()]
    if not waiting and not gatherer.is_open:
        return b""
    lines = [[*_of_position(line.position), _text(line.data), line.size_bytes] for line in gatherer.lines]
    gathered = [gatherer.mode.value, lines, gatherer.level]
    return json.dumps({"parts": waiting, "gathered": gathered}, separators=(",", ":")).encode()


def restore(state: bytes, source: str, parts: PartKeeper, gatherer: Gatherer) -> None:
    """Open again what `written` wrote down.

    Args:
        state: what it gave.
        source: what the user calls the source now.
        parts: takes the parts.
        gatherer: takes the lines.
    """
    opened: dict[str, Any] = json.loads(state) if state else {"parts": [], "gathered": ["", [], 0]}
    parts.restore((tuple(stream), _waiting(each, source)) for stream, each in opened["parts"])
    mode, lines, level = opened["gathered"]
    gatherer.restore(Mode(mode), [_line(each, source) for each in lines], level)


def _of_waiting(waiting: Waiting) -> list[Any]:
    parts = [[number, _text(data)] for number, data in waiting.parts.items()]
    origin = astuple(waiting.origin)
    place = _of_position(waiting.position)
    return [place, origin, waiting.last_line, parts, waiting.kept_bytes, waiting.size_bytes, waiting.last_ordinal]


def _waiting(written_down: Sequence[Any], source: str) -> Waiting:
    position, origin, last_line, parts, *sizes = written_down
    by_number = {number: base64.b64decode(data) for number, data in parts}
    return Waiting(Position(source, *position), Origin(*origin), last_line, by_number, *sizes)


def _line(written_down: Sequence[Any], source: str) -> Line:
    *position, data, size_bytes = written_down
    return Line(Position(source, *position), base64.b64decode(data), size_bytes, terminated=True)


def _of_position(position: Position) -> list[int]:
    return [position.line, position.offset_bytes, position.event]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
