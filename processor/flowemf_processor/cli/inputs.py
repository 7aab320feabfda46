"""Which logs a command reads.

The PATH arguments of a command go in; the paths to open come out, standard input among them. --format says what is
wrapped around the log events in them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from flowemf_processor.cli.streams import is_terminal
from flowemf_processor.core.unwrap import AUTO, NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

STDIN = "-"

paths_argument: Callable[[Any], Any] = click.argument("paths", metavar="[PATH]...", nargs=-1, type=str)
"""The argument PATH of a command: any number of files and directories."""

format_option: Callable[[Any], Any] = click.option(
    "--format",
    "form",
    metavar="NAME",
    type=click.Choice(NAMES),
    default=AUTO,
    help=f"What is wrapped around the log events: {', '.join(NAMES)}. Default: {AUTO}, which tells it line by line; "
    "with any other, a line that does not fit is rejected.",
)
"""The option --format of a command that reads logs."""


def chosen_paths(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Settle what to read.

    Args:
        paths: as the user wrote them.

    Returns:
        The same, or standard input alone where there are none and something is connected to it.

    Raises:
        click.UsageError: there are none, and standard input is a terminal or closed: waiting for somebody to type a
            log would look like hanging.
    """
    if paths:
        return paths
    if sys.stdin is None or is_terminal(sys.stdin):
        raise click.UsageError(
            "no PATH, and nothing is piped in. Name files or directories, pipe a log in (cat app.log | flowemf ...), "
            "or write - to type one."
        )
    return (STDIN,)
