"""Which logs a command reads.

The PATH arguments of a command go in; the paths to open come out, standard input among them. --format says what is
wrapped around the log events in them.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from flowemf_processor.cli.streams import is_terminal
from flowemf_processor.core.unwrap import AUTO, NAMES
from flowemf_processor.sources.compression import MAX_EXPANSION
from flowemf_processor.sources.standard_input import STANDARD_INPUT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowemf_processor.ports import Source
    from flowemf_processor.sources.standard_input import Spool

STDIN = STANDARD_INPUT

paths_argument: Callable[[Any], Any] = click.argument("paths", metavar="[PATH]...", nargs=-1, type=str)
"""The argument PATH of a command: any number of files, directories, patterns and URLs."""


def _shape_option(name: str) -> Callable[[Any], Any]:
    return click.option(
        name,
        "form",
        metavar="NAME",
        type=click.Choice(NAMES),
        default=AUTO,
        help=f"What is wrapped around the log events: {', '.join(NAMES)}. Default: {AUTO}, which tells it line by "
        "line; with any other, a line that does not fit is rejected.",
    )


format_option = _shape_option("--format")
"""The option --format of a command that reads logs."""

log_format_option = _shape_option("--log-format")
"""The same for a command whose --format says what comes out."""


_max_expansion = click.option(
    "--max-expansion",
    metavar="N",
    type=click.IntRange(1),
    default=MAX_EXPANSION,
    help="Read compressed logs up to N times their size; smaller ones than 64 MB are always read. "
    f"Default: {MAX_EXPANSION}.",
)
_s3_endpoint_url = click.option(
    "--s3-endpoint-url", metavar="URL", help="Where s3:// is. Default: $AWS_ENDPOINT_URL_S3, or Amazon S3."
)


@dataclass(frozen=True, slots=True)
class InputOptions:
    """What the user chose; each member is the option of its name."""

    max_expansion: int
    s3_endpoint_url: str | None

    def open(self, paths: Sequence[str], *, source_id: str | None = None, spool: Spool | None = None) -> list[Source]:
        """Open what is to be read.

        Args:
            paths: as the user wrote them.
            source_id: a name for standard input, under which a checkpoint knows it again.
            spool: keeps standard input for others that read it too; None where there are none.

        Raises:
            ConfigurationError: something does not exist or may not be read.
            TryAgainLaterError: an object store or a log group cannot be reached.
        """
        from flowemf_processor.sources.opening import open_sources

        return open_sources(
            paths,
            source_id=source_id,
            max_expansion=self.max_expansion,
            s3_endpoint_url=self.s3_endpoint_url,
            spool=spool,
        )


def input_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --max-expansion and --s3-endpoint-url to a command.

    Args:
        command: the function behind it, which gets `max_expansion` and `s3_endpoint_url`.

    Returns:
        The same function.
    """
    return _max_expansion(_s3_endpoint_url(command))


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
