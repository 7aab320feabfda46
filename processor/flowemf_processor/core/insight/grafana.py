"""The same dashboard for Grafana's CloudWatch data source.

Charts go in; a dashboard model comes out that Grafana imports and then asks which data source to use
(https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/).
"""

from __future__ import annotations

from hashlib import blake2b
from itertools import groupby
from typing import TYPE_CHECKING, Any

from flowemf_processor.core.insight.dashboard import PERIOD_SECONDS, rate
from flowemf_schemas import units

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowemf_processor.core.insight.charts import Chart, Curve
    from flowemf_processor.model import Dimensions

_SOURCE = {"type": "cloudwatch", "uid": "${datasource}"}
_SCHEMA_VERSION = 38  # that of Grafana 10, which later ones migrate by themselves
_COLUMNS, _WIDTH, _HEIGHT = 2, 12, 8
# Grafana's identifiers of units; what has none is a plain short number
_UNITS = {
    units.MILLISECONDS: "ms",
    units.SECONDS: "s",
    units.MICROSECONDS: "µs",
    units.PERCENT: "percent",
    "Bytes": "decbytes",
}
_BUILDER, _CODE = 0, 1


def grafana_dashboard(charts: Sequence[Chart], *, title: str) -> dict[str, Any]:
    """Make the dashboard.

    Args:
        charts: what to show, namespace by namespace.
        title: its title; the same title is the same dashboard, which an import replaces.

    Returns:
        The model, to be imported as JSON.
    """
    panels: list[dict[str, Any]] = []
    top = 0
    for namespace, group in groupby(charts, key=lambda chart: chart.namespace):
        panels.append(_row(namespace, top))
        top += 1
        shown = list(group)
        for index, chart in enumerate(shown):
            row, column = divmod(index, _COLUMNS)
            place = {"x": column * _WIDTH, "y": top + row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
            panels.append(_panel(chart, place))
        top += -(-len(shown) // _COLUMNS) * _HEIGHT
    for number, panel in enumerate(panels, start=1):
        panel["id"] = number
    return {
        "title": title,
        "uid": blake2b(title.encode(), digest_size=10).hexdigest(),
        "tags": ["flowemf"],
        "schemaVersion": _SCHEMA_VERSION,
        "editable": True,
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [_VARIABLE]},
        "panels": panels,
    }


_VARIABLE = {
    "name": "datasource",
    "type": "datasource",
    "label": "CloudWatch",
    "query": "cloudwatch",
    "hide": 0,
    "multi": False,
    "includeAll": False,
}


def _row(namespace: str, top: int) -> dict[str, Any]:
    place = {"x": 0, "y": top, "w": _COLUMNS * _WIDTH, "h": 1}
    return {"type": "row", "title": namespace, "collapsed": False, "gridPos": place, "panels": []}


def _panel(chart: Chart, place: dict[str, int]) -> dict[str, Any]:
    panel = chart.panel
    defaults: dict[str, Any] = {"unit": _UNITS.get(panel.unit, "short"), "min": 0}
    if panel.of:
        defaults["max"] = 100
    defaults["custom"] = {
        "fillOpacity": 30 if panel.is_stacked else 0,
        "stacking": {"mode": "normal" if panel.is_stacked else "none"},
    }
    return {
        "type": "timeseries",
        "title": panel.title,
        "description": panel.question,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": _with_letters(_targets(chart)),
    }


def _with_letters(targets: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Name the queries: Grafana wants a name for each that is unique in its panel."""
    return [{"refId": f"Q{number}", **target} for number, target in enumerate(targets)]


def _targets(chart: Chart) -> Iterator[dict[str, Any]]:
    for number, curve in enumerate(chart.curves):
        if curve.of:
            yield from _rate(chart, curve, number)
        else:
            yield _query(chart, curve, curve.metric, _dimensions(chart, curve), label=_label(chart, curve))


def _dimensions(chart: Chart, curve: Curve) -> dict[str, list[str]]:
    if curve.dimensions is None:
        return {key: ["*"] for key in chart.panel.dimensions}
    return _exactly(curve.dimensions)


def _exactly(dimensions: Dimensions) -> dict[str, list[str]]:
    return {key: [value] for key, value in dimensions}


def _label(chart: Chart, curve: Curve) -> str:
    if curve.dimensions is not None:
        return curve.label
    label = " ".join(f"${{PROP('Dim.{key}')}}" for key in chart.panel.dimensions)
    return f"{label} {curve.label}" if len(chart.curves) > 1 else label


def _rate(chart: Chart, curve: Curve, number: int) -> Iterator[dict[str, Any]]:
    ids = {name: f"m{number}_{index}" for index, name in enumerate(curve.of)}
    expression = rate(ids[curve.metric], [*ids.values()])
    shown = _query(chart, curve, "", {}, label=curve.label, identifier=f"rate{number}")
    yield {**shown, "metricEditorMode": _CODE, "expression": expression}
    for name, identifier in ids.items():
        query = _query(chart, curve, name, _exactly(curve.dimensions or ()), label=name, identifier=identifier)
        yield {**query, "hide": True}


def _query(
    chart: Chart, curve: Curve, name: str, dimensions: dict[str, list[str]], *, label: str, identifier: str = ""
) -> dict[str, Any]:
    """Ask for a metric; `matchExact` means the set with these keys and no others."""
    return {
        "datasource": _SOURCE,
        "queryMode": "Metrics",
        "metricQueryType": 0,
        "metricEditorMode": _BUILDER,
        "id": identifier,
        "region": "default",
        "namespace": chart.namespace,
        "metricName": name,
        "dimensions": dimensions,
        "matchExact": True,
        "statistic": curve.statistic,
        "period": str(PERIOD_SECONDS),
        "expression": "",
        "label": label,
    }
