"""Sampling: one end line in N is written, and counts for N."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from metric_lines import merged, points_of

import flowemf
from flowemf import Monitor
from flowemf._tally import Tally
from flowemf._volume.sampling import Sampler, drawn
from flowemf._volume.settings import one_line_in, sample_rate


def with_chance(monitor: Monitor, rate: float, draw: Callable[[], float]) -> Monitor:
    """Let a monitor draw from a generator of the test's own."""
    monitor.lines._writer._sampler = Sampler(rate, monitor.tally, draw)
    return monitor


@pytest.fixture
def keeping(make_monitor: Callable[..., Monitor]) -> Monitor:
    """Make a monitor that samples one in ten, and happens to keep every line."""
    return with_chance(make_monitor(sample_rate=0.1), 0.1, lambda: 0.0)


@pytest.fixture
def dropping(make_monitor: Callable[..., Monitor]) -> Monitor:
    """Make a monitor that samples one in ten, and happens to keep none."""
    return with_chance(make_monitor(sample_rate=0.1), 0.1, lambda: 0.999)


# --- What the lines say


def test_a_kept_end_counts_for_n_and_says_so(keeping: Monitor, captured: Any) -> None:
    """Values and Counts, and the rate as a property."""
    keeping.on_flow_end("chat", 12.5)
    assert captured.last["FlowCompleted"] == {"Values": [1], "Counts": [10]}
    assert captured.last["FlowDuration"] == {"Values": [12.5], "Counts": [10]}
    assert captured.last["sample_rate"] == 0.1


def test_each_kind_of_end_that_did_not_fail_is_sampled(keeping: Monitor, captured: Any) -> None:
    """Success, cancellation, and generations, cancelled ones too."""
    keeping.on_flow_cancelled("chat", 1)
    keeping.on_generate("nova", duration_ms=1, input_tokens=3)
    keeping.on_generate("nova", duration_ms=1, error=asyncio.CancelledError())
    cancelled, generation, stopped = captured.documents
    assert cancelled["FlowCancelled"] == generation["GenerationCount"] == stopped["GenerationCount"]
    assert generation["InputTokens"] == generation["TokensUsed"] == {"Values": [3], "Counts": [10]}
    assert {document["sample_rate"] for document in captured.documents} == {0.1}


def test_starts_errors_and_own_metrics_are_never_sampled(dropping: Monitor, captured: Any) -> None:
    """All of them are there, with their weight of one."""
    dropping.on_flow_start("chat")
    dropping.on_flow_error("chat", 1, "timed out")
    dropping.on_generate("nova", duration_ms=1, error="timed out")
    dropping.metric("Depth", 3)
    assert [document["event"] for document in captured.documents] == ["flow.start", "flow.end", "generation", "metric"]
    assert captured.documents[1]["FlowError"] == captured.documents[2]["GenerationError"] == 1
    assert not any("sample_rate" in document for document in captured.documents)


def test_what_is_not_written_is_counted_in_silence(
    dropping: Monitor, captured: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was asked for: nothing to complain about."""
    dropping.on_flow_end("chat", 1)
    dropping.on_generate("nova", duration_ms=1)
    assert captured.lines == []
    assert dropping.stats() == {"lines_written": 0, "lines_sampled_out": 2}
    assert capsys.readouterr().err == ""


def test_properties_of_a_kept_line_are_its_own(keeping: Monitor, captured: Any) -> None:
    """A sampled line is a line of one event: it has its identifiers and what was bound."""
    keeping.bind(tenant="acme")
    with keeping.flow("chat") as running:
        pass
    assert (captured.last["flow_id"], captured.last["tenant"]) == (running.flow_id, "acme")


def test_without_sampling_no_line_speaks_of_it(monitor: Monitor, captured: Any) -> None:
    """The default is every line."""
    monitor.on_flow_end("chat", 1)
    assert captured.last["FlowCompleted"] == 1
    assert "sample_rate" not in captured.last


# --- Unbiased


@pytest.mark.parametrize("one_in", [2, 3, 10, 1000])
def test_over_all_that_chance_can_bring_the_weights_are_exact(one_in: int) -> None:
    """Numbers spread evenly over what can be drawn: the weights add up to their number."""
    count = 20 * one_in
    numbers = iter([(index + 0.5) / count for index in range(count)])
    sampler = Sampler(1 / one_in, Tally(), numbers.__next__)
    weights = [sampler.weight() for _ in range(count)]
    assert sum(weights) == count
    assert set(weights) == {0, one_in}


@pytest.mark.parametrize("one_in", [4, 10])
def test_a_seeded_generator_gives_sums_near_the_truth(
    make_monitor: Callable[..., Monitor], captured: Any, one_in: int
) -> None:
    """Counts, sums and percentiles of 20,000 flows lie within five standard deviations."""
    rate, count = 1 / one_in, 20_000
    monitor = with_chance(make_monitor(sample_rate=rate), rate, random.Random(7).random)
    durations = [float(index % 100 + 1) for index in range(count)]
    for duration_ms in durations:
        monitor.on_flow_end("chat", duration_ms)
    assert len(captured.lines) + monitor.stats()["lines_sampled_out"] == count
    values: Counter[float] = Counter()
    for line in captured.lines:
        target = line.split(b'"FlowDuration":{"Values":[')[1].split(b"]")[0]
        values[float(target)] += one_in
    deviation = math.sqrt(count * (one_in - 1))
    assert abs(values.total() - count) < 5 * deviation
    assert abs(sum(value * times for value, times in values.items()) - math.fsum(durations)) < 5 * 58 * deviation
    median = next(
        value for value in sorted(values) if sum(values[v] for v in values if v <= value) * 2 > values.total()
    )
    assert abs(median - 50.5) < 5


def test_the_system_gives_numbers_from_zero_up_to_one() -> None:
    """Evenly: of 4,000, each tenth holds its share within six standard deviations; and no two processes share them."""
    numbers = [drawn() for _ in range(4000)]
    assert 0 <= min(numbers) < max(numbers) < 1
    tenths = Counter(int(number * 10) for number in numbers)
    assert all(abs(tenths[index] - 400) < 6 * 19 for index in range(10))


def test_a_monitor_samples_by_itself(make_monitor: Callable[..., Monitor], captured: Any) -> None:
    """With the chance of the system: the number of lines lies within seven standard deviations."""
    monitor = make_monitor(sample_rate=0.5)
    for _ in range(2000):
        monitor.on_flow_end("chat", 1)
    assert abs(len(captured.lines) - 1000) < 7 * 23


# --- Merged


def test_sampled_and_merged_lines_have_counts(make_monitor: Callable[..., Monitor], captured: Any) -> None:
    """Equal values share a count; the line says that it was sampled; errors stay arrays of numbers."""
    monitor = with_chance(make_monitor(sample_rate=0.1, metric_buffer_size=1000), 0.1, lambda: 0.0)
    for duration_ms in (5, 7.5, 5):
        monitor.on_flow_end("chat", duration_ms)
        monitor.on_flow_error("chat", duration_ms)
    flowemf.flush()
    kept, failed = captured.documents
    assert kept["FlowCompleted"] == {"Values": [1], "Counts": [30]}
    assert kept["FlowDuration"] == {"Values": [5, 7.5], "Counts": [20, 10]}
    assert kept["sample_rate"] == 0.1
    assert failed["FlowDuration"] == [5, 7.5, 5]
    assert "sample_rate" not in failed


def test_the_same_draws_give_the_same_numbers_merged_or_not(captured_class: Any, clock_class: Any) -> None:
    """Merging changes nothing of what sampling has chosen."""
    found = []
    for size in (1, 1000):
        captured = captured_class()
        monitor = Monitor("App", sink=captured, clock=clock_class(), sample_rate=0.25, metric_buffer_size=size)
        with_chance(monitor, 0.25, random.Random(3).random)
        for index in range(400):
            monitor.on_flow_end(f"flow{index % 3}", index % 7)
            monitor.on_generate("nova", duration_ms=index % 5, tokens_used=index, error=None if index % 4 else "boom")
        flowemf.flush()
        found.append(merged(points_of(captured.documents)))
    assert found[0] == found[1]


# --- The setting


@pytest.mark.parametrize("one_in", [1, 2, 3, 7, 10, 49, 1000, 99_999, 1_000_000])
def test_every_one_in_n_is_taken_and_found_again(one_in: int) -> None:
    """Whatever the division makes of it."""
    assert one_line_in(1 / one_in) == one_in
    assert sample_rate(1 / one_in, "sample_rate") == 1 / one_in


def test_a_rate_that_was_rounded_means_what_is_meant() -> None:
    """0.33333 is a third, and is written as one."""
    assert sample_rate(0.33333, "sample_rate") == 1 / 3
    assert sample_rate(1, "sample_rate") == 1
