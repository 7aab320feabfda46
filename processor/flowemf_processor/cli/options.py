"""Sorts the options of a command that belong to different parts of its work.

The values that click gives by name go in; one value for each part comes out.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

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
