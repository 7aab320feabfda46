"""Follows files like `tail -F`, and standard input.

Paths, directories and patterns go in; sources come out as files appear, and what happens to them is noticed: they are
renamed, cut off after a copy, deleted, written on.
"""

from __future__ import annotations

import glob
import math
import os
import resource
import sys
import time
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from flowemf_processor.errors import ConfigurationError
from flowemf_processor.sources.compression import codec_of
from flowemf_processor.sources.files import files_at
from flowemf_processor.sources.followed_file import Copies, FileId, FollowedFile, beginning_of, still_there
from flowemf_processor.sources.standard_input import STANDARD_INPUT, FollowedInput
from flowemf_processor.sources.wakening import Wakening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from flowemf_processor.ports import FollowedSource

FLUSH_SECONDS = 60.0
"""So often what was gathered is delivered."""

_LOOK_SECONDS = 5.0  # file systems of other machines tell no events
_POLL_SECONDS = 1.0  # where there are no events at all
_SCAN_SECONDS = 0.1
_GRACE_LOOK_SECONDS = 0.5


class Watch:
    """What is followed; use it as a context manager.

    Args:
        paths: files, directories, patterns, and `-` for standard input. What is not there yet may come.
        source_id: a name for standard input, under which a checkpoint knows it again.
        flush_seconds: how often what was gathered is delivered.
        poll_seconds: how often to look, in place of waiting for events; None waits for events where there are any.
        say: is told, in a sentence, what is not followed, or not yet.

    Raises:
        ConfigurationError: a path cannot be followed.
    """

    def __init__(
        self,
        paths: Sequence[str],
        *,
        source_id: str | None = None,
        flush_seconds: float = FLUSH_SECONDS,
        poll_seconds: float | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        for path in paths:
            if "://" in path:
                raise ConfigurationError(f"{path}: only files and standard input can be followed; leave out --follow")
        self._paths = [path for path in paths if path != STANDARD_INPUT]
        self._input = FollowedInput(source_id) if STANDARD_INPUT in paths and sys.stdin is not None else None
        self._flush_seconds = flush_seconds
        self._poll_seconds = poll_seconds
        self._say = say
        self._files: dict[FileId, FollowedFile] = {}
        self._left_alone: set[FileId] = set()
        self._ever_followed: set[FileId] = set()
        self._said: set[str] = set()
        self._copies = Copies()
        self._is_stopped = False
        self._scanned = -math.inf
        self._flushed = time.monotonic()
        flat, deep = _directories(self._paths)
        self._wakening = Wakening(flat, deep, with_events=poll_seconds is None)
        self._given_input = False

    def __enter__(self) -> Watch:
        # One open file for each that is followed: the soft limit is for programs that would be surprised by more.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self._wakening.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._wakening.__exit__(*error)
        for file in self._files.values():
            file.close()

    # --- What the pipeline asks ---------------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether to stop: somebody said so."""
        return self._is_stopped

    @property
    def may_come(self) -> bool:
        """Whether sources may still appear."""
        return bool(self._paths)

    def stop(self) -> None:
        """End the following; what was gathered is still delivered. May be called by a signal handler."""
        self._is_stopped = True
        self._wakening.call()

    def epoch_is_due(self) -> bool:
        """Tell whether to deliver what was gathered, and begin to count anew if so."""
        if time.monotonic() - self._flushed < self._flush_seconds:
            return False
        self._flushed = time.monotonic()
        return True

    @property
    def behind_bytes(self) -> int:
        """How much has been written to the files that are followed and not been read."""
        return sum(file.behind_bytes for file in self._files.values())

    def still_there(self, identities: Iterable[str]) -> set[str]:
        """Tell which of these beginnings of files still lie in their directories."""
        return still_there(identities)

    def wake(self) -> None:
        """End a rest early; may be called by another thread."""
        self._wakening.call()

    def rest(self, most_seconds: float) -> None:
        """Wait until there may be more to do, at most so long."""
        pause = self._poll_seconds or (_LOOK_SECONDS if self._wakening.has_events else _POLL_SECONDS)
        if any(file.is_gone for file in self._files.values()):
            pause = min(pause, _GRACE_LOOK_SECONDS)
        until_flush = self._flushed + self._flush_seconds - time.monotonic()
        descriptors = [sys.stdin.fileno()] if self._input else []
        self._wakening.wait(min(pause, max(until_flush, 0.05), most_seconds), *descriptors)

    def arrivals(self) -> list[FollowedSource]:
        """Look what there is; give what was not there before."""
        found: list[FollowedSource] = []
        if self._input and not self._given_input:
            self._given_input = True
            found.append(self._input)
        if self._paths and time.monotonic() - self._scanned >= _SCAN_SECONDS:
            found += self._scan()
            self._scanned = time.monotonic()
        return found

    def leave(self, source: FollowedSource) -> None:
        """Forget a source that has been read to its end."""
        if source is self._input:
            self._input = None
        if isinstance(source, FollowedFile) and self._files.get(source.file_id) is source:
            del self._files[source.file_id]
            source.close()
            self._scanned = -math.inf  # another life of it, or a copy, may have waited for its end
            if source.was_cut_off:
                self._copies.remember(source)

    # --- Looking around -----------------------------------------------------------------------------------------------

    def _scan(self) -> list[FollowedFile]:
        listed = self._listed()
        for file_id, file in self._files.items():
            file.is_gone = file_id not in listed
            file.path = listed.get(file_id, file.path)
        self._left_alone &= set(listed)
        new = [file_id for file_id in listed if file_id not in self._files and file_id not in self._left_alone]
        # A copy goes on where its original ended, which is forgotten once the original's new life has begun.
        new.sort(key=self._ever_followed.__contains__)
        opened = (self._opened(file_id, listed[file_id]) for file_id in new)
        return [file for file in opened if file is not None]

    def _listed(self) -> dict[FileId, Path]:
        listed: dict[FileId, Path] = {}
        for path in self._paths:
            for file in self._present(path):
                try:
                    status = file.stat()
                except OSError:
                    continue
                listed.setdefault((status.st_dev, status.st_ino), file)
        return listed

    def _present(self, path: str) -> list[Path]:
        try:
            return files_at(path)
        except ConfigurationError as error:  # it may come
            self._say_once(path, f"{error}; waiting for it")
            return []

    def _say_once(self, about: str, sentence: str) -> None:
        if about not in self._said:
            self._said.add(about)
            self._say(sentence)

    def _opened(self, file_id: FileId, path: Path) -> FollowedFile | None:
        """Open a file, unless it is still too small to be told from others, or the copy of one that is still read."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            return None  # it was taken away again
        except OSError as error:
            self._say_once(str(path), f"{path}: cannot be read ({error.strerror}); waiting until it can")
            return None
        file: FollowedFile | None = None
        try:
            file = self._told(file_id, path, descriptor)
        finally:
            if file is None:
                os.close(descriptor)
        if file is not None:
            self._files[file.file_id] = file
            self._ever_followed.add(file_id)
        return file

    def _told(self, file_id: FileId, path: Path, descriptor: int) -> FollowedFile | None:
        beginning = beginning_of(descriptor)
        if beginning is None:
            return None
        if codec_of(beginning):
            self._left_alone.add(file_id)
            self._say(f"{path}: compressed files are not followed; replay it without --follow")
            return None
        file = FollowedFile(path, descriptor, beginning)
        if self._copies.is_known(file):
            self._left_alone.add(file_id)
            return None
        return None if self._copies.has_to_wait(file, self._files.values()) else file


def _directories(paths: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """Find the directories in which something may change: those whose own files matter, and whole trees."""
    flat: list[Path] = []
    deep: list[Path] = []
    for path in paths:
        if Path(path).is_dir():
            deep.append(Path(path))
        elif glob.has_magic(path):
            base = _before_magic(path)
            (flat if base == Path(path).parent else deep).append(base)
        else:
            flat.append(Path(path).parent)
    return [each for each in flat if each.is_dir()], [each for each in deep if each.is_dir()]


def _before_magic(pattern: str) -> Path:
    return Path(*takewhile(lambda part: not glob.has_magic(part), Path(pattern).parts))
