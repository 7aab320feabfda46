"""The prices of CloudWatch.

A document of the schema `cloudwatch-prices` goes in; what a quantity costs in a month comes out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowemf_schemas import validator

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "cloudwatch-prices"


@dataclass(frozen=True, slots=True)
class Tariff:
    """The price of one quantity.

    Attributes:
        free: how many units of a month cost nothing.
        tiers: for each tier the unit with which it ends, and the price of one unit in it.
    """

    free: float
    tiers: tuple[tuple[float, float], ...]

    def charge(self, units: float, *, free_tier: bool = True) -> float:
        """Give what a month costs.

        >>> Tariff(10, ((100, 0.3), (math.inf, 0.1))).charge(110)
        28.0

        Args:
            units: how many units the month has.
            free_tier: whether the free units are there to be used; they count towards the first tiers.
        """
        begin, total = (self.free if free_tier else 0.0), 0.0
        for end, price in self.tiers:
            total += max(0.0, min(units, end) - begin) * price
            begin = max(begin, end)
        return total


@dataclass(frozen=True, slots=True)
class Prices:
    """What CloudWatch charges in one Region at one time; the members are those of the schema."""

    as_of: str
    region: str
    currency: str
    source: str
    hours_per_month: float
    bytes_per_gb: float
    metrics: Tariff
    requests: Tariff
    log_gb: Tariff


def read_prices(document: Any) -> Prices:
    """Read a table of prices.

    Args:
        document: what is to be of the schema.

    Raises:
        ValueError: it is not, or its tiers do not ascend; the message says where and what.
    """
    for error in validator(SCHEMA).iter_errors(document):
        raise ValueError(f"{error.json_path}: {error.message}")
    return Prices(
        document["as_of"],
        document["region"],
        document["currency"],
        document["source"],
        document["hours_per_month"],
        document["bytes_per_gb"],
        *(_tariff(name, document[name]) for name in ("metrics", "requests", "log_gb")),
    )


def _tariff(name: str, document: Mapping[str, Any]) -> Tariff:
    tiers = tuple((float(tier.get("up_to", math.inf)), float(tier["price"])) for tier in document["tiers"])
    ends = [end for end, _ in tiers]
    if ends != sorted(set(ends)) or ends[-1] != math.inf:
        raise ValueError(f"{name}.tiers: each up_to must be larger than the one before, and the last tier has none")
    return Tariff(float(document["free"]), tiers)
