"""The last touch to lines before they go out, where the settings ask for one.

Settings go in; a function from line to line comes out, or None where lines go out as they are, which is the usual case
and costs nothing.
"""

from __future__ import annotations

from flowemf._encoding.text import json_string
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from flowemf._output.outlet import Outlet
    from flowemf._settings import Settings
    from flowemf._tally import Tally

    Finish = Callable[[bytes], bytes]

_HEAD = f'{{"{names.AWS}":{{'.encode("ascii")
_STANDARD = ("stdout", "stderr")


class Finished:
    """An outlet whose lines get a last touch."""

    __slots__ = ("_finish", "_outlet")

    def __init__(self, outlet: Outlet, finish: Finish) -> None:
        self._outlet = outlet
        self._finish = finish

    def write(self, line: bytes, tally: Tally) -> None:
        """Finish one line and hand it on."""
        self._outlet.write(self._finish(line), tally)

    def await_room(self) -> None:
        """Wait where the outlet would."""
        self._outlet.await_room()


def finish_of(settings: Settings) -> Finish | None:
    """Put together what the settings `log_group`, `local` and `leading_newline` ask for."""
    if settings.local:
        from flowemf._output.for_people import LocalLines

        finish: Finish | None = LocalLines(settings.sink, [key for key, _ in settings.custom_dimensions])
    else:
        finish = _with_log_group(settings.log_group) if settings.log_group else None
    if settings.leading_newline and settings.sink in _STANDARD:
        return _after_newline(finish)
    return finish


def most_bytes(settings: Settings) -> int:
    """Tell how long a line may be before its last touch, newline included."""
    allowed = settings.max_line_bytes
    if isinstance(settings.sink, str) and settings.sink.startswith("udp://"):
        from flowemf._output.agent import MOST_DATAGRAM_BYTES

        allowed = min(allowed, MOST_DATAGRAM_BYTES)
    return allowed - len(_log_group_member(settings.log_group)) if settings.log_group else allowed


def _with_log_group(log_group: str) -> Finish:
    head = _HEAD + _log_group_member(log_group)

    def finish(line: bytes) -> bytes:
        return head + line[len(_HEAD) :] if line.startswith(_HEAD) else line

    return finish


def _log_group_member(log_group: str) -> bytes:
    return f'"{names.LOG_GROUP_NAME}":{json_string(log_group)},'.encode("ascii")


def _after_newline(before: Finish | None) -> Finish:
    def finish(line: bytes) -> bytes:
        return b"\n" + (line if before is None else before(line))

    return finish
