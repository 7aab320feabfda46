"""Finds the files that a path means: a file, a directory, or a pattern that the shell did not expand.

A path as the user wrote it goes in; the files to read come out, in the order of their names.
"""

from __future__ import annotations

import glob
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from flowemf_processor.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator


def files_at(path: str) -> list[Path]:
    """List the files that a path means.

    Args:
        path: a file; a directory, of which all files below it are meant, without hidden ones and without following
            symbolic links to directories; or a pattern of `*`, `?`, `[...]` and `**`, unless there is a file of that
            very name.

    Returns:
        The files. What a directory lists and cannot be read is among them: reading it says why.

    Raises:
        ConfigurationError: there is no such file, nothing matches, or it may not be read.
    """
    if glob.has_magic(path) and not os.path.lexists(path):
        return matches(path)
    return _files(Path(path))


def matches(pattern: str) -> list[Path]:
    """List the files that match a pattern, and those below the directories that do; hidden ones match no wildcard."""
    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob would match hidden files
    if not found:
        raise ConfigurationError(f"{pattern}: nothing matches this pattern; check it, and where you are")
    listed = [file for each in found for file in _listed(Path(each))]
    return list(dict.fromkeys(listed))


def _listed(path: Path) -> list[Path]:
    return sorted(_files_below(path)) if path.is_dir() else [path] if _is_log(path) else []


def _files(path: Path) -> list[Path]:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: there is no such file or directory; check the path") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be reached ({error.strerror}); check the path") from None
    if not os.access(path, os.R_OK):
        raise ConfigurationError(f"{path}: it may not be read; check its permissions")
    return sorted(_files_below(path)) if stat.S_ISDIR(mode) else [path]


def _files_below(directory: Path) -> Iterator[Path]:
    """List the files, and the directories that cannot be listed."""
    unlisted: list[Path] = []
    walk = os.walk(directory, onerror=lambda error: unlisted.append(Path(error.filename)))
    for parent, directories, files in walk:
        directories[:] = [name for name in directories if not name.startswith(".")]
        yield from (Path(parent, name) for name in files if not name.startswith(".") and _is_log(Path(parent, name)))
    yield from unlisted


def _is_log(path: Path) -> bool:
    """Leave out pipes, sockets and devices, which may never end; what has vanished meanwhile is not passed over."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True
