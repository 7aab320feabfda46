"""Reads logs whose directives repeat, so that lines are read together, and compares with each line read by itself.

Conditions, rejects and the limit of series hold on both roads: who writes a log cannot choose the one it takes.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import MOST_EXAMPLES

from flowemf_processor import pipeline
from flowemf_processor.core.aggregate import Aggregator
from flowemf_processor.core.conditions import Conditions
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.core.metric_batches import plan
from flowemf_processor.core.parse import parse
from flowemf_processor.core.rewriting import rejection_as_json, rejection_of
from flowemf_processor.model import Batch, Event, Line, Position, Rejected
from flowemf_processor.pipeline.guards import Guards
from flowemf_processor.sinks.rejects import RejectsFile
from flowemf_processor.sources.opening import open_sources
from flowemf_schemas.ledger_rules import examine_ledger

NOW_MS = int(time.time()) * 1000
CONDITIONS = [
    Conditions(),
    Conditions(strict=True),
    Conditions(namespaces=("App",)),
    Conditions(strict=True, namespaces=("A*", "Other")),
]


class Now:
    """Stands still."""

    def now_ms(self) -> int:
        """Give the time of the lines."""
        return NOW_MS


def directive(namespace: str, *sets: list[str], unit: str = "Count") -> dict[str, Any]:
    metrics = [{"Name": name, "Unit": unit} for name in ("A", "B")]
    return {"Namespace": namespace, "Dimensions": list(sets), "Metrics": metrics}


DIRECTIVES = [
    [directive("App", ["Op"], [])],
    [directive("Other", ["Op"])],
    [directive("App", ["Op"]), directive("Other", ["Op", "Host"])],
    [directive("Äpp", ["Op"])],
    [directive("App", ["Op"], unit="Seconds"), directive("App", ["Gone"])],
    [{"Namespace": "App", "Metrics": [{"Name": "A"}]}],
]
GOOD = [1, 2.5, [1, 2, 2], {"Values": [1, 2], "Counts": [3, 1]}, {"Min": 1, "Max": 3, "Sum": 4, "Count": 2}]
ODD = ["1", True, None, [], 1e200, [1, "x"], {"Values": [1], "Counts": []}, {"Min": 0, "Max": 0, "Sum": 5, "Count": 2}]
TEXTS = ["read", "write", "lesen", "größe", "x" * 1025, "", 7, "\t"]


def log_of(seed: int) -> bytes:
    """Write a log of a few directives, mostly good, with something odd in some of its lines."""
    chance = random.Random(seed)
    chosen, values = chance.sample(DIRECTIVES, 3), GOOD[: chance.choice([2, 3, len(GOOD)])]
    return b"".join(_line(chance, chance.choice(chosen), values) for _ in range(900))


def _line(chance: random.Random, directives: list[dict[str, Any]], values: list[Any]) -> bytes:
    if chance.random() < 0.05:
        return b"nothing to see\n"
    odd = chance.random() < 0.03
    document = {
        "_aws": {"Timestamp": NOW_MS, "CloudWatchMetrics": directives},
        "Op": chance.choice(TEXTS if odd else TEXTS[:3]),
        "Host": "h",
        "A": chance.choice(ODD if odd else values),
        "B": chance.choice(values),
    }
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=chance.random() < 0.5).encode()
    return (text[: chance.randint(1, len(text))] if chance.random() < 0.02 else text) + b"\n"


def lines_of(data: bytes) -> Iterator[Line]:
    offset = 0
    for number, text in enumerate(data.splitlines(keepends=True), start=1):
        yield Line(Position("made.log", number, offset), text[:-1], len(text) - 1, terminated=True)
        offset += len(text)


def datums_of(batches: Iterable[Batch]) -> Counter[tuple[str, str]]:
    """Count the datums: statistic sets of one series stand in the order in which they were read."""
    return Counter(
        (batch.request["Namespace"], json.dumps(datum)) for batch in batches for datum in batch.request["MetricData"]
    )


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("roads")


@settings(max_examples=max(10, MOST_EXAMPLES // 2), deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(CONDITIONS))
def test_lines_read_together_are_judged_like_lines_read_alone(
    directory: Path, seed: int, conditions: Conditions
) -> None:
    """The same records, reasons and datapoints, the same requests, and the same lines in the rejects file."""
    data = log_of(seed)
    log, rejects = directory / "made.log", directory / f"{seed}.jsonl"
    log.write_bytes(data)
    rejects.unlink(missing_ok=True)
    ledger = Ledger()
    with RejectsFile(rejects, ledger.open_rejects("bad.jsonl")) as keeper:
        guards = Guards(conditions, rejects=keeper)
        batches = list(pipeline.dry_run(open_sources([str(log)]), ledger=ledger, clock=Now(), guards=guards))
    account = ledger.as_json()
    assert examine_ledger(account) == []
    aggregator, records, reasons, lost = Aggregator(), Counter[str](), Counter[str](), []
    for line in lines_of(data):
        record = parse(line, received_ms=NOW_MS, conditions=conditions)
        records[type(record).__name__] += 1
        reasons.update(found.reason for found in getattr(record, "findings", ()))
        if isinstance(record, Event):
            aggregator.add(record)
        rejection = rejection_of(line, record, received_ms=NOW_MS)
        if rejection is not None:
            lost.append({**rejection_as_json(rejection), "source": str(log)})
    assert account["records"]["metric"] == records["Event"]
    assert account["records"]["rejected"] == records[Rejected.__name__]
    assert account["reasons"] == reasons
    assert account["destinations"][0]["datapoints"]["extracted"] == aggregator.datapoints
    alone = [each for each in aggregator.close() if all(value.isascii() for _, value in each.series.dimensions)]
    sendable = [
        each for each in alone if each.series.namespace.isascii() and ("Op", "\t") not in each.series.dimensions
    ]
    assert datums_of(batches) == datums_of(plan(sendable))
    assert [json.loads(each) for each in rejects.read_bytes().split(b"\n") if each] == lost


@pytest.mark.parametrize("most", [1, 2, 5])
def test_the_limit_of_series_holds_for_lines_read_together(tmp_path: Path, most: int) -> None:
    """No more series than allowed are planned, and every other datapoint is refused."""
    log = tmp_path / "made.log"
    log.write_bytes(log_of(1))
    ledger = Ledger()
    guards = Guards(max_series=most)
    batches = list(pipeline.dry_run(open_sources([str(log)]), ledger=ledger, clock=Now(), guards=guards))
    account = ledger.as_json()
    assert examine_ledger(account) == []
    series = {
        json.dumps([batch.request["Namespace"], datum["MetricName"], datum.get("Dimensions"), datum["Unit"]])
        for batch in batches
        for datum in batch.request["MetricData"]
    }
    assert len(series) == most
    assert account["destinations"][0]["reasons"]["too-many-series"] > 0
