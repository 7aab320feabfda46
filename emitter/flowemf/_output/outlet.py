"""Builds the way out that the settings ask for, and the last touch that lines get before they take it.

Settings go in; something with `write(line, tally)` comes out. The sink behind it is the same for the same stream, file
or address: its lock is what keeps lines whole. Lines without a last touch, the usual case, pay nothing for it.
"""

from __future__ import annotations

import os

from flowemf._encoding.text import json_string
from flowemf._output.sink import Sink
from flowemf._output.stream import StandardTarget
from flowemf._output.target import FileTarget, FunctionTarget
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from flowemf._output.background import Background
    from flowemf._settings import Settings
    from flowemf._tally import Tally

    class Outlet(Protocol):
        """Takes whole lines."""

        def write(self, line: bytes, tally: Tally) -> None:
            """Take one line, newline included; count it as written or as lost."""
            ...

        def await_room(self) -> None:
            """Wait where `write` would wait with a lock that is not ours; a background thread asks for it."""
            ...

    Finish = Callable[[bytes], bytes]


STDOUT = "stdout"
STDERR = "stderr"
SYNC = "sync"
BACKGROUND = "background"
DELIVERIES = (SYNC, BACKGROUND)
AGENT = "agent"
TCP = "tcp://"
UDP = "udp://"
NETWORK = (TCP, UDP)

_STANDARD = (STDOUT, STDERR)
# How each line of EMF begins.
_HEAD = f'{{"{names.AWS}":{{'.encode("ascii")

_sinks: dict[str, Sink] = {}
_backgrounds: dict[tuple[str, int], Background] = {}


def open_outlet(settings: Settings, tally: Tally) -> Outlet:
    """Open what the settings name.

    Args:
        settings: checked settings.
        tally: whoever counts most of the lines.

    Returns:
        Where the lines go; the same for the same stream, file or address.

    Raises:
        OSError: the file cannot be opened.
    """
    outlet = _delivery(settings, tally)
    finish = finish_of(settings)
    return outlet if finish is None else Finished(outlet, finish)


def _delivery(settings: Settings, tally: Tally) -> Outlet:
    sink = open_sink(settings.sink)
    if settings.delivery == SYNC and not _is_remote(settings.sink):
        return sink
    if not isinstance(settings.sink, str):
        return _background(sink, settings.queue_size, tally)
    key = (_key(settings.sink), settings.queue_size)
    if key not in _backgrounds:
        _backgrounds[key] = _background(sink, settings.queue_size, tally)
    return _backgrounds[key]


def open_sink(setting: str | Callable[[bytes], object]) -> Sink:
    """Open one sink.

    Args:
        setting: "stdout", "stderr", the path of a file, an address, or a function that takes one line as bytes.

    Returns:
        The sink; the same one for the same stream, file or address.

    Raises:
        OSError: the file cannot be opened.
    """
    if not isinstance(setting, str):
        return Sink(FunctionTarget(setting))
    key = _key(setting)
    if key not in _sinks:
        _sinks[key] = _opened(setting)
    return _sinks[key]


def _key(setting: str) -> str:
    return setting if setting in _STANDARD or _is_remote(setting) else os.path.realpath(setting)


def _is_remote(setting: object) -> bool:
    return isinstance(setting, str) and setting.startswith(NETWORK)


def _opened(setting: str) -> Sink:
    if setting in _STANDARD:
        return Sink(StandardTarget(setting))
    if _is_remote(setting):
        from flowemf._output.agent import agent_target

        return Sink(agent_target(setting))
    return Sink(FileTarget(os.path.abspath(setting)))  # noqa: PTH100 - pathlib is heavy


def _background(sink: Sink, size: int, owner: Tally) -> Background:
    from flowemf._output.background import Background
    from flowemf._output.signals import watch

    watch()
    return Background(sink, size, owner)


# --- The last touch


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
    if isinstance(settings.sink, str) and settings.sink.startswith(UDP):
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
