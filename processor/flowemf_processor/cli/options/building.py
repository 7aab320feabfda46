"""What options of several commands are made of: parts of the command line, kinds of values, --region, --max-invalid.

The values that click gives by name go in; one value for each part of the work comes out, or an explanation of what is
wrong or useless among them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowemf_processor.cli.output.placed_ledger import PlacedLedger

Part = TypeVar("Part")
# Numbers of more digits are mistakes, and too long a one is more than Python converts.
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,15})?) ?([kmgt]?)b?", re.ASCII | re.IGNORECASE)
_SIZE_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_DEFAULT_HOST = "127.0.0.1"
_LAST_PORT = 65535
_ALLOWANCE = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)%|(\d{1,15})", re.ASCII)
_PORT = re.compile(r"\d{1,5}", re.ASCII)
EXIT_FINDINGS = 1
"""The exit code of a command that found more than was allowed."""


def taken(part: type[Part], options: dict[str, Any]) -> Part:
    """Take out of the options what belongs to one part.

    Args:
        part: a dataclass whose members are options of these names.
        options: name -> value; what is taken is removed.

    Returns:
        The part.
    """
    return part(**{member.name: options.pop(member.name) for member in fields(part)})  # type: ignore[arg-type]


def together(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make one decorator of several options.

    Args:
        options: the decorators, in the order in which the help is to show them.

    Returns:
        What adds all of them to a command.
    """

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def refuse_without(needed: str, part: object, names: Sequence[str]) -> None:
    """Refuse what would be ignored: whoever wrote it expects something of it.

    Args:
        needed: the option that is missing, without which the others mean nothing.
        part: what the user chose; each member is the option of its name.
        names: the options, as Python spells them; None and False stand for one that was not given.

    Raises:
        click.UsageError: one of them was given.
    """
    for name in names:
        if (given := getattr(part, name)) is not None and given is not False:
            option = name.replace("_", "-")
            raise click.UsageError(f"--{option} has no meaning without {needed}; leave it out, or add {needed}.")


def aws_options(verb: str) -> Callable[[Any], Any]:
    """Make the options --region and --endpoint-url of a command.

    Args:
        verb: what the command does to AWS, as the beginning of a sentence: `Ask`, `Send to`.

    Returns:
        The decorator; the function behind the command gets `region` and `endpoint_url`.
    """
    region = click.option(
        "--region", metavar="R", help=f"{verb} this AWS Region. Default: the one that AWS is configured with."
    )
    endpoint_url = click.option(
        "--endpoint-url", metavar="URL", help=f"{verb} this endpoint instead of the Region's own."
    )
    return together(region, endpoint_url)


class SizeType(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.4
    """A size in bytes: a number and B, kB, MB, GB or TB; powers of 1,000."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it."""
        found = _SIZE.fullmatch(value)
        size_bytes = int(float(found[1]) * _SIZE_FACTORS[found[2].lower()]) if found else 0
        if size_bytes < 1:
            self.fail(
                f"{value!r} is no size: write a number of bytes, or one with kB, MB or GB, such as 500MB.", param, ctx
            )
        return size_bytes


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


class AddressType(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.4
    """A port, or a host and a port; an IPv6 address stands in brackets."""

    name = "[HOST:]PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        """Read it."""
        host, _, port = value.rpartition(":")
        if not _PORT.fullmatch(port) or int(port) > _LAST_PORT:
            self.fail(
                f"{value!r} is no address: write a port, or a host and a port, such as {_DEFAULT_HOST}:9464.",
                param,
                ctx,
            )
        return Address(host.strip("[]") or _DEFAULT_HOST, int(port))


@dataclass(frozen=True, slots=True)
class Allowance:
    """A number of invalid lines, or a percentage of the metric lines.

    >>> str(Allowance(percent=0.5))
    '0.5%'
    """

    lines: int | None = None
    percent: float | None = None

    def __str__(self) -> str:
        return str(self.lines) if self.percent is None else f"{self.percent:g}%"

    def is_exceeded(self, ledger: PlacedLedger) -> bool:
        """Tell whether a run met more invalid lines than this, in whole or in part; notes don't count."""
        if self.percent is not None:
            return ledger.invalid_records * 100 > self.percent * ledger.metric_lines
        return self.lines is not None and ledger.invalid_records > self.lines


class _AllowanceType(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.4
    name = "N|P%"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Allowance:
        found = _ALLOWANCE.fullmatch(value)
        if found is None:
            self.fail(
                f"{value!r} is neither a number of lines, such as 10, nor a percentage, such as 0.5%.", param, ctx
            )
        if float(found[1] or 0) > 100:
            self.fail(f"{value!r} is more than all: a percentage lies between 0% and 100%.", param, ctx)
        return Allowance(percent=float(found[1])) if found[1] else Allowance(lines=int(found[2]))


def allowance_option(*, default: str) -> Callable[[Any], Any]:
    """Make the option --max-invalid of a command.

    Args:
        default: what holds without it, as the end of a sentence.

    Returns:
        The decorator.
    """
    return click.option(
        "--max-invalid",
        "allowance",
        type=_AllowanceType(),
        metavar="N|P%",
        help="Exit with 1 if more than N lines, or P% of the metric lines, are invalid in whole or in part; "
        f"notes don't count. Default: {default}.",
    )
