"""Lets Python look for garbage rarely while a log is read, and keep the memory that one block needs for the next.

Nothing goes in; what a run gathers is kept or dropped as a whole and has no cycles, so looking for some finds nothing.
"""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# More than an epoch holds. Python's own 700 makes a replay take 1.7 times as long, a million 1.3 times: each time all
# that was gathered is looked through.
_ALLOCATIONS = 5_000_000
# glibc gives free memory back to the system as soon as it is twice the largest piece that was ever given back, which
# is less than a block needs: a fifth of the time of a check went into getting it again.
# https://man7.org/linux/man-pages/man3/mallopt.3.html, M_MMAP_THRESHOLD
_KEPT_BYTES = 1 << 24


def rarely_from_now_on() -> None:
    """Raise the number of allocations after which Python looks for garbage, and the memory that is kept."""
    bytes(_KEPT_BYTES)  # given back at once; nobody has touched it, so it never was there
    before = gc.get_threshold()
    if before[0]:  # else it does not look for any
        gc.set_threshold(max(_ALLOCATIONS, before[0]), *before[1:])


@contextlib.contextmanager
def rare_collections() -> Iterator[None]:
    """Do so until the end of the block."""
    before = gc.get_threshold()
    rarely_from_now_on()
    try:
        yield
    finally:
        gc.set_threshold(*before)
