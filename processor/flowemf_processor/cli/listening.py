"""Where to be scraped: --listen.

The text of the option goes in; a host and a port come out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import click

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
