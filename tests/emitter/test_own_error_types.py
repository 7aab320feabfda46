"""The setting `error_types`: the user's names for errors go before ours, and cannot break anything."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from real_errors import (
    GENERIC,
    RATE_LIMIT,
    THROTTLING,
    TIMEOUT,
    caused,
    client_error,
    modeled,
    refused,
)


class ShopError(Exception):
    pass


class StockError(ShopError):
    pass


OWN: list[tuple[dict[Any, str], BaseException | str, str]] = [
    ({ShopError: "Shop"}, ShopError(), "Shop"),
    ({ShopError: "Shop"}, StockError(), "Shop"),
    ({ShopError: "Shop", StockError: "Stock"}, StockError(), "Stock"),
    ({"ShopError": "Shop"}, StockError(), "Shop"),
    ({f"{__name__}.StockError": "Stock"}, StockError(), "Stock"),
    ({"elsewhere.StockError": "Stock"}, StockError(), GENERIC),
    ({"ModelErrorException": "Model"}, client_error("ModelErrorException"), "Model"),
    ({"ThrottlingException": "Busy"}, client_error("ThrottlingException"), "Busy"),
    ({"ThrottlingException": "Busy"}, modeled("ThrottlingException", 429), "Busy"),
    ({"ThrottlingException": "Busy"}, "ThrottlingException: Rate exceeded", "Busy"),
    ({"insufficient_quota": "Money"}, refused(openai.RateLimitError, 429, {"code": "insufficient_quota"}), "Money"),
    ({"insufficient_quota": "Money"}, refused(openai.RateLimitError, 429, {"code": "tokens"}), RATE_LIMIT),
    ({ShopError: "Shop"}, caused(RuntimeError("m"), StockError()), "Shop"),
    ({ShopError: "Shop"}, caused(TimeoutError(), StockError()), TIMEOUT),
    ({Exception: "Any"}, TimeoutError(), "Any"),
    ({ShopError: "Shop"}, TimeoutError(), TIMEOUT),
]


@pytest.mark.parametrize(("own", "error", "expected"), OWN)
def test_the_users_mapping_goes_before_ours(
    make_monitor: Any, captured: Any, own: dict[Any, str], error: Any, expected: str
) -> None:
    """By class, by name and by code; of two classes the nearer one; ours where it says nothing."""
    make_monitor(error_types=own).on_flow_error("chat", 1, error)
    assert captured.last["ErrorType"] == expected


def test_the_users_function_goes_before_ours(make_monitor: Any, captured: Any) -> None:
    """It gets the exception or the text, and None leaves it to us."""
    seen = []

    def own(error: Any) -> str | None:
        seen.append(error)
        return "Stock" if isinstance(error, StockError) else None

    monitor = make_monitor(error_types=own)
    errors = [StockError(), TimeoutError(), "ThrottlingException"]
    for error in errors:
        monitor.on_generate("nova", duration_ms=1, error=error)
    assert [document["ErrorType"] for document in captured.documents] == ["Stock", TIMEOUT, THROTTLING]
    assert seen == errors
    monitor.on_flow_error("chat", 1, None)
    assert captured.last["ErrorType"] == "Unknown"
    assert seen == errors
    assert monitor.stats() == {"lines_written": 4}


def test_what_the_users_function_raises_stays_inside(
    make_monitor: Any, captured: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is counted, said once, and the type is ours."""

    def own(error: Any) -> str | None:
        raise RuntimeError("a bug of the user's")

    monitor = make_monitor(error_types=own)
    for _ in range(2):
        monitor.on_flow_error("chat", 1, TimeoutError())
    assert captured.last["ErrorType"] == TIMEOUT
    assert monitor.stats() == {"lines_written": 2, "error_types_failed": 2}
    assert capsys.readouterr().err.count("error_types") == 2  # the explanation and the reason, in one line


@pytest.mark.parametrize(
    "answer", ["", 3, True, b"Stock", "two\nlines", "caf\u00e9", "x" * 256, "3fa85f64-5717-4562-b3fc-2c963f66afa6"]
)
def test_what_the_users_function_returns_must_be_a_type(make_monitor: Any, captured: Any, answer: object) -> None:
    """Nothing that would be no dimension value, or a metric for each error."""
    monitor = make_monitor(error_types=lambda error: answer)
    monitor.on_flow_error("chat", 1, TimeoutError())
    assert captured.last["ErrorType"] == TIMEOUT
    assert monitor.stats() == {"lines_written": 1, "error_types_refused": 1}


def test_two_monitors_have_their_own_error_types(make_monitor: Any, captured: Any) -> None:
    """What one is told, the other does not know."""
    first, second = make_monitor(error_types={ShopError: "Shop"}), make_monitor()
    first.on_flow_error("chat", 1, ShopError())
    second.on_flow_error("chat", 1, ShopError())
    assert [document["ErrorType"] for document in captured.documents] == ["Shop", GENERIC]
