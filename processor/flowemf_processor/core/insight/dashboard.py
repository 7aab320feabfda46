"""A CloudWatch dashboard of the charts.

Charts and a Region go in; a dashboard body comes out, as
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html describes it,
and the lines in which two of them can be compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from flowemf_schemas import units

if TYPE_CHECKING:
    from flowemf_processor.core.insight.charts import Chart, Curve
    from flowemf_processor.core.insight.inventory import Keys

PERIOD_SECONDS = 300
_COLUMNS, _WIDTH, _HEIGHT, _TITLE_HEIGHT = 2, 12, 6, 1
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_TITLES = {units.MILLISECONDS: "ms", units.PERCENT: "%"}


def dashboard(charts: Sequence[Chart], *, region: str) -> dict[str, Any]:
    """Make the dashboard.

    Args:
        charts: what to show, namespace by namespace.
        region: the Region whose metrics it shows.

    Returns:
        The body, which PutDashboard takes as JSON.
    """
    widgets: list[dict[str, Any]] = []
    top = 0
    for namespace, group in groupby(charts, key=lambda chart: chart.namespace):
        widgets.append(_place(_heading(namespace), 0, top, _COLUMNS * _WIDTH, _TITLE_HEIGHT))
        top += _TITLE_HEIGHT
        shown = list(group)
        for index, chart in enumerate(shown):
            row, column = divmod(index, _COLUMNS)
            widgets.append(_place(_widget(chart, region), column * _WIDTH, top + row * _HEIGHT, _WIDTH, _HEIGHT))
        top += -(-len(shown) // _COLUMNS) * _HEIGHT
    return {"start": "-PT3H", "periodOverride": "auto", "widgets": widgets}


def dashboard_name(namespaces: Sequence[str]) -> str:
    """Make a name of namespaces: CloudWatch takes letters, digits, hyphens and underscores.

    >>> dashboard_name(["MyApp/GenKit"])
    'MyApp-GenKit'
    """
    return _NOT_IN_A_NAME.sub("-", "_".join(namespaces)).strip("-")[:255] or "flowemf"


def readable(body: dict[str, Any]) -> list[str]:
    """Give the lines in which a dashboard is compared with another: a property each, of metrics a metric each."""
    lines = [f"{key}: {_compact(body[key])}" for key in sorted(body) if key != "widgets"]
    for widget in body.get("widgets", ()):
        properties = widget.get("properties", {})
        title = properties.get("title") or properties.get("markdown", "")
        place = ", ".join(str(widget.get(side)) for side in ("x", "y", "width", "height"))
        lines.append(f"{widget.get('type')} {title!r} at {place}")
        for key in sorted(set(properties) - {"title", "markdown"}):
            rows = properties[key] if key == "metrics" else [properties[key]]
            lines += [f"  {key}: {_compact(row)}" for row in rows]
    return lines


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _place(widget: dict[str, Any], x: int, y: int, width: int, height: int) -> dict[str, Any]:
    return {"type": widget["type"], "x": x, "y": y, "width": width, "height": height, **widget}


def _heading(namespace: str) -> dict[str, Any]:
    # In Markdown a namespace's own marks would be read as layout
    return {"type": "text", "properties": {"markdown": f"## `{namespace.replace('`', ' ')}`"}}


def _widget(chart: Chart, region: str) -> dict[str, Any]:
    panel = chart.panel
    axis: dict[str, Any] = {"min": 0, "showUnits": False}
    if panel.unit in _TITLES:
        axis["label"] = _TITLES[panel.unit]
    if panel.of:
        axis["max"] = 100
    return {
        "type": "metric",
        "properties": {
            "title": panel.title,
            "region": region,
            "view": "timeSeries",
            "stacked": panel.is_stacked,
            "period": PERIOD_SECONDS,
            "yAxis": {"left": axis},
            "metrics": list(_rows(chart)),
        },
    }


def _rows(chart: Chart) -> Iterator[list[Any]]:
    for number, curve in enumerate(chart.curves):
        if curve.dimensions is None:
            yield [_search(chart, curve, number)]
        elif curve.of:
            yield from _rate(chart, curve, number)
        else:
            yield _metric(chart.namespace, curve, curve.metric, {"stat": curve.statistic, "label": curve.label})


def _metric(namespace: str, curve: Curve, name: str, rendering: dict[str, Any]) -> list[Any]:
    return [namespace, name, *(text for pair in curve.dimensions or () for text in pair), rendering]


def _rate(chart: Chart, curve: Curve, number: int) -> Iterator[list[Any]]:
    """Draw a share of a sum; the metrics that it is computed of are not drawn."""
    ids = {name: f"m{number}_{index}" for index, name in enumerate(curve.of)}
    yield [{"expression": rate(ids[curve.metric], [*ids.values()]), "id": f"rate{number}", "label": curve.label}]
    for name, identifier in ids.items():
        yield _metric(
            chart.namespace, curve, name, {"id": identifier, "stat": curve.statistic, "visible": False, "label": name}
        )


def rate(part: str, whole: Sequence[str]) -> str:
    """Write the percentage that one metric is of the sum of several, in metric math.

    SUM of an array leaves out what is missing, so the rate is right when nothing succeeded; FILL makes it 0 when none
    failed (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html).

    >>> rate("e", ["c", "e"])
    '100 * FILL(e, 0) / SUM([c, e])'
    """
    return f"100 * FILL({part}, 0) / SUM([{', '.join(whole)}])"


def _search(chart: Chart, curve: Curve, number: int) -> dict[str, Any]:
    keys = chart.panel.dimensions
    label = " ".join(f"${{PROP('Dim.{key}')}}" for key in keys)
    if len(chart.curves) > 1:
        label += f" {curve.label}"
    return {"expression": search(chart.namespace, curve, keys), "id": f"search{number}", "label": label}


def search(namespace: str, curve: Curve, keys: Keys) -> str:
    """Write the expression that finds a metric under every set of exactly these keys.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
    """
    schema = ",".join(f'"{name}"' for name in (namespace, *keys))
    return f"SEARCH('{{{schema}}} MetricName=\"{curve.metric}\"', '{curve.statistic}', {PERIOD_SECONDS})"
