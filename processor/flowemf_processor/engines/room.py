"""Memory that working processes share with the one that asked, so that large chunks need not go through pipes.

The bytes of a chunk go in; in another process they can be read where they lie. Through a pipe they would be copied
several times, which took a fifteenth of a run.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from mmap import ACCESS_READ, ALLOCATIONGRANULARITY, mmap
from multiprocessing import reduction
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chunk lies.

    Attributes:
        offset_bytes: where it begins.
        size_bytes: how large it is.
    """

    offset_bytes: int
    size_bytes: int


class Room:
    """Places for chunks; only what is used of them takes memory. Close it when nobody reads any more.

    Args:
        places: how many chunks have to lie in it at the same time.
        place_bytes: how large a chunk may be.

    Raises:
        OSError: there is none.
    """

    def __init__(self, places: int, place_bytes: int) -> None:
        self._place_bytes = -(-place_bytes // ALLOCATIONGRANULARITY) * ALLOCATIONGRANULARITY  # where a map may begin
        self._free = deque(range(0, places * self._place_bytes, self._place_bytes))
        self.file = SharedFile(os.memfd_create("flowemf"))

    def put(self, data: bytes) -> Place | None:
        """Copy a chunk into the room; None where there is no place for it."""
        if len(data) > self._place_bytes or not self._free:
            return None
        place = Place(self._free.popleft(), len(data))
        try:
            is_whole = os.pwrite(self.file.descriptor, data, place.offset_bytes) == len(data)
        except OSError:  # no memory is left
            is_whole = False
        if not is_whole:
            self.leave(place)
            return None
        return place

    def leave(self, place: Place) -> None:
        """Make a place free again."""
        self._free.append(place.offset_bytes)

    def close(self) -> None:
        """Give the memory back."""
        os.close(self.file.descriptor)


@dataclass(frozen=True, slots=True)
class SharedFile:
    """The memory as a file without a name, which other processes inherit.

    Attributes:
        descriptor: its number in this process.
    """

    descriptor: int

    def data(self, place: Place) -> mmap:
        """Give a chunk; it can be searched and cut like bytes, and has to be closed."""
        return mmap(self.descriptor, place.size_bytes, access=ACCESS_READ, offset=place.offset_bytes)

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to a process that is being started."""
        return _inherited, (reduction.DupFd(self.descriptor),)


def _inherited(duplicate: Any) -> SharedFile:
    return SharedFile(duplicate.detach())


def room_for(places: int, place_bytes: int) -> Room | None:
    """Make a room where the system has such memory."""
    try:
        return Room(places, place_bytes) if hasattr(os, "memfd_create") else None
    except OSError:
        return None
