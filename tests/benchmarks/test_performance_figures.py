"""What the page on performance and its picture say of figures that are given: goals, verdicts, a busy machine."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from xml.etree import ElementTree

import pytest
from measuring.machine import PYTHON_VARIABLES
from measuring.neighbours import Look, cores_of_others
from measuring.ratios import Ratio, of_the_time, times_as_fast
from measuring.rounds import Sample
from publishing.figures import seconds, size, three_digits
from publishing.page import page
from publishing.picture import picture
from publishing.runs import BENCHMARKS, Run

SVG = "{http://www.w3.org/2000/svg}"


def run_of(*ratios: Ratio, others: float | None = 0.0, load: float = 0.1) -> Run:
    """Give a run of the benchmark of installing, which found these ratios."""
    machine: dict[str, Any] = {"cores": 2, "processor": "a processor", "memory_bytes": 8_000_000_000, "system": "Linux"}
    machine |= {"python": "CPython 3", "packages": {"flowemf": "1", "absent": None}}
    machine |= {"variables": dict.fromkeys(PYTHON_VARIABLES)}
    found = {"machine": machine, "installed": [], "ratios": [json.loads(json.dumps(each.as_dict())) for each in ratios]}
    return Run(BENCHMARKS["install"], (), found, 60.0, load, load, others)


def text_of(*ratios: Ratio, **more: Any) -> str:
    """Write the page of such a run."""
    return page([run_of(*ratios, **more)], "page.svg", quick=False, today=date(2026, 11, 23))


OURS, THEIRS = Sample(2e-6, 1e-6), Sample(8e-6, 8e-6)


def test_a_goal_stands_in_the_direction_of_its_ratio() -> None:
    """Whether a goal asks for times as fast or for a part of the time, the page says how many times the other takes."""
    text = text_of(
        times_as_fast("fast", "a peer", OURS, THEIRS, 5, 7),
        of_the_time("small", "a peer", OURS, THEIRS, 0.5),
        Ratio("kept", "memory that stays", "", 3.0, 1, unit="KB", ours=3072.0, measured_in="bytes"),
    )
    assert "| fast | a peer | 2.00 µs | 8.00 µs | 4.00x | 8.00x | ≥ 5x (aim 7) | **missed** |" in text
    assert "| small | a peer | 2.00 µs | 8.00 µs | 4.00x | 8.00x | ≥ 2x | reached |" in text
    assert "| kept | memory that stays | 3.07 KB | - | - | - | ≤ 1 KB | **missed** |" in text
    assert "**1 of 3 goals were reached in this run.**" in text
    assert "- fast, beside a peer: 4.00x, goal ≥ 5x (aim 7)" in text


@pytest.mark.parametrize(
    ("others", "load", "busy"), [(0.05, 9.0, False), (0.5, 0.1, True), (None, 0.5, False), (None, 2.0, True)]
)
def test_the_page_says_plainly_when_the_machine_was_busy(others: float | None, load: float, busy: bool) -> None:
    """By the time that other programs took; by the load before where the system does not tell that."""
    text = text_of(times_as_fast("fast", "a peer", OURS, THEIRS), others=others, load=load)
    assert ("**The machine was busy with other programs during install**" in text) is busy
    assert ("The machine had little else to do." in text) is not busy


def test_what_a_benchmark_takes_itself_is_nobody_elses() -> None:
    """Two cores for ten seconds, of which the benchmark had twelve seconds: others had 0.8 of a core."""
    before, after = Look(100.0, 50.0, 5.0, 0.0), Look(110.0, 70.0, 17.0, 2.0)
    assert cores_of_others(before, after) == pytest.approx(0.8)
    assert cores_of_others(before, Look(110.0, None, 17.0, 2.0)) is None


@pytest.mark.parametrize("times", [0.02, 0.5, 1.0, 4.0, 900.0])
def test_the_same_figures_give_the_same_picture(times: float) -> None:
    """Bars begin at 1 and stay inside, whatever the ratio; text in them is escaped."""
    slow = Sample(OURS.wall_seconds * times, 1.0)
    runs = [run_of(times_as_fast("fast & small", "<peer>", OURS, slow, 5), Ratio("alone", "takes", "", 3.0))]
    drawn = picture(runs)
    assert drawn == picture(runs)
    root = ElementTree.fromstring(drawn)
    texts = [each.text for each in root.iter(f"{SVG}text")]
    assert {"fast & small", "beside <peer>"} <= set(texts)
    assert "alone" not in texts
    [bar] = [each for each in root.iter(f"{SVG}rect") if each.get("class") in {"less", "more"}][2:]
    assert bar.get("class") == ("less" if times >= 1 else "more")
    assert 0 < float(bar.get("x", "0")) <= float(bar.get("x", "0")) + float(bar.get("width", "0")) < 940


def test_what_was_measured_against_several_is_named_once() -> None:
    """Also where something else stands between them."""
    several = [times_as_fast(what, peer, OURS, THEIRS) for what, peer in (("a", "x"), ("b", "x"), ("a", "y"))]
    root = ElementTree.fromstring(picture([run_of(*several)]))
    texts = [each.text for each in root.iter(f"{SVG}text") if each.text and len(each.text) in {1, len("beside x")}]
    assert texts == ["a", "beside x", "beside y", "b", "beside x"]


FIGURES = (
    (seconds(3.1234e-6), "3.12 µs"),
    (seconds(0.0481), "48.1 ms"),
    (seconds(0.9996e-3), "1.00 ms"),
    (seconds(8.416), "8.42 s"),
    (seconds(612.0), "612 s"),
    (seconds(-1.2e-6), "-1.20 µs"),
    (seconds(0.0), "0 µs"),
    (seconds(None), "-"),
    (size(2_590_000), "2.59 MB"),
    (size(114_590_460), "115 MB"),
    (size(-4096), "-4.10 KB"),
    (size(0), "0 B"),
    (size(None), "-"),
    (three_digits(0.0412), "0.0412"),
    (three_digits(99.96), "100"),
    (three_digits(1234.5), "1,234"),
)


@pytest.mark.parametrize(("written", "expected"), FIGURES)
def test_figures_are_three_digits_long(written: str, expected: str) -> None:
    """With the unit in which they are easiest to read, and never an exponent."""
    assert written == expected
