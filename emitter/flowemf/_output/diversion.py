"""Takes metric lines out of their way, for tests: what would have been written is handed to a function instead.

Lines of any monitor go in, from any thread; those with metrics go to every open diversion, all others go on.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from flowemf._output.background import Background
from flowemf._output.outlet import Finished
from flowemf._output.sink import Sink
from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowemf._tally import Tally

_METRIC_LINE = f'{{"{names.AWS}"'.encode()
# Everything that a monitor hands its lines to. Their methods are replaced as long as a diversion is open, and only
# then: a question asked for each line would cost every program for what only tests need.
_OUTLETS: tuple[type[Any], ...] = (Sink, Background, Finished)

_lock = Lock()
_open: list[Callable[[bytes], object]] = []
_originals: dict[type[Any], Any] = {}


def open_diversion(take: Callable[[bytes], object]) -> None:
    """Hand every metric line to a function from now on, beside the functions of other open diversions.

    Args:
        take: gets one whole line; called from the thread that wrote it.
    """
    with _lock:
        if not _open:
            for outlet in _OUTLETS:
                _originals[outlet] = outlet.write
                outlet.write = _diverted(outlet.write)
        _open.append(take)


def close_diversion(take: Callable[[bytes], object]) -> None:
    """Stop handing lines to that function; after the last one lines go their own way again."""
    with _lock:
        _open.remove(take)
        if not _open:
            for outlet, original in _originals.items():
                outlet.write = original


def _diverted(original: Callable[[Any, bytes, Tally], None]) -> Callable[[Any, bytes, Tally], None]:
    def write(self: Any, line: bytes, tally: Tally) -> None:
        takers = list(_open)
        if not takers or not line.startswith(_METRIC_LINE):
            original(self, line, tally)
            return
        for take in takers:
            take(line)
        tally.lines_written += 1

    return write
