"""Ways of a call and of an event that are rare: nothing is measured, a name is odd, a sampled line is too long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import flowemf
from flowemf import Monitor

OFF = [{"disabled": True}, {"enable_flow_metrics": False, "enable_model_metrics": False}]


class Name(str):
    """A text of a class of its own, as members of an enumeration are."""

    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


@pytest.mark.parametrize("settings", OFF)
@pytest.mark.parametrize("block", ["flow", "generation"])
def test_a_generator_that_nobody_measures_works_as_ever(
    make_monitor: Callable[..., Monitor], captured: Any, settings: dict[str, bool], block: str
) -> None:
    """What it yields, what it is sent, what it returns and how it is closed; and no line is written."""
    measured = getattr(make_monitor(**settings), block)("nova")
    left: list[str] = []

    @measured
    def echo() -> Iterator[int]:
        try:
            yield (yield 1)
        finally:
            left.append("closed")
        return 7

    running: Any = echo()
    assert (next(running), running.send(2)) == (1, 2)
    with pytest.raises(StopIteration) as stopped:
        next(running)
    assert stopped.value.value == 7
    begun: Any = echo()
    next(begun)
    begun.close()
    assert left == ["closed", "closed"]
    assert captured.lines == []


@pytest.mark.parametrize("settings", OFF)
@pytest.mark.parametrize("block", ["flow", "generation"])
def test_an_async_generator_that_nobody_measures_works_as_ever(
    make_monitor: Callable[..., Monitor], captured: Any, settings: dict[str, bool], block: str
) -> None:
    """The same for the other kind."""

    @getattr(make_monitor(**settings), block)("nova")
    async def count() -> AsyncIterator[int]:
        for number in range(3):
            yield number

    async def collect() -> list[int]:
        return [number async for number in count()]

    assert asyncio.run(collect()) == [0, 1, 2]
    assert captured.lines == []


def test_a_text_of_another_class_is_written_as_the_text_that_it_is(
    make_monitor: Callable[..., Monitor], captured: Any
) -> None:
    """Not as its class shows it, and it shares its line's shape with the plain text."""
    monitor = make_monitor()
    monitor.on_flow_start(Name("chat"))
    monitor.on_flow_end(Name("chat"), 5.0)
    monitor.metric("Depth", 1, dimensions={"Queue": Name("orders")})
    assert [document.get("FlowName") for document in captured.documents] == ["chat", "chat", None]
    assert captured.last["Queue"] == "orders"
    assert "something else" not in str(captured.documents)


@pytest.mark.parametrize("settings", [{"metric_buffer_size": 10}, {"sample_rate": 1e-6}])
def test_what_was_changed_in_a_name_is_counted_for_merged_and_sampled_lines_too(
    make_monitor: Callable[..., Monitor], captured: Any, settings: dict[str, Any]
) -> None:
    """Once for each event, though the name is cleaned once; errors and starts are never sampled out."""
    monitor = make_monitor(**settings)
    for _ in range(3):
        monitor.on_flow_error("caf\u00e9", 5.0, TimeoutError())
    assert flowemf.flush()
    assert monitor.stats()["dimension_percent_encoded"] == 3
    assert {document["FlowName"] for document in captured.documents} == {"caf%C3%A9"}


def test_a_sampled_line_that_is_too_long_loses_properties_and_no_number(
    make_monitor: Callable[..., Monitor], captured: Any
) -> None:
    """The weight stays, and so does the mark that says so; what was bound last is cut, and that is said."""
    monitor = make_monitor(sample_rate=0.5, max_line_bytes=4096)
    monitor.bind(first="kept", **{f"text_{number}": "x" * 1000 for number in range(4)})
    for _ in range(40):
        monitor.on_flow_end("chat", 5.0)
    monitor.unbind()
    assert captured.documents, "one in two of forty was written"
    for document, line in zip(captured.documents, captured.lines, strict=True):
        assert len(line) <= 4096
        assert document["FlowDuration"] == {"Values": [5.0], "Counts": [2]}
        assert document["sample_rate"] == 0.5
        assert (document["first"], document["properties_cut"]) == ("kept", 1)
    assert monitor.stats()["properties_too_large"] == len(captured.documents)
