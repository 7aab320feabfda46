"""Makes the log that reading is measured on.

A number of lines and a seed go in; a file comes out: 60 % metric lines of about 450 bytes in 30 shapes and 2,000
series over three hours, the rest ordinary log as JSON and text, and among all of them 0.3 % broken metric lines.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

START_MS = 1_760_000_000_000
SPAN_MS = 3 * 3600 * 1000
METRIC_SHARE = 0.6
BROKEN_SHARE = 0.003
SHAPES_OF_EACH_WRITER = 10
_LINES_AT_ONCE = 10_000

Document = dict[str, Any]
Write = Callable[[Document], str]


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of metric line.

    Attributes:
        namespace: where its metrics go.
        dimensions: the keys with the values that each may take.
        sets: the dimension sets, by keys.
        metrics: names and units.
        properties: how many members it carries that CloudWatch does not read.
        write: document -> text, spaced and ordered as the library does that writes such lines.
        in_arrays: whether values stand in arrays of one.
        metadata_first: whether `_aws` is the first member.
    """

    namespace: str
    dimensions: dict[str, list[str]]
    sets: list[list[str]]
    metrics: list[tuple[str, str]]
    properties: int
    write: Write
    in_arrays: bool = False
    metadata_first: bool = True


def write_log(path: Path, lines: int, seed: int, *, start_ms: int = START_MS) -> None:
    """Write the log.

    Args:
        path: the file.
        lines: how many lines it gets.
        seed: the same seed gives the same log.
        start_ms: the time of the first line.
    """
    produced = log_lines(lines, seed, start_ms)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        while part := list(islice(produced, _LINES_AT_ONCE)):
            file.write("\n".join(part) + "\n")


def log_lines(lines: int, seed: int, start_ms: int = START_MS) -> Iterator[str]:
    """Give the lines, in the order of their times as a log has them."""
    random = Random(seed)
    shapes = all_shapes()
    for number in range(lines):
        now_ms = start_ms + number * SPAN_MS // lines
        kind = random.random()
        if kind < BROKEN_SHARE:
            yield random.choice(_BREAKERS)(metric_line(random, random.choice(shapes), now_ms))
        elif kind < METRIC_SHARE:
            yield metric_line(random, random.choice(shapes), now_ms)
        else:
            yield ordinary_line(random, now_ms)


def metric_line(random: Random, shape: Shape, now_ms: int) -> str:
    """Write one metric line of a shape."""
    directive = {
        "Namespace": shape.namespace,
        "Dimensions": shape.sets,
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in shape.metrics],
    }
    metadata = {"_aws": {"Timestamp": now_ms, "CloudWatchMetrics": [directive]}}
    members: Document = {key: _uneven(random, values) for key, values in shape.dimensions.items()}
    members |= {name: _text(random) for name in _PROPERTIES[: shape.properties]}
    values = {name: _value(random, unit, in_array=shape.in_arrays) for name, unit in shape.metrics}
    return shape.write(metadata | members | values if shape.metadata_first else members | metadata | values)


def _uneven(random: Random, values: list[str]) -> str:
    """Choose as applications do: a few flows, handlers and operations take most of the traffic."""
    return values[min(int(random.expovariate(1) * len(values) / 3), len(values) - 1)]


def _value(random: Random, unit: str, *, in_array: bool) -> Any:
    number = random.randint(1, 5) if unit == "Count" else round(random.lognormvariate(4, 1), 3)
    return [number] if in_array else number


def _text(random: Random) -> str:
    return f"{random.getrandbits(128):032x}"


# --- The shapes -------------------------------------------------------------------------------------------------------

_PROPERTIES = ("trace_id", "span_id", "request_id", "parent_id", "session_id")


def _compact(document: Document) -> str:
    return json.dumps(document, separators=(",", ":"))


def all_shapes() -> list[Shape]:
    """Give thirty shapes: a third as flowemf writes them, as aws-embedded-metrics does, and as Powertools does."""
    makers = (_rolled_up, _spaced, _with_arrays)
    return [make(number) for make in makers for number in range(SHAPES_OF_EACH_WRITER)]


def _names(kind: str, count: int) -> list[str]:
    return [f"{kind}-{number:02d}" for number in range(count)]


def _rolled_up(number: int) -> Shape:
    """Give a flow or a generation: roll-ups beside the full set, `_aws` first, no spaces."""
    dimensions = {"service": [f"chat-{number}"], "FlowName": _names(f"flow-{number}", 15), "Status": ["Success"]}
    sets = [["service", "FlowName", "Status"], ["FlowName"], []]
    metrics = [(f"FlowCompleted{number}", "Count"), (f"FlowDuration{number}", "Milliseconds")]
    return Shape("GenKit/Flows", dimensions, sets, metrics, 2, _compact)


def _spaced(number: int) -> Shape:
    """Give what aws-embedded-metrics writes: one set, `_aws` behind dimensions and properties, spaces."""
    dimensions = {
        "LogGroup": [f"/app/orders-{number}"],
        "ServiceName": _names(f"orders-{number}", 8),
        "ServiceType": ["AWS::ECS::Service"],
        "Operation": _names("operation", 4),
    }
    metrics = [("Latency", "Milliseconds"), (f"Items{number}", "Count")]
    return Shape("Shop", dimensions, [list(dimensions)], metrics, 1, json.dumps, metadata_first=False)


def _with_arrays(number: int) -> Shape:
    """Give what Powertools writes: one set, `_aws` first, each value in an array."""
    dimensions = {"service": [f"payment-{number}"], "function": _names("handler", 8), "region": _names("region", 3)}
    metrics = [("Duration", "Milliseconds"), (f"Payments{number}", "Count"), ("Retries", "Count")]
    return Shape(f"Payments/{number % 3}", dimensions, [list(dimensions)], metrics, 2, _compact, in_arrays=True)


# --- What is no metric line, and what is a broken one -----------------------------------------------------------------


def ordinary_line(random: Random, now_ms: int) -> str:
    """Write one line of ordinary log: half of them JSON."""
    if random.random() < 0.5:
        record = {"timestamp": now_ms, "level": "info", "event": "request.done", "request_id": _text(random)}
        return _compact(record | {"path": f"/orders/{random.randint(1, 99999)}", "status": 200, "ms": random.random()})
    return f"{now_ms} INFO  [worker-{random.randint(1, 8)}] order {random.randint(1, 99999)} was taken from the queue"


# What a script without validation fails at as well, so that its totals and ours can be the same: a line that was cut
# off, no namespace, a text as timestamp, no JSON.
_BREAKERS: tuple[Callable[[str], str], ...] = (
    lambda line: line[: len(line) * 3 // 4],
    lambda line: line.replace('"Namespace"', '"Name"', 1),
    lambda line: line.replace('"Timestamp"', '"Timestamp":"now","Time"', 1),
    lambda line: line.replace(",", ",,", 1),
)
