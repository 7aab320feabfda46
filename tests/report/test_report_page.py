"""Opens the report in Chromium, reads its numbers back, and compares them with what the lines themselves say."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from report_lines import flow_line, generation_line

if TYPE_CHECKING:
    from tests.report.conftest import Opened, Show

    Reported = Callable[..., Path]

pytestmark = [pytest.mark.requires_system("chromium"), pytest.mark.xdist_group("chromium")]

HOSTILE = (
    "</script><script>alert(1)</script>",
    "</script x",
    "<img src=x onerror=alert(2)>",
    "{b|rich} {a}",
    "\u2028",
    "a&amp;b",
)
PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}


# --- What the lines say, computed without anything of ours


def total(lines: Iterable[dict[str, Any]], metric: str) -> float:
    return math.fsum(line.get(metric, 0) for line in lines)


def percentile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    rank = share * (len(ordered) - 1)
    below = math.floor(rank)
    return ordered[below] + (ordered[min(below + 1, len(ordered) - 1)] - ordered[below]) * (rank - below)


def durations(lines: Iterable[dict[str, Any]], metric: str = "FlowDuration") -> list[float]:
    return [line[metric] for line in lines if metric in line]


def rate(lines: Sequence[dict[str, Any]]) -> float:
    return 100 * total(lines, "FlowCompleted") / (total(lines, "FlowCompleted") + total(lines, "FlowError"))


def assert_headlines(opened: Opened, lines: Sequence[dict[str, Any]]) -> None:
    """Hold the headlines to what the lines say themselves."""
    assert opened.headline("Flows ended") == len(durations(lines))
    assert opened.headline("Success rate") == pytest.approx(rate(lines))
    assert opened.headline("Duration, p95") == pytest.approx(percentile(durations(lines), 0.95))
    assert opened.headline("Generations") == total(lines, "GenerationCount")
    assert opened.headline("Tokens") == total(lines, "TokensUsed")
    assert opened.headline("Estimated cost") == pytest.approx(total(lines, "EstimatedCost"))


def test_the_figures_are_those_of_the_lines(show: Show, hour: Path, lines: list[dict[str, Any]]) -> None:
    """Headlines, each flow, each model, each error type and each minute, against a computation of the test's own."""
    opened = show(hour)
    assert_headlines(opened, lines)
    for name, row in opened.table("#flows .one-by-one").items():
        own = [line for line in lines if line.get("FlowName") == name]
        assert (row["Success"], row["Failed"]) == (pytest.approx(rate(own)), total(own, "FlowError"))
        for label, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
            assert row[label] == pytest.approx(percentile(durations(own), share))
    for name, row in opened.table("#generations .one-by-one").items():
        own = [line for line in lines if line.get("ModelID") == name]
        assert row["All tokens"] == total(own, "TokensUsed")
        assert row["p95"] == pytest.approx(percentile(durations(own, "GenerationDuration"), 0.95))
    errors: Counter[str] = Counter()
    for row in opened.table("#panel-errors").values():
        errors.update({kind: int(number or 0) for kind, number in row.items()})  # type: ignore[arg-type]
    assert errors == Counter(line["ErrorType"] for line in lines if "ErrorType" in line)


def test_each_period_has_its_own_percentiles(show: Show, hour: Path, lines: list[dict[str, Any]]) -> None:
    """The curves of durations and rates, period by period."""
    opened = show(hour)
    shown = opened.table("#panel-durations")
    rates = opened.table("#panel-rates")
    step_ms, start_ms = opened.page.evaluate("[data.time.step_ms, data.time.start_ms]")
    by_period: dict[int, list[dict[str, Any]]] = {}
    for line in lines:
        if "FlowDuration" in line:
            by_period.setdefault((line["_aws"]["Timestamp"] - start_ms) // step_ms, []).append(line)
    assert len(shown) > 30
    for index, (moment, row) in enumerate(shown.items()):
        own = by_period[index]
        assert row["p99"] == pytest.approx(percentile(durations(own), 0.99))
        assert rates[moment]["Succeeded"] == pytest.approx(rate(own))


def test_filters_narrow_every_figure(show: Show, hour: Path, lines: list[dict[str, Any]]) -> None:
    """A flow, a model, a custom dimension, and all together; the button brings everything back."""
    opened = show(hour)
    staging = [line for line in lines if line["Environment"] == "Staging"]
    opened.choose("Environment", "Staging")
    assert_headlines(opened, staging)
    opened.choose("Flow", "search")
    opened.choose("Model", "small")
    chosen = [line for line in staging if line.get("FlowName") == "search" or line.get("ModelID") == "small"]
    assert_headlines(opened, chosen)
    assert "Only Flow search, Model small, Environment Staging." in opened.page.inner_text("#status")
    assert "do not name one" in opened.page.inner_text("#flows .hint")
    assert list(opened.table("#panel-error-rate-by-flow")) == ["search"]
    opened.page.get_by_role("button", name="Show everything").click()
    opened.page.locator("#status", has_not_text="Only").wait_for()
    assert_headlines(opened, lines)


def test_what_was_narrowed_before_is_said_on_the_page(
    show: Show, reported: Reported, lines: list[dict[str, Any]]
) -> None:
    """Who gets the page sees which rows it is made of."""
    opened = show(reported(lines, "--where", "Environment=Production", "--title", "Chat & friends"))
    assert_headlines(opened, [line for line in lines if line["Environment"] == "Production"])
    assert "Environment = Production" in opened.page.inner_text(".origin")
    assert opened.page.title() == opened.page.inner_text("h1") == "Chat & friends"


def test_names_from_a_log_are_text_and_nothing_else(show: Show, reported: Reported) -> None:
    """Markup in flows, models, error types and dimensions is shown as it was written, in pictures and tips as well."""
    lines = []
    for at, name in enumerate(HOSTILE):
        lines += [flow_line(name, at * 60_000, 5.0, error, **{name: name}) for error in (None, name)]
        lines.append(generation_line(name, at * 60_000, 5.0, (3, 4), **{name: name}))
    opened = show(reported(lines, "--title", HOSTILE[0]))
    assert opened.page.inner_text("h1") == HOSTILE[0]
    assert {name.strip() for name in opened.table("#flows .one-by-one")} == {name.strip() for name in HOSTILE}
    for panel in ("#panel-errors", "#panel-durations-by-flow", "#panel-tokens"):
        opened.page.locator(f"{panel} .chart").hover()
        opened.page.wait_for_timeout(100)
    assert opened.page.locator("img, iframe, object, body script[src]").count() == 0
    assert opened.page.locator("script").count() == 3


def test_a_script_that_is_not_the_pages_own_does_not_run(browser: Any, hour: Path) -> None:
    """Should markup ever get through, the page's policy stops it, and lets it ask nobody."""
    page_file = hour
    page = browser.new_context().new_page()
    page.goto(page_file.as_uri())
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    ran = page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
            const image = document.createElement("img");
            image.src = "http://127.0.0.1:9/x.png";
            document.body.append(image);
            return window.ran ?? false;
        }"""
    )
    page.wait_for_timeout(200)
    page.context.close()
    assert ran is False
    assert [each for each in said if "Content Security Policy" in each]


def test_every_picture_has_words_and_a_table(show: Show, hour: Path) -> None:
    """Who cannot see a picture hears what it is, and finds its numbers; each control has a label."""
    opened = show(hour)
    figures = opened.page.locator("figure")
    assert figures.count() >= 10
    for figure in figures.all():
        said = figure.locator(".chart").get_attribute("aria-label")
        assert re.search(r"\d", said), said
        assert figure.locator("svg path").count() > 0
        assert figure.locator("table caption").count() == 1
        assert figure.locator("tbody tr").count() > 0
    unnamed = "[...document.querySelectorAll('select, input, button')].filter(e => !e.labels?.length && !e.textContent)"
    assert opened.page.evaluate(f"{unnamed}.length") == 0
    assert opened.page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_contrast(show: Show, hour: Path, scheme: str) -> None:
    """Text 4.5 to 1, what is drawn 3 to 1: https://www.w3.org/TR/WCAG22/#contrast-minimum and #non-text-contrast."""
    opened = show(hour, color_scheme=scheme)
    colours = opened.page.evaluate(
        """() => { const style = getComputedStyle(document.documentElement);
            return Object.fromEntries([...Array.from({length: 8}, (_, i) => `series-${i + 1}`), "ink", "muted",
                "accent", "success", "failure", "cancelled", "p50", "p95", "p99", "card", "page"]
                .map(name => [name, style.getPropertyValue(`--${name}`).trim()])); }"""
    )
    surfaces = [colours.pop("card"), colours.pop("page")]
    weak = {
        (name, surface): round(contrast(colour, surface), 2)
        for (name, colour), surface in itertools.product(colours.items(), surfaces)
        if contrast(colour, surface) < (4.5 if name in ("ink", "muted", "accent") else 3)
    }
    assert weak == {}


def contrast(one: str, other: str) -> float:
    """Compute the ratio of two colours, as WCAG defines it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_series_are_told_apart_without_colour(show: Show, hour: Path, lines: list[dict[str, Any]]) -> None:
    """Bars have patterns and lines have dashes until the reader does without."""
    opened = show(hour)
    patterns = opened.page.locator("#panel-errors svg pattern")
    assert patterns.count() > 0
    dashes = opened.page.locator("#panel-durations svg path[stroke-dasharray]")
    assert dashes.count() > 0
    opened.page.get_by_label("Patterns").uncheck()
    assert patterns.count() == 0


def test_a_phone_shows_it_without_scrolling_sideways(show: Show, hour: Path, tmp_path: Path) -> None:
    """Only tables scroll, each in its own box; a screenshot can be looked at."""
    opened = show(hour, **PHONE)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360
    widths = opened.page.eval_on_selector_all(
        ".chart svg", "all => all.map(each => each.getBoundingClientRect().right)"
    )
    assert max(widths) <= 360
    assert len(opened.page.screenshot(path=tmp_path / "phone.png", full_page=True)) > 50_000


def test_paper_gets_every_picture_and_no_controls(show: Show, hour: Path, tmp_path: Path) -> None:
    """In print, also out of a dark window, the page is light, its pictures have their size, and the form is gone."""
    opened = show(hour, color_scheme="dark")
    opened.page.emulate_media(media="print")
    opened.page.wait_for_selector("html.printing")
    heights = opened.page.eval_on_selector_all(
        ".chart",
        """all => all.map(chart =>
            [chart, chart.querySelector("svg")].map(each => each.getBoundingClientRect().height))""",
    )
    assert [pair for pair in heights if pair[1] < 60 or pair[0] < pair[1] - 1] == []  # a picture, and room for it
    assert not opened.page.is_visible("#filters")
    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    opened.page.emulate_media(media="screen")
    opened.page.wait_for_selector("html:not(.printing)")
    printed = opened.page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert printed.startswith(b"%PDF")


def test_a_log_without_flows_shows_what_there_is(show: Show, reported: Reported) -> None:
    """Other people's metrics get a table; nothing at all gets a sentence."""
    line = flow_line("x", 0, 1.0)
    line["_aws"]["CloudWatchMetrics"] = [{"Namespace": "Other", "Dimensions": [[]], "Metrics": [{"Name": "Depth"}]}]
    line["Depth"] = [3, 5]
    opened = show(reported([line]))
    assert opened.table("#others")["Depth"] == pytest.approx(
        {"Namespace": "Other", "Unit": None, "Values": 2, "Sum": 8, "Mean": 4, "Smallest": 3, "Largest": 5}
    )
    assert "no metrics" in show(reported([{"just": "a log"}])).page.inner_text("main")
