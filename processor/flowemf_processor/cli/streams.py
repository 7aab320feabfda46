"""Writes for people and for programs: stdout is data, everything else goes to stderr.

Lines of text and JSON values go in; bytes that cannot take over a terminal come out.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

import click

from flowemf_processor.errors import TryAgainLaterError

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


def binary_data(content: bytes) -> None:
    """Write output proper that is no text; raises what `data` raises."""
    with _writing() as stream:
        stream.flush()
        stream.buffer.write(content)


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


def json_data(value: Any) -> None:
    """Write one JSON value on a line of its own, in ASCII, so that any terminal and any pipe takes it."""
    data(json.dumps(value, ensure_ascii=True, separators=(",", ":")))


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
