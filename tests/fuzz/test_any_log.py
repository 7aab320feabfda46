"""Reads logs that no writer meant: whatever stands in them becomes a finding, and everything is accounted for.

`FLOWEMF_FUZZ_EXAMPLES=5000 python3 tests tests/fuzz` hunts longer.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mutations import LINES, MOST_EXAMPLES, compressed_of, file_of, lines_of, mutated
from replaying import Pieces

from flowemf_processor import pipeline
from flowemf_processor.clock import SystemClock
from flowemf_processor.core.conditions import Conditions
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.model import Batch, Event, Mark
from flowemf_processor.pipeline.guards import Guards
from flowemf_processor.ports import Source
from flowemf_processor.sinks.rejects import RejectsFile
from flowemf_processor.sources.opening import open_sources
from flowemf_schemas import validator
from flowemf_schemas.ledger_rules import examine_ledger
from flowemf_schemas.request_rules import examine_metric_request

SEEDS = st.integers(0, 2**32)
MOST_SECONDS = 20
"""For one log of at most a few hundred kilobytes, on a machine that does other things too."""


class Kept:
    """A store that keeps events in memory."""

    name = "local"

    def __init__(self) -> None:
        self.events: list[Event] = []

    def mark(self, source: str) -> Mark | None:
        """Know nothing."""
        return None

    def store(self, events: Sequence[Event], marks: Any) -> None:
        """Keep the events."""
        assert list(marks) is not None
        self.events += events


def stored(*sources: Source, guards: Guards | None = None) -> tuple[dict[str, Any], list[Event]]:
    """Replay into a store, in bounded time, with a ledger that balances."""
    ledger, store = Ledger(), Kept()
    if guards is not None and guards.rejects is not None:
        guards.rejects._account = ledger.open_rejects("bad.jsonl")  # type: ignore[attr-defined]
    started = time.monotonic()
    pipeline.replay_to_store(sources, store, ledger=ledger, clock=SystemClock(), guards=guards or Guards())
    assert time.monotonic() - started < MOST_SECONDS
    account = ledger.as_json()
    assert examine_ledger(account) == [], account
    return account, store.events


def planned(*sources: Source, guards: Guards | None = None) -> tuple[dict[str, Any], list[Batch]]:
    """Plan the requests, in bounded time, each inside every limit, with a ledger that balances."""
    ledger = Ledger()
    started = time.monotonic()
    batches = list(pipeline.dry_run(sources, ledger=ledger, clock=SystemClock(), guards=guards or Guards()))
    assert time.monotonic() - started < MOST_SECONDS
    account = ledger.as_json()
    assert examine_ledger(account) == [], account
    assert [problem for batch in batches for problem in examine_metric_request(batch.request)] == []
    return account, batches


@settings(max_examples=MOST_EXAMPLES, deadline=None)
@given(SEEDS, st.sampled_from([lines_of, file_of]), st.sampled_from([7, 1000, 65536]))
def test_every_record_of_a_mutated_log_is_accounted_for(seed: int, make: Any, piece_bytes: int) -> None:
    """Nothing is raised, the ledger balances, every line was read, and both roads find the same datapoints."""
    data = make(seed)
    into_store, events = stored(Pieces.of(data, piece_bytes))
    assert data.count(b"\n") <= into_store["lines"] + into_store["records"]["incomplete"] <= data.count(b"\n") + 200
    to_metrics, _ = planned(Pieces.of(data, piece_bytes))
    for member in ("lines", "records", "values", "reasons"):
        assert to_metrics[member] == into_store[member]
    extracted = [account["destinations"][0]["datapoints"]["extracted"] for account in (into_store, to_metrics)]
    assert extracted == [sum(event.datapoints for event in events)] * 2


@settings(max_examples=MOST_EXAMPLES, deadline=None)
@given(SEEDS, st.sampled_from([lines_of, file_of]), st.lists(st.integers(50, 3000), min_size=1, max_size=2))
def test_how_the_bytes_are_cut_makes_no_difference(seed: int, make: Any, cuts: list[int]) -> None:
    """A log read in other pieces is the same log."""
    data = make(seed)
    whole, events = stored(Pieces.of(data, len(data) + 1))
    for piece_bytes in cuts:
        again, events_again = stored(Pieces.of(data, piece_bytes))
        for account in (whole, again):  # which only the first piece is asked for
            account["reasons"].pop("source-not-text", None)
        assert again == whole
        assert [each.measurements for each in events_again] == [each.measurements for each in events]


@settings(max_examples=MOST_EXAMPLES, deadline=None)
@given(SEEDS)
@example(615022)  # of the last line one object is whole and the next is torn
def test_no_line_read_raw_is_without_a_record(seed: int) -> None:
    """With the format given, no wrapper is looked for, and no line waits for another."""
    data = lines_of(seed)
    account, _ = stored(Pieces.of(data, 4096), guards=Guards(form="raw"))
    lines = data.count(b"\n") + (not data.endswith(b"\n") and data != b"")
    # A torn line is read by the next run, unless whole objects stand before what is torn of it.
    assert account["lines"] in (lines, lines - account["records"]["incomplete"])
    assert account["records"]["total"] >= lines  # more where objects share a line


@settings(max_examples=MOST_EXAMPLES, deadline=None)
@given(SEEDS)
def test_any_compressed_file_is_read_as_far_as_it_goes(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """Cut off, damaged, of several members or with something behind it: what cannot be read is said."""
    file = tmp_path_factory.getbasetemp() / "packed.log"
    file.write_bytes(compressed_of(seed))
    account, events = stored(*open_sources([str(file)]))
    assert account["destinations"][0]["datapoints"]["extracted"] == sum(event.datapoints for event in events)


@settings(max_examples=MOST_EXAMPLES, deadline=None)
@given(SEEDS, st.booleans(), st.sampled_from([(), ("App",), ("A*",)]))
def test_what_any_log_loses_is_kept_and_found_again(
    tmp_path_factory: pytest.TempPathFactory, seed: int, strict: bool, namespaces: tuple[str, ...]
) -> None:
    """Each rejected record stands in the file, and the file read under the same conditions loses no less."""
    file = tmp_path_factory.mktemp("rejects") / "bad.jsonl"
    conditions = Conditions(strict, namespaces)
    first = _with_rejects(file, Pieces.of(lines_of(seed), 4096), conditions)
    kept = [json.loads(line) for line in file.read_bytes().split(b"\n") if line]
    assert [error for each in kept for error in validator("rejects").iter_errors(each)] == []
    assert first["rejects"]["kept"] == len(kept) >= first["records"]["rejected"]
    again, _ = stored(*open_sources([str(file)]), guards=Guards(conditions))
    assert again["lines"] == len(kept)
    if not any(found["reason"] == "objects-share-line" for each in kept for found in each["findings"]):
        assert again["destinations"][0]["datapoints"]["extracted"] == 0  # else they share none in the file


def _with_rejects(file: Path, source: Source, conditions: Conditions) -> dict[str, Any]:
    with RejectsFile(file, Ledger().open_rejects("")) as keeper:
        account, _ = stored(source, guards=Guards(conditions, keeper))
    return account


@settings(max_examples=MOST_EXAMPLES, deadline=None)
@given(SEEDS)
def test_conditions_only_ever_take_away(seed: int) -> None:
    """Read strictly, or of some namespaces, no log gives a datapoint more; and nothing but the foreign gets lost."""
    data = lines_of(seed)
    _, events = stored(Pieces.of(data, 4096))
    usual = [measurement for event in events for measurement in event.measurements]
    _, events = stored(Pieces.of(data, 4096), guards=Guards(Conditions(strict=True)))
    strict = [measurement for event in events for measurement in event.measurements]
    assert len(strict) <= len(usual)
    _, events = stored(Pieces.of(data, 4096), guards=Guards(Conditions(namespaces=("App",))))
    own = [measurement for event in events for measurement in event.measurements]
    assert own == [measurement for measurement in usual if measurement.namespace == "App"]


@pytest.mark.parametrize("seed", range(3))
def test_no_line_takes_long(seed: int) -> None:
    """The slowest of a thousand mutated lines takes less than a second."""
    chance = random.Random(seed)
    slowest = 0.0
    for _ in range(1000):
        data = mutated(chance.choice(LINES), chance)
        started = time.perf_counter()
        stored(Pieces.of(data, 65536))
        slowest = max(slowest, time.perf_counter() - started)
    assert slowest < 1
