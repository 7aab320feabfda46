"""Writes the reference of what `flowemf.stats()` counts, from the reasons in the emitter's sources.

Every place that counts under a reason goes in; a page comes out with each reason and what is said of it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

EMITTER = Path(__file__).parents[2] / "emitter" / "flowemf"
_REASON = re.compile(r"^[a-z]+(_[a-z]+)+$")
# The table of integrations has explanations of the same form, and counts nothing.
_NO_COUNTS = {"_install.py"}
# Where the sentence is made of values, or nothing is said since it was asked for.
_IN_WORDS = {
    "agent_unreachable": "an attempt to reach the agent failed; the lines wait",
    "datagram_too_large": "a line did not fit into a UDP datagram; use tcp:// instead",
    "dimension_dropped": "a dimension was left out: its key is empty, taken, one too many, or holds a secret",
    "internal_error": "an event could not be written, or something went wrong in flowemf itself",
    "lines_dropped": "a line was dropped: the queue was full, or time ran out at the end",
    "lines_sampled_out": "an end line was not chosen by `sample_rate`",
    "metric_name_refused": "a metric has no usable name; it was left out",
    "namespace_refused": "a namespace given per call is not usable; the metric was left out",
    "otel_sdk_disabled": "OpenTelemetry opens no spans, so nothing is collected from them: unset OTEL_SDK_DISABLED",
    "output_failed": "the output refused a line: closed, full, left by its reader, or the sink function raised",
    "resolution_unknown": "a resolution is neither 1 nor 60; 60 was written",
    "series_limited": "there are more combinations of dimension values than `max_series` allows; `_other` was written",
    "span_exporter_missing": "an exporter that OTEL_TRACES_EXPORTER names is not there",
    "spans_not_exported": "spans are opened and go nowhere: set a tracer provider, or OTEL_TRACES_EXPORTER",
    "unit_unknown": "CloudWatch does not know a unit; None was written",
}
_HEAD = """\
# Counts: what flowemf.stats() says

`flowemf.stats()` gives `lines_written`, the whole lines that the output has taken, and one member for each reason below
that occurred. The first of each kind is also said on standard error; nothing of it ever raises.

| counted as | what happened |
|---|---|
"""


def page() -> str:
    """Give the text of the page."""
    found = dict(reasons())
    rows = {reason: _IN_WORDS.get(reason) or found[reason].replace("<", "&lt;") for reason in sorted(found)}
    return _HEAD + "".join(f"| `{reason}` | {said} |\n" for reason, said in rows.items())


def reasons() -> Iterator[tuple[str, str]]:
    """Give every reason with its sentence; where that is made of values, with nothing."""
    for path in sorted(EMITTER.rglob("*.py")):
        if path.name not in _NO_COUNTS:
            yield from _reasons_of(ast.parse(path.read_text(encoding="utf-8")))


def _reasons_of(tree: ast.Module) -> Iterator[tuple[str, str]]:
    named = {
        ast.unparse(node.targets[0]): node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        for key, said in _pairs(node):
            reason = key.value if isinstance(key, ast.Constant) else named.get(ast.unparse(key))
            sentence = said.value if isinstance(said, ast.Constant) else None
            is_counted = isinstance(node, ast.Call) or isinstance(said, ast.JoinedStr) or " " in str(sentence)
            if isinstance(reason, str) and _REASON.match(reason) and is_counted:
                yield reason, str(sentence or "")


def _pairs(node: ast.AST) -> list[tuple[ast.expr, ast.expr]]:
    """Give what may be a reason and its sentence: a pair, the rows of a table, the arguments of `count`."""
    if isinstance(node, ast.Tuple) and len(node.elts) == 2:
        return [(node.elts[0], node.elts[1])]
    if isinstance(node, ast.Dict):
        return [(key, value) for key, value in zip(node.keys, node.values, strict=True) if key is not None]
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "count" and len(node.args) >= 2:
        return [(node.args[0], node.args[1])]
    return []
