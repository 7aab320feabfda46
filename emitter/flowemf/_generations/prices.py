"""What generations cost, by a table of prices that the user gives; there are none of ours, which would grow old.

Prices per million tokens go in, and the tokens of a generation; its cost in US dollars comes out, where it is known.
"""

from __future__ import annotations

import os
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase

from flowemf._errors import ConfigurationError
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from flowemf._tally import Tally

INPUT, OUTPUT, CACHE_READ, CACHE_WRITE = "input", "output", "cache_read", "cache_write"
_KINDS = (INPUT, OUTPUT, CACHE_READ, CACHE_WRITE)
_CURRENCY = "currency"
_DOLLARS = "USD"
_TOKENS_PER_PRICE = 1_000_000
_MOST_DIGITS = 12
# Emptied when full: a program that keeps inventing models stays within its memory.
_MOST_MODELS = 1024

_TOO_MUCH_CACHE = (
    "cache_exceeds_input",
    (
        "a generation's cost was left out: more tokens came from and went to the cache than the whole input had; "
        "InputTokens includes cached tokens"
    ),
)
_EXAMPLE = "write {'amazon.nova-lite-v1:0': {'input': '0.06', 'output': '0.24', 'cache_read': '0.015'}}"


class Price:
    """What the tokens of one model cost, exactly.

    Attributes:
        per_token: kind of tokens -> price in units of `scale`; only the kinds that have a price.
        scale: how many units make a dollar.
    """

    __slots__ = ("per_token", "scale")

    def __init__(self, per_million: Mapping[str, Decimal]) -> None:
        # Whole numbers: Python divides them exactly rounded, so that no binary fraction ever enters the sum.
        digits = max(max(0, -int(price.as_tuple().exponent)) for price in per_million.values())
        self.per_token = {kind: int(price.scaleb(digits)) for kind, price in per_million.items()}
        self.scale = _TOKENS_PER_PRICE * 10**digits

    def cost(self, tokens: Mapping[str, int | float]) -> float | None:
        """Add up.

        Args:
            tokens: kind -> number of tokens; a kind that is missing is not known.

        Returns:
            Dollars; None where a price has no number of tokens, or tokens have no price.
        """
        if any(number and kind not in self.per_token for kind, number in tokens.items()):
            return None
        if any(kind not in tokens for kind in self.per_token):
            return None
        units = sum(tokens[kind] * price for kind, price in self.per_token.items())
        return float(units / self.scale)


class Prices:
    """The table: a price for each model, or for each pattern of models.

    Args:
        table: the model's name, or a pattern with `*` and `?`, and its price.
    """

    __slots__ = ("_found", "_table")

    def __init__(self, table: Mapping[str, Price]) -> None:
        self._table = dict(table)
        self._found: dict[tuple[str, str], Price | None] = {}

    def cost(
        self, model_id: str, resolved_model_id: object, measured: Mapping[str, int | float], tally: Tally
    ) -> float | None:
        """Give the cost of a generation in US dollars.

        Args:
            model_id: the model that was asked for.
            resolved_model_id: the model that answered, if it is known; asked where the other has no price.
            measured: metric -> value, with input and output as `record_usage` takes them.
            tally: where numbers that contradict each other are counted.

        Returns:
            Dollars; None where they are not known.
        """
        price = self._price(model_id, resolved_model_id if isinstance(resolved_model_id, str) else "")
        return None if price is None else _cost(price, measured, tally)

    def _price(self, model_id: str, resolved_model_id: str) -> Price | None:
        key = (model_id, resolved_model_id)
        if key not in self._found:
            if len(self._found) >= _MOST_MODELS:
                self._found.clear()
            self._found[key] = self._of_model(model_id) or self._of_model(resolved_model_id)
        return self._found[key]

    def _of_model(self, model_id: str) -> Price | None:
        """Find the model itself, else the first pattern that it matches, in the order in which they were given."""
        exact = self._table.get(model_id)
        return exact or next((price for name, price in self._table.items() if fnmatchcase(model_id, name)), None)


def _cost(price: Price, measured: Mapping[str, int | float], tally: Tally) -> float | None:
    cache_read, cache_write = measured.get(names.CACHE_READ_TOKENS, 0), measured.get(names.CACHE_WRITE_TOKENS, 0)
    tokens = {CACHE_READ: cache_read, CACHE_WRITE: cache_write}
    if names.INPUT_TOKENS in measured:
        tokens[INPUT] = measured[names.INPUT_TOKENS] - cache_read - cache_write
        if tokens[INPUT] < 0:
            tally.count(*_TOO_MUCH_CACHE)
            return None
    if names.OUTPUT_TOKENS in measured:
        tokens[OUTPUT] = measured[names.OUTPUT_TOKENS]
    return price.cost(tokens)


# --- The setting


def checked_prices(value: Any, source: str) -> Prices | None:
    """Check the setting `prices`.

    Args:
        value: a mapping, or the path of a JSON file that holds one.
        source: where it came from, for messages.

    Returns:
        The table; None where it is empty.

    Raises:
        ConfigurationError: the file cannot be read, or a price is wrong.
    """
    if isinstance(value, (str, os.PathLike)):
        source, value = f"{source} ({os.fspath(value)})", _in_file(value, source)
    if not hasattr(value, "items"):
        raise ConfigurationError(source, "is no table of prices", value, _EXAMPLE)
    table = {_model(name, source): _checked_price(price, f"{source}[{name!r}]") for name, price in value.items()}
    return Prices(table) if table else None


def _in_file(path: str | os.PathLike[str], source: str) -> object:
    from json import loads  # only a file needs it

    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib is heavy
            return loads(file.read(), parse_float=Decimal)
    except OSError as problem:
        remedy = f"name a JSON file that can be read ({problem.strerror or problem})"
        raise ConfigurationError(source, "names a file that cannot be opened", path, remedy) from None
    except ValueError as problem:
        raise ConfigurationError(source, "names a file that is not JSON", path, f"correct it: {problem}") from None


def _model(name: object, source: str) -> str:
    if not isinstance(name, str) or not name:
        raise ConfigurationError(source, "has a key that is no model", name, "use a model's name, or a pattern with *")
    return name


def _checked_price(value: Any, where: str) -> Price:
    if not hasattr(value, "items"):
        raise ConfigurationError(where, "is no price", value, _EXAMPLE)
    prices = dict(value.items())
    currency = prices.pop(_CURRENCY, _DOLLARS)
    if currency != _DOLLARS:
        remedy = "convert the prices to USD: one metric cannot add up two currencies"
        raise ConfigurationError(f"{where}[{_CURRENCY!r}]", "is another currency", currency, remedy)
    for kind in prices:
        if kind not in _KINDS:
            raise ConfigurationError(where, "prices what is not known", kind, f"use {', '.join(_KINDS)}, {_CURRENCY}")
    if not prices:
        raise ConfigurationError(where, "has no price", value, _EXAMPLE)
    return Price({kind: _decimal(price, f"{where}[{kind!r}]") for kind, price in prices.items()})


def _decimal(value: object, where: str) -> Decimal:
    remedy = f"write US dollars per million tokens, with at most {_MOST_DIGITS} decimals, such as 0.25"
    try:
        # A float stands for the digits that it is written with: 0.1 is a tenth.
        price = Decimal(repr(value) if isinstance(value, float) else value).normalize()  # type: ignore[arg-type]
    except (InvalidOperation, TypeError, ValueError):
        raise ConfigurationError(where, "is no price", value, remedy) from None
    exponent = price.as_tuple().exponent
    if (
        isinstance(value, (bool, tuple))
        or not isinstance(exponent, int)
        or price < 0
        or price.adjusted() > _MOST_DIGITS
    ):
        raise ConfigurationError(where, "is no price", value, remedy)
    if -exponent > _MOST_DIGITS:
        raise ConfigurationError(where, "has too many decimals", value, remedy)
    return price
