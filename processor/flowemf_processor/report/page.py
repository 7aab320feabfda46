"""Makes the page of the report.

Figures and where they come from go in; one HTML document comes out that loads nothing, asks nobody, and runs no script
but the ones it is made with.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.insight.axes import moment, span
from flowemf_processor.core.insight.panels import METRIC_LABELS, PANELS
from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flowemf_processor.core.insight.axes import NamedValues
    from flowemf_processor.core.insight.figures import Figures, Side
    from flowemf_processor.core.insight.panels import Panel

_SCRIPTS = ("figures.js", "formats.js", "charts.js", "tables.js", "page.js")
_NAMED_SOURCES = 5
_FLOWS, _GENERATIONS = "flows", "generations"
_GROUPS = {(): None, (names.FLOW_NAME,): "name", (names.MODEL_ID,): "name", (names.ERROR_TYPE,): "error"}


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where figures come from.

    Attributes:
        title: the page's heading.
        sources: what was read.
        account: what was found there, as a sentence; empty where nobody counted.
        made_ms: when the page was made, in milliseconds since the epoch.
        version: of flowemf.
    """

    title: str
    sources: Sequence[str]
    account: str
    made_ms: int
    version: str


def page(figures: Figures, provenance: Provenance) -> str:
    """Make the page.

    Args:
        figures: what it shows.
        provenance: where they come from.

    Returns:
        The document.
    """
    library, script = _asset("echarts/echarts.common.min.js"), "\n".join(map(_asset, _SCRIPTS))
    return Template(_asset("page.html")).substitute(
        policy=html.escape(_policy(library, script)),
        style=_asset("page.css"),
        title=html.escape(provenance.title),
        origin="\n".join(f"<p>{html.escape(line)}</p>" for line in _origin(figures, provenance)),
        notes="\n".join(f"<li>{html.escape(line)}</li>" for line in _notes(figures)),
        version=html.escape(provenance.version),
        data=page_json(figures),
        library=library,
        script=script,
    )


def _policy(*scripts: str) -> str:
    """Forbid everything but the scripts of the page itself, https://www.w3.org/TR/CSP3/; tooltips style themselves."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


@cache
def _asset(name: str) -> str:
    return files("flowemf_processor.report").joinpath("assets", *name.split("/")).read_text(encoding="utf-8")


def _origin(figures: Figures, provenance: Provenance) -> Iterator[str]:
    named, more = provenance.sources[:_NAMED_SOURCES], len(provenance.sources) - _NAMED_SOURCES
    yield f"{', '.join(named)}{f' and {more:,} more' if more > 0 else ''}"
    if figures.axis:
        yield span(figures.axis.start_ms, figures.axis.step_ms, figures.axis.count)
    if provenance.account:
        yield provenance.account
    yield f"Made {moment(provenance.made_ms)} UTC"


def _notes(figures: Figures) -> Iterator[str]:
    """Say what a reader of the figures has to know."""
    yield "All times are UTC. A period is named by its beginning."
    yield (
        "The success rate is the share of flows that succeeded among those that succeeded or failed; cancelled and "
        "unfinished flows are not part of it."
    )
    yield (
        "Input tokens include what was read from or written to a cache; output tokens include reasoning. Costs are the "
        "application's own estimates, in US dollars."
    )
    if figures.tolerance:
        yield f"There are too many durations to keep each: percentiles are within {figures.tolerance:.1%} of the truth."
    else:
        yield "Percentiles are computed from every single duration."
    if figures.left_out:
        yield f"Left out as filters, since the page would grow too large: {', '.join(figures.left_out)}."
    if figures.others_left_out:
        yield f"{figures.others_left_out:,} more metrics of the application's own are not listed."


# --- The figures as columns of numbers for the page's script: there may be tens of thousands of rows ------------------


def page_json(figures: Figures) -> str:
    """Write the JSON, in such a way that it can stand inside a script element.

    Args:
        figures: what the page shows.

    Returns:
        JSON in ASCII without `<`, `>` and `&`: nothing in it ends the element
        (https://html.spec.whatwg.org/multipage/scripting.html#restrictions-for-contents-of-script-elements).
    """
    text = json.dumps(_laid_out(figures), ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _laid_out(figures: Figures) -> dict[str, Any]:
    return {
        "time": asdict(figures.axis) if figures.axis else None,
        "filters": [_named(each) for each in figures.filters],
        "errors": _named(figures.errors),
        "sides": {
            _FLOWS: _side(figures.flows, len(figures.filters)),
            _GENERATIONS: _side(figures.generations, len(figures.filters)),
        },
        "panels": [_panel(each) for each in PANELS],
        "labels": METRIC_LABELS,
        "others": [asdict(each) for each in figures.others],
    }


def _named(named: NamedValues) -> dict[str, Any]:
    return {"key": named.key, "values": named.values, "hasOthers": named.has_others, "hasNone": named.has_none}


def _panel(panel: Panel) -> dict[str, Any]:
    side = _FLOWS if panel.metrics[0] in names.FLOW_METRICS else _GENERATIONS
    told = ("key", "title", "question", "metrics", "statistics", "unit", "of")
    return {name: getattr(panel, name) for name in told} | {
        "side": side,
        "by": _GROUPS[panel.dimensions],
        "isStacked": panel.is_stacked,
    }


def _side(side: Side, filters: int) -> dict[str, Any]:
    return {
        "named": _named(side.named),
        "rows": _columns(side.rows, ("period", "name", "error"), filters) | _sums(side, 3 + filters),
        "durations": {metric: _durations(cells, filters) for metric, cells in side.durations.items()},
    }


def _columns(rows: list[tuple[Any, ...]], names_: tuple[str, ...], filters: int) -> dict[str, Any]:
    first = len(names_)
    columns: dict[str, Any] = {name: _column(rows, index) for index, name in enumerate(names_)}
    return columns | {"filters": [_column(rows, first + index) for index in range(filters)]}


def _sums(side: Side, first: int) -> dict[str, Any]:
    return {"sums": {metric: _short(_column(side.rows, first + index)) for index, metric in enumerate(side.metrics)}}


def _durations(cells: list[tuple[Any, ...]], filters: int) -> dict[str, Any]:
    """Give values and counts; where each value occurred once, as most durations do, 0 stands for all the counts."""
    return _columns(cells, ("period", "name"), filters) | {
        "values": [_short(cell[-2]) for cell in cells],
        "counts": [0 if all(count == 1 for count in cell[-1]) else _short(cell[-1]) for cell in cells],
    }


def _column(rows: list[tuple[Any, ...]], index: int) -> list[Any]:
    return [row[index] for row in rows]


def _short(numbers: Iterable[float]) -> list[float]:
    """Write whole numbers without a point."""
    return [int(number) if number == int(number) else number for number in numbers]
