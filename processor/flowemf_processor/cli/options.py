"""What the options of several commands have in common.

The values that click gives by name go in; one value for each part of the work comes out, or an explanation of what is
useless among them. Which AWS is asked is an option of many commands.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Part = TypeVar("Part")


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
