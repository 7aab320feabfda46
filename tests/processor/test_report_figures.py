"""Holds the figures of the report to their bounds, and their arithmetic to plain definitions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowemf_processor.clock import SystemClock
from flowemf_processor.core.insight.axes import time_axis
from flowemf_processor.core.insight.figures import NAME, PERIOD, Figures, gather, percentiles, quantile, sums
from flowemf_processor.core.insight.panels import METRIC_LABELS, PANELS
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.pipeline import replay_to_store
from flowemf_processor.report.page import Provenance, page, page_json
from flowemf_processor.sinks.local import LocalStore
from flowemf_processor.sinks.metrics_reader import MetricsReader
from flowemf_processor.sources.opening import open_sources
from flowemf_schemas import names, units

KEYS = ("Environment", "Team", "Region")


def line(number: int, **members: Any) -> dict[str, Any]:
    """Make the end of a flow whose dimensions take 2, 7 and 30 values."""
    dimensions = {"Environment": f"e{number % 2}", "Team": f"t{number % 7}", "Region": f"r{number % 30}"}
    directive = {
        "Namespace": "A",
        "Dimensions": [[*KEYS, "FlowName"]],
        "Metrics": [{"Name": "FlowDuration"}, {"Name": "FlowCompleted"}],
    }
    metadata = {"Timestamp": 1_790_000_000_000 + number * 1000, "CloudWatchMetrics": [directive]}
    values = {"FlowName": f"f{number % 40}", "FlowDuration": 100 * 1.0001**number, "FlowCompleted": 1}
    return {"_aws": metadata, **dimensions, **values, **members}


def figures_of(directory: Path, lines: list[dict[str, Any]], **bounds: int) -> Figures:
    log = directory / "app.log"
    log.write_text("".join(f"{json.dumps(each)}\n" for each in lines))
    with LocalStore(None) as store:
        replay_to_store(open_sources([str(log)]), store, ledger=Ledger(), clock=SystemClock())
        return gather(MetricsReader(store.connection), **bounds)


def size(figures: Figures) -> tuple[int, int]:
    """Count rows of sums, and distinct durations."""
    sides = (figures.flows, figures.generations)
    cells = [cell for side in sides for cells in side.durations.values() for cell in cells]
    return sum(len(side.rows) for side in sides), sum(len(cell[-2]) for cell in cells)


def test_what_fits_is_kept_exactly(tmp_path: Path) -> None:
    """Every duration is there, filters come with the fewest choices first, and many values end in "all others"."""
    figures = figures_of(tmp_path, [line(number) for number in range(900)])
    assert figures.tolerance == 0
    assert [(each.key, len(each.values), each.has_others) for each in figures.filters] == [
        ("Environment", 2, False),
        ("Team", 7, False),
        ("Region", 20, True),
    ]
    assert (len(figures.flows.named.values), figures.flows.named.has_others) == (30, True)
    assert sum(sums(figures.flows, names.FLOW_COMPLETED, PERIOD).values()) == 900
    [p50] = percentiles(figures.flows, names.FLOW_DURATION, 0.5).values()
    assert p50 == pytest.approx(50 * (1.0001**449 + 1.0001**450))


@pytest.mark.parametrize(("most_rows", "most_durations"), [(300, 5000), (70, 5000), (10_000, 700), (70, 700)])
def test_a_page_never_grows_beyond_its_bounds(tmp_path: Path, most_rows: int, most_durations: int) -> None:
    """Durations become less exact, then filters go, then periods grow; nothing is lost of the sums, and it is told."""
    lines = [line(number) for number in range(900)]
    figures = figures_of(tmp_path, lines, most_rows=most_rows, most_durations=most_durations)
    rows, durations = size(figures)
    assert (rows <= most_rows, durations <= most_durations) == (True, True)
    assert figures.tolerance <= 0.01
    assert {each.key for each in figures.filters} | set(figures.left_out) == set(KEYS)
    assert sum(sums(figures.flows, names.FLOW_COMPLETED, NAME).values()) == 900
    for share in (0.5, 0.95, 0.99):
        [shown] = percentiles(figures.flows, names.FLOW_DURATION, share).values()
        exact = quantile(sorted(each["FlowDuration"] for each in lines), [1] * 900, share)
        assert shown == pytest.approx(exact, rel=figures.tolerance + 1e-9)


def test_where_nothing_fits_the_coarsest_is_told(tmp_path: Path) -> None:
    """Two periods and no filter: names are bounded, so what is left has an end; every sum is still there."""
    figures = figures_of(tmp_path, [line(number) for number in range(300)], most_rows=1, most_durations=1)
    assert figures.axis is not None
    assert (figures.axis.count <= 2, figures.filters, figures.tolerance) == (True, (), 0.01)
    assert set(figures.left_out) == set(KEYS)
    assert sum(sums(figures.flows, names.FLOW_COMPLETED, PERIOD).values()) == 300


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, {"computed from every single duration"}),
        ({"tolerance": 0.005}, {"percentiles are within 0.5% of the truth"}),
        ({"left_out": ("Region", "<b>")}, {"computed from", "grow too large: Region, &lt;b&gt;."}),
        (
            {"others_left_out": 1234},
            {"computed from", "1,234 more metrics of the application&#x27;s own are not listed"},
        ),
    ],
)
def test_the_page_says_what_its_figures_lack(tmp_path: Path, changes: dict[str, Any], said: set[str]) -> None:
    """Each sentence stands there where it is true, and nowhere else."""
    figures = replace(figures_of(tmp_path, [line(0)]), **changes)
    text = page(figures, Provenance("Shop", ["app.log"], "", 0, "1.0"))
    notes = text[text.index("A period is named by its beginning") :]
    for sentence in ("computed from", "percentiles are within", "grow too large", "are not listed"):
        assert (sentence in notes) is any(sentence in each for each in said)
    assert all(each in notes for each in said)


def test_weighted_values_and_missing_dimensions_count(tmp_path: Path) -> None:
    """Counts weigh in sums and percentiles; a record without a dimension is "not set", not nowhere."""
    weighted = line(0, FlowDuration={"Values": [10, 20], "Counts": [97, 3]}, FlowCompleted=[1, 1, 1])
    bare = line(1)
    bare["_aws"]["CloudWatchMetrics"][0]["Dimensions"] = [["FlowName"]]
    figures = figures_of(tmp_path, [weighted, bare])
    assert sums(figures.flows, names.FLOW_COMPLETED, NAME) == {1: 3, 2: 1}
    assert percentiles(figures.flows, names.FLOW_DURATION, 0.95, NAME)[1] == 10
    assert all(each.has_none for each in figures.filters)


def test_a_log_without_metrics_has_empty_figures(tmp_path: Path) -> None:
    """Nothing is no error."""
    figures = figures_of(tmp_path, [{"no": "metrics"}])
    assert (figures.axis, size(figures), figures.others) == (None, (0, 0), ())


def test_nothing_in_the_data_can_end_its_element(tmp_path: Path) -> None:
    """The JSON has no character that HTML would read."""
    text = page_json(figures_of(tmp_path, [line(0, FlowName="</script><!--&\u2028")]))
    assert not {"<", ">", "&", "\u2028"} & set(text)
    assert json.loads(text)["sides"]["flows"]["named"]["values"] == ["</script><!--&\u2028"]


@settings(max_examples=100)
@given(st.integers(0, 253_402_300_799_999), st.integers(0, 253_402_300_799_999), st.integers(2, 100))
def test_a_time_axis_holds_both_ends_in_few_periods(one: int, other: int, most: int) -> None:
    """From the same millisecond to eight thousand years."""
    first, last = sorted((one, other))
    axis = time_axis(first, last, most)
    assert axis.start_ms <= first
    assert last < axis.start_ms + axis.count * axis.step_ms
    assert 1 <= axis.count <= most
    assert axis.start_ms % axis.step_ms == 0


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(1, 5)), min_size=1, max_size=30),
    st.sampled_from([0, 0.5, 0.95, 1]),
)
def test_a_weighted_percentile_is_that_of_the_values_one_by_one(pairs: list[tuple[float, int]], share: float) -> None:
    """Counts stand for repetitions."""
    pairs.sort()
    spread = [value for value, count in pairs for _ in range(count)]
    rank = share * (len(spread) - 1)
    low, high = spread[int(rank)], spread[min(int(rank) + 1, len(spread) - 1)]
    values, counts = zip(*pairs, strict=True)
    assert quantile(values, counts, share) == pytest.approx(low + (high - low) * (rank - int(rank)))


def test_panels_name_what_exists() -> None:
    """Metrics, units and keys are spelled as everywhere; each panel answers a question."""
    known = {*names.FLOW_METRICS, *names.GENERATION_METRICS}
    for panel in PANELS:
        assert {*panel.metrics, *panel.of} <= known
        assert panel.unit in units.UNITS
        assert panel.question.endswith("?")
        assert set(panel.dimensions) <= set(names.BUILT_IN_DIMENSIONS)
        assert len(panel.metrics) == 1 or set(panel.metrics) <= set(METRIC_LABELS)
    assert len({panel.key for panel in PANELS}) == len(PANELS)
