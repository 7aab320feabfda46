"""The page on reliability names the faults that are tried, and its figures keep what it promises."""

from __future__ import annotations

import json
import re
from pathlib import Path

from failing import FAULTS
from fault_figures import HEAD

from flowemf_processor.model import Fate

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


def figures() -> dict[str, list[int]]:
    """Give the rows of the table that the fault tests print."""
    start = PAGE.index(f"| {' | '.join(HEAD)} |")
    rows = [line.strip("| ").split(" | ") for line in PAGE[start:].partition("\n\n")[0].splitlines()[2:]]
    return {name: [int(cell.replace(",", "")) for cell in cells] for name, *cells in rows}


def test_every_fault_that_is_tried_has_its_row() -> None:
    """Also those that are given up, and the kills: 200 moments at least."""
    ambiguous = {f"{name}, --on-ambiguous drop" for name, fault in FAULTS.items() if fault.may_be_kept}
    kills = {"kill -9 at any moment", "kill -9 at any moment, --on-ambiguous drop", "kill -9 with --follow"}
    found = figures()
    assert set(found) == {*FAULTS, *ambiguous, *kills, "bad datum", "DNS failure", "slow"}
    assert found["kill -9 with --follow"][0] >= 200


def test_the_figures_keep_the_promises() -> None:
    """Nothing is missing or counts twice that was not reported; most faults report nothing at all."""
    for name, (times, _, datapoints, missing, given_up, twice, sent_again) in figures().items():
        assert times > 0 < datapoints, name
        assert missing <= given_up, name
        assert twice <= sent_again, name
        if name in FAULTS and not FAULTS[name].may_be_kept:
            assert (missing, twice, sent_again) == (0, 0, 0), name


def test_the_ledger_has_the_member_that_the_page_shows() -> None:
    """With these names."""
    [shown] = re.findall(r'"all_runs": (\{.*?\})', PAGE)
    assert set(json.loads(shown)) == {fate.value for fate in Fate}


def test_the_command_of_the_page_names_what_is_there() -> None:
    """It runs the tests of tests/faults whose names say delivery; nothing else is promised of it."""
    assert "FAULT_ROUNDS=40 python3 tests tests/faults -k delivery" in PAGE
    for named in re.findall(r"`(tests/\S+\.py)`", PAGE):
        assert (ROOT / named).exists(), named
    assert sorted((ROOT / "tests" / "faults").glob("test_delivery_*.py"))
