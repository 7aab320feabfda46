"""Does work that releases the interpreter lock on another core, a little ahead of whoever needs its result.

Pieces go in at one side of a thread; the same pieces come out at the other, in the same order.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# A thread waits up to 5 ms for the interpreter lock each time: many pieces at once make that rare.
_BLOCK_BYTES = 1 << 20
_BLOCKS_AHEAD = 4
_LOOK_UP_SECONDS = 0.2


def made_ahead(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Let another thread make the pieces, at most five blocks of a megabyte ahead.

    Args:
        pieces: is used by that thread alone from here on.

    Yields:
        The pieces; then raises whatever making them raised.
    """
    blocks: queue.Queue[list[bytes] | BaseException] = queue.Queue(_BLOCKS_AHEAD)
    given_up = threading.Event()
    maker = threading.Thread(target=_make, args=(pieces, blocks, given_up), name="flowemf-ahead", daemon=True)
    maker.start()
    try:
        while block := blocks.get():
            if isinstance(block, BaseException):
                raise block
            yield from block
    finally:
        given_up.set()
        maker.join(_LOOK_UP_SECONDS * 5)  # it may be waiting for a pipe, and nobody waits for it any more


def _make(pieces: Iterator[bytes], blocks: queue.Queue[list[bytes] | BaseException], given_up: threading.Event) -> None:
    block: list[bytes] = []
    size_bytes = 0
    try:
        for piece in pieces:
            block.append(piece)
            size_bytes += len(piece)
            if size_bytes >= _BLOCK_BYTES:
                if not _put(block, blocks, given_up):
                    return
                block, size_bytes = [], 0
        endings: list[list[bytes] | BaseException] = [[]]
    except BaseException as error:  # raised again where the pieces are used
        endings = [error]
    if block:
        endings.insert(0, block)
    for ending in endings:
        _put(ending, blocks, given_up)


def _put(
    block: list[bytes] | BaseException,
    blocks: queue.Queue[list[bytes] | BaseException],
    given_up: threading.Event,
) -> bool:
    while not given_up.is_set():
        try:
            blocks.put(block, timeout=_LOOK_UP_SECONDS)
        except queue.Full:
            continue
        return True
    return False
