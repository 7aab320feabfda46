"""Writes the reference of what flowemf writes: metrics, dimensions, properties and whole lines.

Names, units and dimension sets of the emitter go in, and lines that a real monitor writes; a page comes out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from flowemf import Monitor
from flowemf._encoding.shapes import ROLLUPS, TABLE
from flowemf.testing import ManualClock
from flowemf_schemas import names, units

METRICS = {
    names.FLOW_STARTED: "1 where a flow begins",
    names.FLOW_COMPLETED: "1 where it succeeds",
    names.FLOW_ERROR: "1 where it fails",
    names.FLOW_CANCELLED: "1 where it is cancelled",
    names.FLOW_DURATION: "how long it took, whichever way it ended",
    names.GENERATION_COUNT: "1 for each call of a model, failed and cancelled ones among them",
    names.GENERATION_ERROR: "1 where the call failed",
    names.GENERATION_DURATION: "how long the call took",
    names.TIME_TO_FIRST_TOKEN: "of a streamed answer: how long until its first token",
    names.TOKENS_USED: "the total that was reported, else input and output together",
    names.INPUT_TOKENS: "tokens that went in, cached ones among them",
    names.OUTPUT_TOKENS: "tokens that came out, reasoning among them",
    names.CACHE_READ_TOKENS: "the part of the input that was read from a cache",
    names.CACHE_WRITE_TOKENS: "the part of the input that was written to a cache",
    names.REASONING_TOKENS: "the part of the output that was reasoning",
    names.ESTIMATED_COST: "US dollars, by the table `prices`, else by what LiteLLM says of its calls",
    names.LINES_DROPPED: 'how many lines found the queue full (`delivery="background"`)',
}
DIMENSIONS = {
    names.FLOW_NAME: "the flow's name",
    names.STATUS: f"{names.STATUS_SUCCESS}, {names.STATUS_ERROR} or {names.STATUS_CANCELLED}",
    names.ERROR_TYPE: f"{', '.join(names.ERROR_TYPES)}, or one of your `error_types`",
    names.MODEL_ID: "the model or alias that was asked for",
}
PROPERTIES = {
    names.EVENT: "what the line is about: "
    + ", ".join(
        f"`{event}`"
        for event in (
            names.EVENT_FLOW_START,
            names.EVENT_FLOW_END,
            names.EVENT_GENERATION,
            names.EVENT_METRIC,
            names.EVENT_DROPPED,
        )
    ),
    names.SCHEMA_VERSION: f"the version of the line's schema: {names.LINE_SCHEMA_VERSION}",
    names.FLOW_ID: "the flow that the line belongs to",
    names.PARENT_FLOW_ID: "the flow around that one",
    names.TRACE_ID: "the trace of the request, in the form of X-Ray",
    names.SPAN_ID: "the current span of OpenTelemetry",
    names.ERROR_MESSAGE: "what the error said, cleaned of secrets and personal data",
    names.RESOLVED_MODEL_ID: "the model that really answered",
    names.GENERATION_STATUS: f"`{names.STATUS_CANCELLED}`, where a generation was stopped before its end",
    names.SERVER_LATENCY_MS: "what the model's service says that it took, in milliseconds",
    names.SAMPLE_RATE: "1/N, where the line counts for N events",
    names.PROPERTIES_CUT: "how many properties had no room in the line",
    names.REQUEST_ID: "in a Lambda function: the invocation's identifier",
    names.FUNCTION_VERSION: "in a Lambda function: its version",
    names.INITIALIZATION_TYPE: f"beside {names.COLD_START}: how the environment was made",
}
HANDLERS = {
    names.RECORDS_READ: "log events that were read",
    names.RECORDS_REJECTED: "of them: metric lines that are not valid",
    names.RECORDS_DUPLICATE: "of them: those that were read before",
    names.RECORDS_RETURNED: "records that have to come again, or that failed",
    names.DATAPOINTS_ACCEPTED: "datapoints that CloudWatch took",
    names.DATAPOINTS_REFUSED: "datapoints that it never will take",
    names.DATAPOINTS_PENDING: "datapoints that are not sent yet",
    names.DATAPOINTS_AMBIGUOUS: "datapoints of which nobody knows",
    names.INVOCATIONS_FAILED: "1 where the handler raised",
    names.ITERATOR_AGE: "of Kinesis: how long the oldest record had waited, in milliseconds",
}
_CUSTOM = {"Environment": "Production"}
_Event = Callable[[Monitor], None]
_EVENTS: dict[str, _Event] = {
    "A flow begins": lambda monitor: monitor.on_flow_start("chat"),
    "It succeeds": lambda monitor: monitor.on_flow_end("chat", 812.5),
    "It fails": lambda monitor: monitor.on_flow_error("chat", 812.5, TimeoutError("no answer within 30 s")),
    "A model was called": lambda monitor: monitor.record_generation(
        "amazon.nova-lite-v1:0", duration_ms=640, input_tokens=11, output_tokens=7
    ),
    "A metric of your own": lambda monitor: monitor.metric("DocumentsFound", 3, "Count", {"Index": "manuals"}),
}
_EVENT_OF: dict[str, _Event] = {
    names.FLOW_STARTED: _EVENTS["A flow begins"],
    names.FLOW_COMPLETED: _EVENTS["It succeeds"],
    names.FLOW_DURATION: _EVENTS["It succeeds"],
    names.FLOW_ERROR: _EVENTS["It fails"],
    names.FLOW_CANCELLED: lambda monitor: monitor.on_flow_cancelled("chat", 812.5),
    names.GENERATION_COUNT: _EVENTS["A model was called"],
    names.TOKENS_USED: _EVENTS["A model was called"],
    names.GENERATION_ERROR: lambda monitor: monitor.record_generation("m", duration_ms=1, error=TimeoutError()),
}
_HEAD = """\
# Lines: metrics, dimensions, properties

What stands in the lines that flowemf writes. The same names serve in the report, in `METRICS`
([queries.md](../queries.md)), in dashboards and in alarms; none is ever renamed
([compatibility.md](../compatibility.md)). `flowemf schema show flow-event` and `generation-event` are the contract in
full.
"""
_PROPERTIES_ARE = """
Properties are searchable in CloudWatch Logs and are never dimensions. What is bound with `flowemf.bind` stands beside
them.
"""
_SETS = """
## Dimension sets

CloudWatch never adds up across dimensions, so a metric is published under several sets. `custom` stands for the custom
dimensions; each set of each combination of values is a metric that CloudWatch bills ([cost.md](../cost.md)).

"""


def page() -> str:
    """Give the text of the page."""
    return "".join(
        [
            _HEAD,
            _metrics(),
            _SETS,
            _sets(),
            _table("Dimensions", "dimension", DIMENSIONS),
            _table("Properties", "property", PROPERTIES),
            _PROPERTIES_ARE,
            _lines(),
            _table("Metrics of the Lambda handlers", "metric, in `flowemf/Handlers`", HANDLERS),
            _units(),
        ]
    )


def _metrics() -> str:
    rows = "".join(
        f"| `{name}` | {TABLE[name][0]} | {', '.join(f'`{key}`' for key in TABLE[name][1])} | {meaning} |\n"
        for name, meaning in METRICS.items()
    )
    cold = (
        f"| `{names.COLD_START}` | {units.COUNT} | `{names.FUNCTION_NAME}` | 1 where a Lambda function starts cold |\n"
    )
    return f"\n## Metrics\n\n| metric | unit | its dimensions | what it counts |\n|---|---|---|---|\n{rows}{cold}"


def _sets() -> str:
    head = f"| metric | {' | '.join(f'`rollups={json.dumps(each)}`' for each in ROLLUPS)} |\n|---|---|---|---|\n"
    return head + "".join(
        f"| `{metric}` | {' | '.join(_sets_of(metric, event, rollups) for rollups in ROLLUPS)} |\n"
        for metric, event in _EVENT_OF.items()
    )


def _sets_of(metric: str, event: _Event, rollups: str) -> str:
    """Give the sets under which a real line publishes a metric."""
    directives = written(event, rollups)["_aws"]["CloudWatchMetrics"]
    [sets] = [each["Dimensions"] for each in directives if metric in {row["Name"] for row in each["Metrics"]}]
    shown = (", ".join("custom" if key in _CUSTOM else key for key in keys) for keys in sets)
    return " ".join(f"[{keys}]" for keys in shown)


def _table(title: str, what: str, rows: dict[str, str]) -> str:
    listed = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in rows.items())
    return f"\n## {title}\n\n| {what} | what it says |\n|---|---|\n{listed}"


def _lines() -> str:
    blocks = [f"\n{title}:\n\n```json\n{_laid_out(written(event))}\n```\n" for title, event in _EVENTS.items()]
    return (
        '\n## Whole lines\n\nWritten with `custom_dimensions={"Environment": "Production"}`, laid out here; '
        f"each is one line of a log.\n{''.join(blocks)}"
    )


def _laid_out(line: dict[str, Any]) -> str:
    """Put each member on a line of its own, and each directive."""
    metadata = line["_aws"]
    directives = ",\n   ".join(json.dumps(each) for each in metadata["CloudWatchMetrics"])
    first = f'"_aws": {{"Timestamp": {metadata["Timestamp"]}, "CloudWatchMetrics": [\n   {directives}]}}'
    members = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in line.items() if key != "_aws"]
    return "{" + ",\n ".join([first, *members]) + "}"


def written(event: _Event, rollups: str = "standard") -> dict[str, Any]:
    """Give the line that a monitor writes of an event."""
    lines: list[bytes] = []
    monitor = Monitor(
        "MyApp/GenKit", sink=lines.append, custom_dimensions=_CUSTOM, rollups=rollups, clock=ManualClock()
    )
    event(monitor)
    [line] = lines
    document: dict[str, Any] = json.loads(line)
    return document


def _units() -> str:
    return f"\n## Units\n\nThose that CloudWatch knows: {', '.join(f'`{unit}`' for unit in units.UNITS)}.\n"
