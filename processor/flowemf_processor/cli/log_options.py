"""Which log group lines go to: --log-group, --log-stream, --create, --verify, --verify-for.

The texts of these options go in; the names of a log group and stream come out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from flowemf_processor.cli.options import refuse_without, together
from flowemf_processor.core.log_batches import LogStream
from flowemf_schemas import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEFAULT_STREAM = "flowemf"
VERIFY_SECONDS = 300.0
_FROM_LOG_GROUPS = "logs://"

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
_GROUP = re.compile(r"[.\-_/#A-Za-z0-9]+")
_STREAM = re.compile(r"[^:*]+")


@dataclass(frozen=True, slots=True)
class LogOptions:
    """What the user chose; each member is the option of its name."""

    log_group: str | None
    log_stream: str | None
    create: bool
    verify: bool
    verify_for: float | None

    @property
    def stream(self) -> LogStream:
        """Where lines go; only where a group is named."""
        return LogStream(self.log_group or "", self.log_stream or DEFAULT_STREAM)

    def refuse_contradictions(self, to: Sequence[str], paths: Sequence[str], *, is_dry_run: bool) -> None:
        """Refuse what lacks something, or would be ignored.

        Args:
            to: the destinations.
            paths: what is read.
            is_dry_run: whether nothing is sent.

        Raises:
            click.UsageError: it does.
        """
        if self.log_group is None:
            self._refuse_without_group(to, paths)
        if self.verify and is_dry_run:
            raise click.UsageError("--dry-run sends nothing that --verify could look for; leave one out.")
        if not self.verify:
            refuse_without("--verify", self, ("verify_for",))

    def _refuse_without_group(self, to: Sequence[str], paths: Sequence[str]) -> None:
        refuse_without("--log-group", self, ("log_stream", "create", "verify"))
        if "logs" in to:
            raise click.UsageError("--to logs needs --log-group: the log group that the lines go to.")
        if "auto" in to and not all(path.startswith(_FROM_LOG_GROUPS) for path in paths):
            raise click.UsageError(
                "--to auto needs --log-group: the log group of which CloudWatch may extract the metrics."
            )


def is_group_name(text: str) -> bool:
    """Tell whether a log group may have this name."""
    return _GROUP.fullmatch(text) is not None and len(text) <= limits.LOG_GROUP_NAME_LENGTH


def _checked(pattern: re.Pattern[str], longest: int, rule: str) -> Callable[..., str | None]:
    def check(_context: click.Context, _parameter: click.Parameter, given: str | None) -> str | None:
        if given is not None and (pattern.fullmatch(given) is None or len(given) > longest):
            raise click.BadParameter(f"{given!r} is none: 1 to {longest} {rule}.")
        return given

    return check


_log_group = click.option(
    "--log-group",
    metavar="G",
    callback=_checked(_GROUP, limits.LOG_GROUP_NAME_LENGTH, "letters, digits and any of . - _ / #"),
    help="Write the metric lines to this log group (--to logs, --to auto).",
)
_log_stream = click.option(
    "--log-stream",
    metavar="S",
    callback=_checked(_STREAM, limits.LOG_STREAM_NAME_LENGTH, "characters without : and *"),
    help=f"Write them to this log stream of it, which is made where there is none. Default: {DEFAULT_STREAM}.",
)
_create = click.option("--create", is_flag=True, help="Make the log group, too, where there is none.")
_verify = click.option(
    "--verify",
    is_flag=True,
    help="In the end, look whether CloudWatch shows the metrics of the lines, and what it could not extract.",
)
_verify_for = click.option(
    "--verify-for",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help=f"With --verify, look for so long. Default: {VERIFY_SECONDS:g}.",
)
log_options = together(_log_group, _log_stream, _create, _verify, _verify_for)
"""Adds them to a command, which gets their values by these names."""
