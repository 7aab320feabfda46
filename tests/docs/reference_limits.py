"""Writes the reference of limits, from the table in which each stands once.

The constants and the comments above them go in; a page comes out with every limit, its source and who enforces it.
"""

from __future__ import annotations

import re
from pathlib import Path

from flowemf_schemas import limits
from flowemf_schemas.limits import Limit

SOURCE = Path(limits.__file__)
_HOUR_MS = 3_600_000
_HEAD = """\
# Limits

Each limit stands once in the code, in `flowemf_schemas/limits.py`; a test compares it with what the service models of
botocore state. Ages and spans are in milliseconds, names and texts in characters, the rest in bytes or items, as the
name says.

## Of the services

| limit | number | enforced by |
|---|---|---|
"""
_OWN = """
Values lie between -2^360 and 2^360; a storage resolution is 1 or 60 seconds
([API_MetricDatum](https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html)).

## Our own

What no service states, and a reader of logs still has to bound.

| limit | number | why |
|---|---|---|
"""


def page() -> str:
    """Give the text of the page."""
    numbers = {name: value for name, value in vars(limits).items() if name.isupper() and isinstance(value, int)}
    theirs = [
        f"| `{name}` | {_number(name, value)} | [{value.enforced_by}]({value.source}) |\n"
        for name, value in numbers.items()
        if isinstance(value, Limit)
    ]
    ours = [
        f"| `{name}` | {_number(name, value)} | {why(name)} |\n"
        for name, value in numbers.items()
        if not isinstance(value, Limit)
    ]
    return _HEAD + "".join(theirs) + _OWN + "".join(ours)


def why(name: str) -> str:
    """Give the comment above a constant, or above those right before it."""
    lines = SOURCE.read_text(encoding="utf-8").splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith(f"{name} ="))
    while not lines[place].startswith("# "):
        place -= 1
    found: list[str] = []
    while lines[place].startswith("# ") and not lines[place].startswith("# ---"):
        found.insert(0, lines[place].removeprefix("# "))
        place -= 1
    return re.sub(r"(https://[^\s)]+)", r"<\1>", " ".join(found))


def _number(name: str, value: int) -> str:
    is_span = name.endswith("_MS") and name != "TIMESTAMP_MS"
    return f"{value:,} ({value // _HOUR_MS} h)" if is_span else f"{value:,}"
