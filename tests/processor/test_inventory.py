"""Tells what is published: what was seen, what must come some day, and why anything else is not there."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowemf_processor.core.insight.charts import charts
from flowemf_processor.core.insight.inventory import Inventory, Standing

CHAT = (("FlowName", "chat"),)
TIMEOUT = (("ErrorType", "Timeout"),)
FULL = (("FlowName", "chat"), ("Status", "Success"))


def inventory_of(*sets: tuple[tuple[str, str], ...], metric: str = "FlowCompleted") -> Inventory:
    found = Inventory("app.log")
    for dimensions in sets:
        found.add("App", metric, dimensions, datapoints=1)
    return found


@pytest.mark.parametrize(
    ("seen", "metric", "dimensions", "standing"),
    [
        ((FULL, CHAT, ()), "FlowCompleted", CHAT, Standing.SEEN),
        ((FULL, CHAT, ()), "FlowError", CHAT, Standing.FORESEEN),
        ((FULL, CHAT, ()), "FlowError", (), Standing.FORESEEN),
        ((FULL, CHAT, ()), "FlowError", TIMEOUT, Standing.FORESEEN),
        ((FULL, CHAT, ()), "FlowError", (("FlowName", "other"),), Standing.ABSENT),
        ((FULL, CHAT, ()), "FlowError", FULL, Standing.ABSENT),
        ((FULL, CHAT, ()), "FlowCompleted", TIMEOUT, Standing.ABSENT),
        ((FULL, CHAT, ()), "TokensUsed", (), Standing.ABSENT),
        ((FULL,), "FlowError", CHAT, Standing.ABSENT),  # without roll-ups nothing can be concluded
        ((CHAT,), "FlowError", CHAT, Standing.ABSENT),
        ((), "FlowError", (), Standing.ABSENT),
    ],
)
def test_what_was_seen_and_what_must_come(
    seen: tuple[tuple[tuple[str, str], ...], ...],
    metric: str,
    dimensions: tuple[tuple[str, str], ...],
    standing: Standing,
) -> None:
    """A first error comes under the roll-ups of what succeeded, and under no other set."""
    assert inventory_of(*seen).standing("App", metric, dimensions) is standing


texts = st.sampled_from(["FlowName", "Status", "ErrorType", "ModelID", "Team", "a'b", "x"])
sets = st.dictionaries(texts, texts, max_size=3).map(lambda pairs: tuple(pairs.items()))
metrics = st.sampled_from(["FlowCompleted", "FlowError", "GenerationCount", "GenerationError", "TokensUsed", "Own"])
series = st.lists(st.tuples(st.sampled_from(["App", "Other"]), metrics, sets), max_size=12)


@settings(max_examples=150, deadline=None)
@given(series, metrics, sets)
def test_whatever_is_published_each_picture_names_it_and_each_absence_has_a_reason(
    found: list[tuple[str, str, tuple[tuple[str, str], ...]]], metric: str, dimensions: tuple[tuple[str, str], ...]
) -> None:
    """What was added is seen in any order of its keys; curves have nothing absent; a reason is a sentence."""
    inventory = Inventory("app.log")
    for namespace, name, pairs in found:
        inventory.add(namespace, name, pairs)
        assert inventory.standing(namespace, name, tuple(reversed(pairs))) is Standing.SEEN
    if inventory.standing("App", metric, dimensions) is Standing.ABSENT:
        keys = tuple(sorted(key for key, _ in dimensions))
        assert len(inventory.why_absent("App", metric, keys, dimensions)) > 10
    drawn, left_out = charts(inventory)
    for chart in drawn:
        for curve in chart.curves:
            assert inventory.publishes(chart.namespace, curve.metric, chart.panel.dimensions)
    assert all(each.reason for each in left_out)
