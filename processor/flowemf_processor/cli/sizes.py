"""Amounts of bytes on the command line, such as `500MB`.

The text of an option goes in; a number of bytes comes out.
"""

from __future__ import annotations

import re
from typing import Any

import click

_FORM = re.compile(r"(\d+(?:\.\d+)?) ?([kmgt]?)b?", re.ASCII | re.IGNORECASE)
_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


class SizeType(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.4
    """A size in bytes: a number and B, kB, MB, GB or TB; powers of 1,000."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it."""
        if isinstance(value, int):
            return value
        found = _FORM.fullmatch(value)
        size_bytes = int(float(found[1]) * _FACTORS[found[2].lower()]) if found else 0
        if size_bytes < 1:
            self.fail(
                f"{value!r} is no size: write a number of bytes, or one with kB, MB or GB, such as 500MB.", param, ctx
            )
        return size_bytes
