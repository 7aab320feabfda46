"""How many invalid lines a run may meet: the option --max-invalid.

Its text goes in (`10`, `0.5%`); whether a number of invalid lines exceeds it comes out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowemf_processor.cli.placed_ledger import PlacedLedger

EXIT_FINDINGS = 1

_FORM = re.compile(r"(\d+(?:\.\d+)?)%|(\d+)", re.ASCII)


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
        if isinstance(value, Allowance):
            return value
        found = _FORM.fullmatch(value)
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
