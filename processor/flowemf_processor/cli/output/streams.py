"""Writes for people and for programs: stdout and files of -o are data, everything else goes to stderr.

Lines of text, JSON values and counts go in; bytes that cannot take over a terminal come out, and files that are whole.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from flowemf_processor.errors import ConfigurationError, TryAgainLaterError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf_processor.model import Position


def printable(text: str) -> str:
    r"""Escape what is not printable: line breaks, control and direction characters, broken encodings.

    File names and log content are other people's; on a terminal they must not move the cursor or change the title.

    >>> printable("a\x1b[2Jb\n")
    'a\\x1b[2Jb\\n'
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def counted(count: int, noun: str) -> str:
    """Say how many there are.

    >>> counted(1, "line"), counted(2000, "line")
    ('1 line', '2,000 lines')
    """
    return f"{count:,} {noun if count == 1 else noun + 's'}"


def sized(size_bytes: int) -> str:
    """Say how large something is.

    >>> sized(999), sized(2_340_000)
    ('999 bytes', '2.3 MB')
    """
    if size_bytes < 1000:
        return counted(size_bytes, "byte")
    for unit, unit_bytes in (("GB", 10**9), ("MB", 10**6)):
        if size_bytes >= unit_bytes:
            return f"{size_bytes / unit_bytes:.1f} {unit}"
    return f"{size_bytes / 1000:.1f} kB"


def place(position: Position) -> str:
    """Write a place as editors understand it: `file:line`; line 0 stands for the source as a whole.

    Where one line holds many log events, their number follows: `file:line#event`.
    """
    event = f"#{position.event}" if position.event else ""
    return f"{printable(position.source)}:{position.line}{event}"


def styled(text: str, **style: bool) -> str:
    """Style text for stdout where that is a terminal; NO_COLOR (https://no-color.org) and a dumb one get it plain."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not is_terminal(sys.stdout)
    return text if plain else click.style(text, **style)


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a person looks at this stream directly."""
    return stream is not None and not stream.closed and stream.isatty()


def say(line: str) -> None:
    """Write one line for people to stderr; where that takes none, such as on a full disk, the work goes on without.

    Raises:
        BrokenPipeError: the reader went away.
    """
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(f"{printable(line)}\n")
        sys.stderr.flush()
    except BrokenPipeError:
        raise
    except OSError:
        # The exit code is to tell what became of the datapoints, so the lost message must not fail the last flush.
        sys.stderr = None


def data(line: str) -> None:
    """Write one line of output proper.

    Args:
        line: text that `printable`, JSON or a table made safe.

    Raises:
        BrokenPipeError: the reader went away.
        TryAgainLaterError: stdout cannot be written for another reason, such as a full disk.
    """
    with _writing() as stream:
        stream.write(f"{line}\n")


def flush_data() -> None:
    """Let go what was written, so that it stays before what is said next where both go to one file or pipe.

    Raises:
        BrokenPipeError: the reader went away.
        TryAgainLaterError: stdout cannot be written for another reason, such as a full disk.
    """
    with _writing() as stream:
        stream.flush()


def binary_data(content: bytes) -> None:
    """Write output proper that is no text; raises what `data` raises."""
    with _writing() as stream:
        stream.flush()
        stream.buffer.write(content)


def json_data(value: Any) -> None:
    """Write one JSON value on a line of its own, in ASCII, so that any terminal and any pipe takes it."""
    data(json.dumps(value, ensure_ascii=True, separators=(",", ":")))


def json_text(text: bytes) -> None:
    """Write what is JSON on one line already, as `json_data` does; only what is not in ASCII has to be read for it."""
    if text.isascii():
        data(text.decode())
    else:
        json_data(json.loads(text))


@contextlib.contextmanager
def _writing() -> Iterator[TextIO]:
    if sys.stdout is None:  # started with stdout closed: the reader went away before the first line
        raise BrokenPipeError
    try:
        yield sys.stdout
    except BrokenPipeError:
        raise
    except OSError as error:
        raise TryAgainLaterError(
            f"standard output cannot be written: {error.strerror}; make room and run the command again"
        ) from error


_MODE = 0o666


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a file to write beside the one that is meant; it takes its place when this block ends without an error.

    Args:
        path: where the content is to be in the end. What is no ordinary file, such as a device, gets it copied, and so
            does /dev/stdout, also where that stands for a file.

    Yields:
        The path to write to, absolute.

    Raises:
        ConfigurationError: it cannot be written there.
    """
    target = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow a link that is to be replaced
    is_special = target.exists() and (not target.is_file() or _is_of_the_system(target.parent.resolve()))
    try:
        with tempfile.TemporaryDirectory(
            prefix=f".{target.name}-", dir=None if is_special else target.parent
        ) as beside:
            new = Path(beside, "new")
            yield new
            if is_special:
                with target.open("ab") as device:  # `>> FILE` is to keep what it has
                    device.write(new.read_bytes())
            else:
                new.chmod(_MODE & ~_umask())
                new.replace(target)
    except OSError as error:
        raise ConfigurationError(
            f"{path}: cannot be written ({error.strerror or error}); name another file with -o"
        ) from error


def _is_of_the_system(directory: Path) -> bool:
    """Tell where nothing may be replaced: /dev/stdout, which may stand for a file, is everybody's, and root could."""
    return directory == Path("/dev") or directory.parts[1:2] == ("proc",)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
