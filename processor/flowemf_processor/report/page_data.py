"""Lays the figures out as the JSON that the page's script reads.

Figures go in; columns of numbers come out, since a page holds tens of thousands of rows.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.insight.panels import METRIC_LABELS, PANELS
from flowemf_schemas import names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowemf_processor.core.insight.axes import NamedValues
    from flowemf_processor.core.insight.figures import Figures, Side
    from flowemf_processor.core.insight.panels import Panel

_FLOWS, _GENERATIONS = "flows", "generations"
_GROUPS = {(): None, (names.FLOW_NAME,): "name", (names.MODEL_ID,): "name", (names.ERROR_TYPE,): "error"}


def page_json(figures: Figures) -> str:
    """Write the JSON, in such a way that it can stand inside a script element.

    Args:
        figures: what the page shows.

    Returns:
        JSON in ASCII without `<`, `>` and `&`: nothing in it ends the element
        (https://html.spec.whatwg.org/multipage/scripting.html#restrictions-for-contents-of-script-elements).
    """
    text = json.dumps(_page(figures), ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _page(figures: Figures) -> dict[str, Any]:
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
