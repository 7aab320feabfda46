"""The bound on series: beyond it a new dimension value becomes `_other`."""

from __future__ import annotations

import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowemf
from flowemf import Monitor
from flowemf._volume.series import OTHER, Series


def names_of(captured: Any, key: str = "FlowName") -> list[str]:
    return [document[key] for document in captured.documents]


def test_beyond_the_bound_a_new_flow_is_other(
    make_monitor: Callable[..., Monitor], captured: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ones that were there first keep their names; it is counted each time and said once."""
    monitor = make_monitor(max_series=2)
    for name in ("chat", "search", "third", "fourth", "chat"):
        monitor.on_flow_start(name)
    assert names_of(captured) == ["chat", "search", OTHER, OTHER, "chat"]
    assert monitor.stats() == {"lines_written": 5, "series_limited": 2}
    assert capsys.readouterr().err.count("max_series") == 1


def test_at_the_bound_all_is_as_it_was(make_monitor: Callable[..., Monitor], captured: Any) -> None:
    """A thousand by default."""
    monitor = make_monitor()
    for number in range(1001):
        monitor.on_flow_start(f"flow {number}")
    names = [line.split(b'"FlowName":"')[1].split(b'"')[0] for line in captured.lines]
    assert (len(set(names[:1000])), names[1000]) == (1000, OTHER.encode())


def test_a_flow_that_is_let_in_stays_in_whole(make_monitor: Callable[..., Monitor], captured: Any) -> None:
    """Its start, its ends and its errors: statuses and error types are few, and count for nothing."""
    monitor = make_monitor(max_series=1)
    for name in ("chat", "search"):
        monitor.on_flow_start(name)
        monitor.on_flow_end(name, 1)
        monitor.on_flow_cancelled(name, 1)
        for error in ("timed out", "ThrottlingException", None):
            monitor.on_flow_error(name, 1, error)
    assert names_of(captured) == ["chat"] * 6 + [OTHER] * 6
    statuses = [document.get("Status") for document in captured.documents]
    assert statuses[:6] == statuses[6:] == [None, "Success", "Cancelled", "Error", "Error", "Error"]
    types = [document.get("ErrorType") for document in captured.documents]
    assert types[:6] == types[6:]
    assert types[3:6] == ["Timeout", "Throttling", "Unknown"]


def test_error_types_of_the_users_own_are_bounded_and_the_flow_keeps_its_name(
    make_monitor: Callable[..., Monitor], captured: Any
) -> None:
    """A function that gives a new type each time replaces no flow."""
    monitor = make_monitor(max_series=10, error_types=lambda error: f"{error}")
    for number in range(50):
        monitor.on_flow_error("chat", 1, f"Error{number}")
    assert set(names_of(captured)) == {"chat"}
    types = names_of(captured, "ErrorType")
    assert 0 < len(set(types) - {OTHER}) < 10
    assert types[-1] == OTHER


def test_models_and_own_dimensions_are_bounded_together(make_monitor: Callable[..., Monitor], captured: Any) -> None:
    """One bound for the monitor."""
    monitor = make_monitor(max_series=3)
    monitor.on_flow_start("chat")
    monitor.on_generate("nova", duration_ms=1)
    monitor.metric("Depth", 1, dimensions={"Index": "a"})
    monitor.on_generate("lite", duration_ms=1)
    monitor.metric("Depth", 1, dimensions={"Index": "b"})
    monitor.metric("Other", 1, dimensions={"Index": "a"})
    monitor.metric("Plain", 1)
    assert names_of(captured, "event") == ["flow.start", "generation", "metric", "generation", *["metric"] * 3]
    assert [document.get("ModelID") or document.get("Index") for document in captured.documents[2:]] == [
        "a",
        OTHER,
        OTHER,
        "a",
        None,
    ]


def test_of_several_dimensions_the_new_one_is_replaced(make_monitor: Callable[..., Monitor], captured: Any) -> None:
    """Too many tenants on two routes: the routes stay apart."""
    monitor = make_monitor(max_series=20)
    for tenant in range(100):
        for route in ("chat", "search"):
            monitor.metric("Latency", 1, dimensions={"Route": route, "Tenant": f"tenant {tenant}"})
    pairs = [(document["Route"], document["Tenant"]) for document in captured.documents]
    assert len(set(pairs)) <= 20
    assert pairs[-2:] == [("chat", OTHER), ("search", OTHER)]


def test_custom_dimensions_are_not_counted(make_monitor: Callable[..., Monitor], captured: Any) -> None:
    """They are the same for all, and never replaced."""
    monitor = make_monitor(max_series=1, custom_dimensions={"Team": "ai", "Environment": "prod"})
    monitor.on_flow_start("chat")
    monitor.on_flow_start("search")
    assert names_of(captured, "Team") == ["ai", "ai"]
    assert names_of(captured) == ["chat", OTHER]


def test_fields_are_bounded_too(make_monitor: Callable[..., Monitor]) -> None:
    """A log event that carries metrics costs as much."""
    monitor = make_monitor(max_series=1)
    routes = [monitor.fields({"Latency": 1}, {"Route": route})["Route"] for route in ("a", "b", "a")]
    assert routes == ["a", OTHER, "a"]
    assert monitor.stats()["series_limited"] == 1


def test_monitors_are_bounded_each_by_itself(captured_class: Any) -> None:
    """What one has let in is no matter of the other's."""
    captured = captured_class()
    for _ in range(2):
        monitor = Monitor("App", sink=captured, max_series=1)
        monitor.on_flow_start("chat")
        monitor.on_flow_start("search")
    assert names_of(captured) == ["chat", OTHER] * 2


def test_what_is_cleaned_counts_as_it_is_written(make_monitor: Callable[..., Monitor], captured: Any) -> None:
    """A thousand identifiers are one series: they are written alike."""
    monitor = make_monitor(max_series=2)
    for number in range(50):
        monitor.on_flow_start(f"order-3fa85f64-5717-4562-b3fc-2c963f66af{number:02}")
    monitor.on_flow_start("chat")
    assert set(names_of(captured)) == {"order-_identifier", "chat"}


def test_merged_events_of_too_many_flows_share_a_line(make_monitor: Callable[..., Monitor], captured: Any) -> None:
    """All of them are `_other`."""
    monitor = make_monitor(max_series=1, metric_buffer_size=1000)
    for name in ("chat", "b", "c", "d"):
        monitor.on_flow_start(name)
    flowemf.flush()
    assert [(document["FlowName"], document["FlowStarted"]) for document in captured.documents] == [
        ("chat", 1),
        (OTHER, [1, 1, 1]),
    ]


def test_the_bridge_is_bounded_and_keeps_its_defaults(captured: Any) -> None:
    """The library's default dimensions are no values of a call."""
    pytest.importorskip("aws_embedded_metrics")
    from flowemf.integrations import _embedded_metrics_lines

    bulk = Monitor("App", sink=captured, max_series=1).lines.in_bulk()
    defaults = {"ServiceName": "shop"}
    sets = [_embedded_metrics_lines._clean_set(bulk, {**defaults, "Tenant": tenant}, defaults) for tenant in ("a", "b")]
    assert sets == [{"ServiceName": "shop", "Tenant": "a"}, {"ServiceName": "shop", "Tenant": OTHER}]


def test_any_number_of_names_takes_constant_memory(captured_class: Any) -> None:
    """Names that are all different: nothing that grows with them is kept."""
    monitor = Monitor("App", sink=lambda line: None, max_series=100)

    def invent(first: int) -> None:
        for number in range(first, first + 3000):
            monitor.on_flow_start(f"name {number}")
            monitor.metric("Depth", 1, dimensions={"Route": f"r{number % 7}", "Tenant": f"t{number}"})

    invent(0)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        invent(10_000)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 100_000


def test_known_names_are_not_displaced_by_those_that_are_too_many(make_monitor: Callable[..., Monitor]) -> None:
    """What was prepared for them stays: a flood of new names costs the others nothing."""
    monitor = make_monitor(max_series=1)
    monitor.on_flow_start("chat")
    shape = next(iter(monitor.lines._shapes.values()))
    prepared = shape.prepared["chat",]
    for number in range(5000):
        monitor.on_flow_start(f"name {number}")
    assert shape.prepared["chat",] is prepared
    assert len(shape.prepared) == 2


# --- The rule itself

TUPLES = st.lists(
    st.tuples(
        st.sampled_from([("FlowName",), ("Route", "Tenant"), ("A", "B", "C"), ("FlowName", "Status", "ErrorType")]),
        st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef"), st.sampled_from(["Timeout", "x", "y", "z"])),
    ),
    max_size=120,
)


@settings(max_examples=150)
@given(most=st.integers(1, 30), calls=TUPLES)
def test_the_number_of_series_never_grows_past_the_bound(most: int, calls: list[Any]) -> None:
    """Counted without `_other`: whatever comes, in any order. And who was let in once, stays in."""
    series = Series(most)
    admitted: set[Any] = set()
    whole: set[Any] = set()
    for keys, values in calls:
        given_values = values[: len(keys)]
        written = series.admit(keys, given_values)
        assert all(new in (old, OTHER) for new, old in zip(written, given_values, strict=True))
        if written == given_values:
            whole.add((keys, given_values))
        else:
            assert (keys, given_values) not in whole
        fixed = {"Status", *(["ErrorType"] if "Timeout" in written else [])}
        pairs = tuple((k, v) for k, v in zip(keys, written, strict=True) if v != OTHER and k not in fixed)
        admitted.add(pairs)
    assert len(admitted - {()}) <= most


@pytest.fixture
def _eager_switches() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_eager_switches")
@pytest.mark.parametrize("_", range(20))
def test_many_threads_do_not_get_past_the_bound(_: int) -> None:
    """They all find the last place at the same moment."""
    series = Series(50)
    found: set[Any] = set()

    def work(first: int) -> None:
        for number in range(first, first + 100):
            found.add(series.admit(("FlowName",), (f"{number}",)))

    threads = [threading.Thread(target=work, args=(index * 50,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found - {(OTHER,)}) == 50
