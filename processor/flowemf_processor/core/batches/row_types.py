"""Types for the lines of one directive, which reading checks by the way.

The members of its lines go in; a msgspec type comes out that decodes a line into a row, and refuses whatever is not
certain to be flawless.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Union

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from flowemf_processor.core.batches.members import Kind
from flowemf_schemas import limits, names

if TYPE_CHECKING:
    from flowemf_processor.core.batches.members import Members

METADATA_FIELD = "metadata"

# msgspec takes true for no number, knows neither NaN nor infinity, and makes a float of an integer as Python does.
_Number = Annotated[float, Meta(ge=-limits.VALUE_MAGNITUDE, le=limits.VALUE_MAGNITUDE)]
_Numbers = Annotated[list[_Number], Meta(min_length=1, max_length=int(limits.VALUES_PER_TARGET))]
_Count = Annotated[float, Meta(gt=0, le=limits.VALUE_MAGNITUDE)]


class Metadata(Struct, gc=False, rename={"timestamp_ms": names.TIMESTAMP}):
    """The member `_aws`: the directives in it are known by their bytes, and not looked at again."""

    timestamp_ms: Annotated[int, Meta(ge=0, le=limits.TIMESTAMP_MS)]


class Weighted(
    Struct,
    gc=False,
    forbid_unknown_fields=True,
    rename={
        "values": names.VALUES,
        "counts": names.COUNTS,
        "count": names.COUNT,
        "total": names.SUM,
        "low": names.MIN,
        "high": names.MAX,
    },
):
    """A target of values with their counts; OpenTelemetry's have the others too, which CloudWatch does not read."""

    values: _Numbers
    counts: list[_Count]
    count: float | UnsetType = UNSET
    total: float | UnsetType = UNSET
    low: float | UnsetType = UNSET
    high: float | UnsetType = UNSET


class Statistics(
    Struct,
    gc=False,
    forbid_unknown_fields=True,
    rename={"count": names.COUNT, "total": names.SUM, "low": names.MIN, "high": names.MAX},
):
    """A target that is a statistic set."""

    count: _Count
    total: _Number
    low: _Number
    high: _Number


# Numbers are read as floats, whole ones too: of a property nothing is used, and text is what costs.
_TYPES: dict[Kind, Any] = {Kind.TEXT: str, Kind.PLAIN: Union[float, bool, None], Kind.NESTED: Any}  # noqa: UP007
_TARGET_TYPES: dict[Kind, Any] = {Kind.PLAIN: _Number, Kind.ARRAY: _Numbers}


def row_type(members: Members) -> type[Struct]:
    """Make the type of the lines of one directive.

    Args:
        members: what its lines hold. No two names of fields may be alike: `field_names` numbers them.

    Returns:
        A type with one field for each member, that refuses a member it does not know.

    Raises:
        ValueError: a member has a name that msgspec can't look for.
    """
    fields = field_names(members)
    if any(not name.isprintable() or '"' in name or "\\" in name for name in fields):
        raise ValueError("msgspec looks for names as they are written, without escapes")
    defined: list[Any] = [
        (field, _type_of(members, name), UNSET) if name in members.optional else (field, _type_of(members, name))
        for name, field in fields.items()
    ]
    return msgspec.defstruct(
        "Row",
        [(METADATA_FIELD, Metadata), *defined],
        rename={METADATA_FIELD: names.AWS, **{field: name for name, field in fields.items()}},
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,  # a row lives for a moment, and there are millions of them
    )


def field_names(members: Members) -> dict[str, str]:
    """Give each member the name of its field: any text is a member's name, and not any an attribute's."""
    return {name: f"f{number}" for number, name in enumerate(members.kinds)}


def _type_of(members: Members, name: str) -> Any:
    kinds = members.kinds[name]
    if name in members.targets:
        chosen = _target_type(kinds)
    elif kinds & Kind.NESTED:
        chosen = Any
    else:
        chosen = Union[tuple(_TYPES[kind] for kind in (Kind.TEXT, Kind.PLAIN) if kinds & kind)]  # noqa: UP007
    return Union[chosen, UnsetType] if name in members.optional and chosen is not Any else chosen  # noqa: UP007


def _target_type(kinds: Kind) -> Any:
    """Objects of two types at one place can't be told apart by msgspec: such lines are read one by one."""
    objects = kinds & (Kind.WEIGHTED | Kind.STATISTICS)
    if objects == Kind.WEIGHTED | Kind.STATISTICS or kinds & (Kind.TEXT | Kind.NESTED):
        raise ValueError("no type fits")
    choices = [_TARGET_TYPES[kind] for kind in (Kind.PLAIN, Kind.ARRAY) if kinds & kind]
    if objects:
        choices.append(Weighted if objects == Kind.WEIGHTED else Statistics)
    return Union[tuple(choices)]  # noqa: UP007
