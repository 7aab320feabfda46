"""One call of a model as integrations measure it: told from anywhere, written once, and nothing is ever raised."""

from __future__ import annotations

from typing import Any

import pytest

import flowemf
from flowemf import _calls
from flowemf._collecting import collected
from flowemf._open_calls import OpenCalls

USAGE = {"usage": {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}}


class BrokenClock:
    """A stranger's clock, which fails when it is told to."""

    def __init__(self) -> None:
        self.is_broken = False

    def wall_ms(self) -> int:
        return 1_700_000_000_000

    def monotonic_ms(self) -> float:
        if self.is_broken:
            raise OSError("the clock has stopped")
        return 0.0


def test_a_call_ends_once(captured: Any, clock: Any) -> None:
    """Whoever says so first is believed."""
    flowemf.configure("App/Test", sink=captured, clock=clock)
    call = collected.begin("nova")
    assert call is not None
    call.read(USAGE)
    clock.wait(40)
    call.finish()
    call.finish(TimeoutError("late"))
    call.abandon()
    (line,) = captured.documents
    assert (line["GenerationDuration"], line["TokensUsed"]) == (40, 18)
    assert "GenerationError" not in line


def test_a_clock_that_fails_costs_the_line_and_nothing_else(captured: Any) -> None:
    """At the beginning, in the middle and at the end; each time it is counted."""
    clock = BrokenClock()
    monitor = flowemf.configure("App/Test", sink=captured, clock=clock)
    call = collected.begin("nova")
    assert call is not None
    clock.is_broken = True
    assert collected.begin("nova") is None
    call.heard(is_token=True)
    call.finish()
    assert captured.lines == []
    assert monitor.stats()["internal_error"] == 3


def test_of_calls_that_are_told_that_time_is_up_each_has_its_own_luck(
    captured: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose line cannot be written takes nothing from those that began before it."""
    watching = OpenCalls()
    monkeypatch.setattr(_calls, "watcher", watching)
    flowemf.configure("App/Test", sink=captured, clock=clock)
    first = collected.begin("nova")
    broken = BrokenClock()
    flowemf.configure("App/Test", sink=captured, clock=broken)
    second = collected.begin("lite")
    assert first is not None
    assert second is not None
    broken.is_broken = True
    assert watching.end_all(TimeoutError("the time is up")) == 2
    first.finish()
    second.finish()
    assert [(line["ModelID"], line["ErrorType"]) for line in captured.documents] == [("nova", "Timeout")]


def test_a_bug_is_counted_where_there_is_somebody_to_count_it(captured: Any) -> None:
    """Before `configure` it is only borne."""
    collected.failed(ValueError("a bug of ours"))
    monitor = flowemf.configure("App/Test", sink=captured)
    collected.failed(ValueError("a bug of ours"))
    assert monitor.stats()["internal_error"] == 1


def test_no_call_is_begun_where_nothing_would_be_written(captured: Any) -> None:
    """Without a monitor, with models turned off, and inside a generation of the application's."""
    assert collected.begin("nova") is None
    flowemf.configure("App/Test", sink=captured, enable_model_metrics=False)
    assert collected.begin("nova") is None
    flowemf.configure("App/Test", sink=captured)
    with flowemf.generation("explicit"):
        assert collected.begin("nova") is None
