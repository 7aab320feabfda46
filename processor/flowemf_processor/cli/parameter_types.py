"""Kinds of values that options take: amounts of bytes such as `500MB`, addresses such as `127.0.0.1:9464`.

The text of an option goes in; a number of bytes, or a host and a port, comes out.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

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


DEFAULT_HOST = "127.0.0.1"
_MOST = 65535


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
        if isinstance(value, Address):
            return value
        host, _, port = value.rpartition(":")
        if not (port.isascii() and port.isdigit() and int(port) <= _MOST):
            self.fail(
                f"{value!r} is no address: write a port, or a host and a port, such as {DEFAULT_HOST}:9464.", param, ctx
            )
        return Address(host.strip("[]") or DEFAULT_HOST, int(port))
