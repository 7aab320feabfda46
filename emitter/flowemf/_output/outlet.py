"""Builds the way out that the settings ask for.

Settings go in; something with `write(line, tally)` comes out, the same for the same stream, file or address: its lock
is what keeps lines whole.
"""

from __future__ import annotations

import os

from flowemf._output.file import FileTarget
from flowemf._output.finish import Finished, finish_of
from flowemf._output.sink import Sink
from flowemf._output.stream import StandardTarget
from flowemf._output.target import FunctionTarget

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


STDOUT = "stdout"
STDERR = "stderr"
SYNC = "sync"
BACKGROUND = "background"
DELIVERIES = (SYNC, BACKGROUND)
AGENT = "agent"
NETWORK = ("tcp://", "udp://")

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
    return setting if setting in (STDOUT, STDERR) or _is_remote(setting) else os.path.realpath(setting)


def _is_remote(setting: object) -> bool:
    return isinstance(setting, str) and setting.startswith(NETWORK)


def _opened(setting: str) -> Sink:
    if setting in (STDOUT, STDERR):
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
