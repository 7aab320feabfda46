"""Merged lines: the same numbers as one line for each event, in fewer bytes."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_lines import event, merged, points_of

import flowemf
from flowemf import Monitor
from flowemf._volume import merge
from flowemf_schemas import limits

NAMES = st.sampled_from(["chat", "search", "caf\u00e9"])
NUMBERS = st.one_of(st.integers(0, 3), st.floats(2.0**-360, 2.0**360), st.sampled_from([0.1, 1e-9, 123456.789]))
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("start"), NAMES),
        st.tuples(st.just("end"), NAMES, NUMBERS),
        st.tuples(st.just("cancelled"), NAMES, NUMBERS),
        st.tuples(st.just("error"), NAMES, NUMBERS, st.sampled_from(["timed out", "Throttling", None])),
        st.tuples(
            st.just("generation"), NAMES, NUMBERS, st.integers(0, 9) | st.none(), st.sampled_from([None, "boom"])
        ),
        st.tuples(st.just("metric"), NAMES, NUMBERS, st.sampled_from([1, 60])),
        st.tuples(st.just("wait"), st.sampled_from([400, 30_000, 61_000])),
    ),
    max_size=60,
)
HOURS = 3600


def play(monitor: Monitor, clock: Any, events: list[Any]) -> None:
    """Let a monitor have the events."""
    for kind, *more in events:
        if kind == "start":
            monitor.on_flow_start(*more)
        elif kind == "end":
            monitor.on_flow_end(*more)
        elif kind == "cancelled":
            monitor.on_flow_cancelled(*more)
        elif kind == "error":
            monitor.on_flow_error(*more)
        elif kind == "generation":
            model, duration_ms, tokens, error = more
            monitor.on_generate(model, duration_ms=duration_ms, input_tokens=tokens, error=error)
        elif kind == "metric":
            name, value, resolution = more
            monitor.metric("Depth", value, "Count", {"Index": name}, resolution=resolution)
        else:
            clock.wait(*more)


@pytest.fixture
def merging(make_monitor: Callable[..., Monitor]) -> Monitor:
    """Make a monitor that writes when it is told to."""
    return make_monitor(metric_buffer_size=10_000, flush_interval_seconds=HOURS)


@pytest.fixture(scope="session")
def both_ways(captured_class: Any) -> Callable[..., tuple[Any, Any]]:
    """Write events one by one and merged, and give what was captured of each."""

    def play_both(clock_class: Any, events: list[Any], **more: Any) -> tuple[Any, Any]:
        captures = []
        for extra in ({}, {"metric_buffer_size": 10_000, "flush_interval_seconds": HOURS, **more}):
            captured, clock = captured_class(), clock_class()
            monitor = Monitor("App/Test", sink=captured, clock=clock, custom_dimensions={"Team": "ai"}, **extra)
            play(monitor, clock, events)
            assert flowemf.flush()
            assert set(monitor.stats()) <= {"lines_written", "dimension_percent_encoded"}
            captures.append(captured)
        return captures[0], captures[1]

    return play_both


# --- The same numbers


@settings(max_examples=50)
@given(events=EVENTS)
def test_merged_lines_hold_the_same_numbers_value_by_value(clock_class: Any, both_ways: Any, events: list[Any]) -> None:
    """Every series, in every period, as often as without merging; read by the processor and by hand."""
    single, several = both_ways(clock_class, events)
    assert merged(points_of(several.documents)) == merged(points_of(single.documents))
    assert read(several) == read(single)
    assert len(several.lines) <= len(single.lines)


@settings(max_examples=20)
@given(events=EVENTS)
def test_short_lines_hold_them_too(clock_class: Any, both_ways: Any, events: list[Any]) -> None:
    """Where a line has room for a few of the values only, the others stand in the next."""
    single, several = both_ways(clock_class, events * 8, max_line_bytes=4096)
    assert max((len(line) for line in several.lines), default=0) <= 4096
    assert merged(points_of(several.documents)) == merged(points_of(single.documents))


def read(captured: Any) -> Counter[Any]:
    """Count what the processor finds in lines."""
    points: Counter[Any] = Counter()
    for document in captured.documents:
        found = event(document)
        for each in found.measurements:
            start_s = found.timestamp_ms // 1000 // each.resolution_seconds * each.resolution_seconds
            for dimensions, (value, count) in itertools.product(each.dimension_sets, each.values):
                points[each.namespace, each.name, each.unit, dimensions, start_s, value] += count
    return points


# --- How they look


def test_events_of_one_kind_share_a_line(merging: Monitor, captured: Any) -> None:
    """Arrays of values, one for each metric; the event and the schema stay, single events' properties don't."""
    merging.bind(tenant="acme")
    for duration_ms in (5, 7.5, 5):
        merging.on_flow_error("chat", duration_ms, "timed out")
    flowemf.flush()
    (document,) = captured.documents
    assert (document["FlowError"], document["FlowDuration"]) == ([1, 1, 1], [5, 7.5, 5])
    assert (document["event"], document["schema_version"]) == ("flow.end", 1)
    assert document.keys().isdisjoint({"tenant", "flow_id", "error_message"})


def test_a_single_event_is_a_line_with_single_numbers(merging: Monitor, captured: Any) -> None:
    """An array of one would only cost two bytes."""
    merging.on_flow_start("chat")
    flowemf.flush()
    assert captured.last["FlowStarted"] == 1


def test_what_differs_in_a_dimension_or_a_metric_stays_apart(merging: Monitor, captured: Any) -> None:
    """Only events with the same metrics and the same dimension values share a line."""
    merging.on_flow_start("chat")
    merging.on_flow_start("search")
    merging.on_generate("nova", duration_ms=1)
    merging.on_generate("nova", duration_ms=1, input_tokens=3)
    merging.metric("Depth", 1, "Count")
    merging.metric("Depth", 1, "Percent")
    flowemf.flush()
    assert len(captured.documents) == 6


def test_events_of_different_minutes_stay_apart(merging: Monitor, captured: Any, clock: Any) -> None:
    """CloudWatch puts all values of a line into the minute of its timestamp."""
    clock.now_ms = 1_700_000_040_000 - 1
    merging.on_flow_start("chat")
    clock.wait(1)
    merging.on_flow_start("chat")
    clock.wait(59_999)
    merging.on_flow_start("chat")
    flowemf.flush()
    assert [document["FlowStarted"] for document in captured.documents] == [1, [1, 1]]
    assert [document["_aws"]["Timestamp"] % 60_000 for document in captured.documents] == [59_999, 0]


def test_high_resolution_metrics_stay_apart_by_the_second(merging: Monitor, captured: Any, clock: Any) -> None:
    """Their period is a second."""
    for _ in range(4):
        merging.metric("Depth", 1, resolution=1)
        clock.wait(500)
    flowemf.flush()
    assert [document["Depth"] for document in captured.documents] == [[1, 1], [1, 1]]


def test_a_line_holds_a_hundred_values(merging: Monitor, captured: Any) -> None:
    """CloudWatch silently ignores what comes after them."""
    for number in range(2 * limits.VALUES_PER_TARGET + 1):
        merging.metric("Number", number)
    flowemf.flush()
    assert [document["Number"] for document in captured.documents] == [[*range(100)], [*range(100, 200)], 200]


def test_names_that_are_written_alike_share_a_line(merging: Monitor, captured: Any) -> None:
    """Two flows that are named after identifiers have the same name in the end."""
    for name in ("order-3fa85f64-5717-4562-b3fc-2c963f66afa6", "order-3fa85f64-5717-4562-b3fc-2c963f66afa7"):
        merging.on_flow_start(name)
    flowemf.flush()
    assert captured.last["FlowStarted"] == [1, 1]


def test_merging_saves_nine_tenths_of_the_bytes(clock_class: Any, both_ways: Any) -> None:
    """What CloudWatch Logs is paid for."""
    events = list(itertools.chain.from_iterable([("start", "chat"), ("end", "chat", 12.345)] for _ in range(100)))
    single, several = both_ways(clock_class, events)
    assert sum(map(len, several.lines)) * 10 < sum(map(len, single.lines))


# --- When they are written


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_events_are_written_when_so_many_have_gathered(make_monitor: Any, captured: Any) -> None:
    """All at once, whatever their kinds, and not before."""
    monitor = make_monitor(metric_buffer_size=6, flush_interval_seconds=HOURS)
    for _ in range(2):
        monitor.on_flow_start("chat")
        monitor.on_flow_end("chat", 1.5)
    time.sleep(0.05)
    assert captured.lines == []
    monitor.on_flow_start("chat")
    monitor.on_flow_end("chat", 1.5)
    until(lambda: len(captured.lines) == 2)
    assert [document["event"] for document in captured.documents] == ["flow.start", "flow.end"]
    assert captured.documents[0]["FlowStarted"] == [1, 1, 1]


def test_events_are_written_when_the_first_has_waited_long_enough(make_monitor: Any, captured: Any) -> None:
    """Again and again: each first one starts the time anew."""
    monitor = make_monitor(metric_buffer_size=1000, flush_interval_seconds=0.05)
    for rounds in (1, 2):
        begun = time.monotonic()
        monitor.metric("Number", 1)
        monitor.metric("Number", 2)
        until(lambda: len(captured.lines) == rounds)  # noqa: B023 - called at once
        assert time.monotonic() - begun >= 0.04
        assert captured.last["Number"] == [1, 2]


def test_flush_writes_what_has_gathered(merging: Monitor, captured: Any) -> None:
    """And tells that it has; with nothing gathered there is nothing to wait for."""
    assert flowemf.flush()
    merging.metric("Number", 1)
    assert captured.lines == []
    assert flowemf.flush()
    assert captured.last["Number"] == 1
    assert merging.stats() == {"lines_written": 1}


def test_after_a_flush_events_gather_again(merging: Monitor, captured: Any) -> None:
    """One that was in a hurry hurries nobody else."""
    for number in (1, 2):
        merging.metric("Number", number)
        assert flowemf.flush()
    merging.metric("Number", 3)
    time.sleep(0.05)
    assert [document["Number"] for document in captured.documents] == [1, 2]


def test_without_merging_there_is_no_thread(make_monitor: Any) -> None:
    """The thread begins with the first event that waits."""
    before = threading.active_count()
    make_monitor(metric_buffer_size=1).metric("Number", 1)
    make_monitor(metric_buffer_size=10)
    assert threading.active_count() == before


def test_many_threads_lose_no_event(captured_class: Any) -> None:
    """Whatever the buffer's size, while others flush."""
    captured = captured_class()
    monitor = Monitor("App/Test", sink=captured, metric_buffer_size=7, flush_interval_seconds=0.001)

    def work(first: int) -> None:
        for number in range(first, first + 500):
            monitor.metric("Number", number)
            if number % 100 == 0:
                flowemf.flush()

    threads = [threading.Thread(target=work, args=(1000 * index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert flowemf.flush()
    numbers = [number for document in captured.documents for number in listed(document["Number"])]
    assert sorted(numbers) == [1000 * index + number for index in range(8) for number in range(500)]


def test_a_slow_reader_makes_the_program_wait_and_not_grow(captured: Any) -> None:
    """Synchronous delivery: what may wait is bounded, and the one who emits waits with it."""
    go_on = threading.Event()

    def sink(line: bytes) -> None:
        go_on.wait(30)
        captured(line)

    monitor = Monitor("App/Test", sink=sink, metric_buffer_size=10)
    emitted = []

    def emit() -> None:
        for number in range(5000):
            monitor.metric("Number", number)
            emitted.append(number)

    emitter = threading.Thread(target=emit)
    emitter.start()
    until(lambda: len(emitted) > 1000)
    time.sleep(0.1)
    assert len(emitted) < 3000
    go_on.set()
    emitter.join(30)
    assert flowemf.flush()
    numbers = [number for document in captured.documents for number in listed(document["Number"])]
    assert numbers == list(range(5000))


def test_a_sink_that_emits_and_flushes_is_not_waited_for(captured: Any) -> None:
    """The thread cannot wait for itself."""
    monitors: list[Monitor] = []
    answers = []

    def sink(line: bytes) -> None:
        captured(line)
        if len(captured.lines) == 1:
            answers.append(flowemf.flush(timeout_seconds=5))
            for number in range(3000):
                monitors[0].metric("Inner", number)

    monitors.append(Monitor("App/Test", sink=sink, metric_buffer_size=10))
    begun = time.monotonic()
    monitors[0].metric("Outer", 1)
    assert flowemf.flush(5)
    assert flowemf.flush(5)
    assert time.monotonic() - begun < 5
    assert answers == [False]
    inner = [number for document in captured.documents if "Inner" in document for number in listed(document["Inner"])]
    assert inner == list(range(3000))


def test_what_is_lost_at_the_end_is_counted_once_though_the_end_comes_twice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In a spawned child, multiprocessing's exit functions come first, then Python's own."""
    entered, go_on = threading.Event(), threading.Event()

    def sink(line: bytes) -> None:
        entered.set()
        go_on.wait(30)

    monitor = Monitor("App/Test", sink=sink, metric_buffer_size=2, flush_interval_seconds=3600)
    for number in range(2):
        monitor.metric("Number", number)
    assert entered.wait(30)
    merger: Any = monitor.lines._writer._merger
    try:
        for _ in range(2):
            merger.end()
            assert monitor.stats()["events_dropped"] == 2
    finally:
        go_on.set()
    assert capsys.readouterr().err.count("2 events are lost") == 1


def test_no_thread_to_be_had_costs_the_merging_alone(
    merging: Monitor, captured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each event is written at once; as soon as there are threads again, they gather."""

    def refuse(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(merge, "start_new_thread", refuse)
        for number in (1, 2):
            merging.metric("Number", number)
        assert [document["Number"] for document in captured.documents] == [1, 2]
    for number in (3, 4):
        merging.metric("Number", number)
    assert flowemf.flush()
    assert listed(captured.last["Number"]) == [3, 4]


def test_a_sink_that_raises_anything_does_not_end_the_thread(captured: Any) -> None:
    """SystemExit would end a thread without a word."""
    calls = []

    def sink(line: bytes) -> None:
        calls.append(line)
        if len(calls) == 1:
            raise SystemExit
        captured(line)

    monitor = Monitor("App/Test", sink=sink, metric_buffer_size=10)
    for number in (1, 2):
        monitor.metric("Number", number)
        assert flowemf.flush()
    assert [document["Number"] for document in captured.documents] == [2]
    assert monitor.stats()["internal_error"] == 1


def listed(target: Any) -> list[Any]:
    return target if isinstance(target, list) else [target]
