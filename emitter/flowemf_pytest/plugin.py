"""Gives pytest the fixtures of `flowemf.testing`.

Tests that take `flowemf_capture` go in; each of them fails where it wrote a line that is not valid. Nothing of
the package `flowemf` is imported before a test asks for it.
"""

from __future__ import annotations

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf._clock import Clock
    from flowemf.testing import Captured


@pytest.fixture
def flowemf_clock() -> Clock | None:
    """Give `flowemf_capture` its clock: redefine it, to return a `flowemf.testing.ManualClock`."""
    return None


@pytest.fixture
def flowemf_capture(flowemf_clock: Clock | None) -> Iterator[Captured]:
    """Capture the metrics of this test, as `flowemf.testing.capture_metrics` does."""
    from flowemf.testing import capture_metrics

    with capture_metrics(clock=flowemf_clock) as captured:
        yield captured


@pytest.hookimpl(trylast=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Judge the captured lines when the test has run: an invalid one is a failure of the test, not of its teardown."""
    captured: Captured | None = getattr(item, "funcargs", {}).get("flowemf_capture")
    if captured is not None:
        __tracebackhide__ = True
        captured.settle()
        captured.check()


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Explain a number of captured values that is not the expected one."""
    for side in (left, right):
        if type(side).__module__ == "flowemf._captured":  # by name: nothing of a stranger's objects is touched
            explanation: str = side.explain()  # type: ignore[attr-defined]
            return [f"{left!r} {op} {right!r}", *explanation.splitlines()]
    return None
