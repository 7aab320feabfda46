"""What PutMetricData would refuse is kept out of requests, since one bad datum fails a whole one."""

from __future__ import annotations

from typing import Any

import pytest
from metric_lines import NOW_MS, document, event

from flowemf_processor.core.admission import REASONS, refusal
from flowemf_processor.core.aggregate import Aggregator
from flowemf_processor.core.metric_batches import plan
from flowemf_processor.model import Aggregate
from flowemf_schemas import limits
from flowemf_schemas.request_rules import examine_metric_request

DAY_MS = 24 * 3600 * 1000


def aggregate(**arguments: Any) -> Aggregate:
    """Gather one document."""
    aggregator = Aggregator()
    aggregator.add(event(document({"Latency": 1}, **arguments)))
    [gathered] = aggregator.close()
    return gathered


@pytest.mark.parametrize(
    ("age_ms", "reason"),
    [
        (0, None),
        (14 * DAY_MS, None),
        (14 * DAY_MS + 1, "too-old"),
        (21 * DAY_MS, "too-old"),
        (-2 * 3600 * 1000, None),
        (-2 * 3600 * 1000 - 1, "too-new"),
    ],
)
def test_two_weeks_back_and_two_hours_ahead_are_allowed_to_the_millisecond(age_ms: int, reason: str | None) -> None:
    """The age is that of the timestamp which is sent."""
    now_ms = 1_760_000_040_000  # a whole minute, as the timestamp that is sent
    assert refusal(aggregate(timestamp_ms=now_ms), now_ms=now_ms + age_ms) == reason


def test_the_beginning_of_the_period_is_what_is_judged() -> None:
    """A value two weeks old to the second lies in a minute that began before."""
    now_ms = 1_760_000_040_000 + 30_000
    old_ms = now_ms - limits.AGE_PAST_MS
    assert refusal(aggregate(timestamp_ms=old_ms), now_ms=now_ms) == "too-old"
    assert refusal(aggregate(timestamp_ms=old_ms, resolution=1), now_ms=now_ms) is None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"dimensions": {"Team": "AI platform ~"}}, None),
        ({"dimensions": {"Team": "é"}}, "dimension-not-ascii"),
        ({"dimensions": {"Team": "a\tb"}}, "dimension-not-ascii"),
        ({"dimensions": {"Team": "a\n"}}, "dimension-not-ascii"),
        ({"dimensions": {"Team": "   "}}, "dimension-not-ascii"),
        ({"dimensions": {"Équipe": "a"}}, "dimension-not-ascii"),
        ({"dimensions": {":Team": "a"}}, "dimension-not-ascii"),
        ({"dimensions": {"Te:am": ":a"}}, None),
        ({"namespace": "App/é"}, "namespace-not-ascii"),
        ({"namespace": "  "}, "namespace-not-ascii"),
        ({"namespace": "App\n"}, "namespace-not-ascii"),
    ],
)
def test_text_that_the_api_would_refuse_is_not_sent(arguments: dict[str, Any], reason: str | None) -> None:
    """What is refused here would have failed its request; what passes would not."""
    gathered = aggregate(**arguments)
    assert refusal(gathered, now_ms=NOW_MS) == reason
    [batch] = plan([gathered])
    assert bool(examine_metric_request(batch.request)) == (reason is not None)


def test_counts_that_add_up_beyond_the_range_of_numbers_are_not_sent() -> None:
    """Each line by itself was in range."""
    aggregator = Aggregator()
    for _ in range(2):
        aggregator.add(event(document({"Latency": {"Values": [1], "Counts": [2**360]}})))
    [gathered] = aggregator.close()
    assert refusal(gathered, now_ms=NOW_MS) == "count-out-of-range"


def test_every_reason_says_what_it_means() -> None:
    """The command line shows these sentences."""
    assert set(REASONS) == {
        "too-old", "too-new", "namespace-not-ascii", "dimension-not-ascii", "count-out-of-range", "too-many-series",
    }  # fmt: skip
