"""What may listen to spans: nobody, flowemf, and the exporters that OpenTelemetry brings.

The name of a way goes in; tracers of a provider with that listener come out, and what has to be awaited after a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from collecting.spans import KINDS
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.trace import Tracer, set_span_in_context

from flowemf import Monitor
from flowemf.integrations import otel

NOBODY, FLOWEMF, SIMPLE, BATCH = "nobody", "flowemf", "simple", "batch"
LABELS = {
    NOBODY: "no processor",
    FLOWEMF: "flowemf",
    SIMPLE: "SimpleSpanProcessor, ConsoleSpanExporter",
    BATCH: "BatchSpanProcessor, ConsoleSpanExporter",
}
# A queue holds 2,048 spans; beyond that they would be dropped, and nothing would be measured.
MOST_SPANS = 1000


@dataclass(frozen=True, slots=True)
class Listener:
    """A provider with one listener.

    Attributes:
        tracers: kind of span -> the tracer that its source would have.
        around: kind of span -> the context of an open span of that source.
        settle: waits until everything that was listened to has left.
    """

    tracers: dict[str, Tracer]
    around: dict[str, Context]
    settle: Callable[[], object]


def listener(way: str, directory: Path) -> Listener:
    """Make a provider with one listener; whatever it writes goes to a file.

    Args:
        way: one of `LABELS`.
        directory: where the file is put.
    """
    provider = TracerProvider()
    if way == FLOWEMF:
        monitor = Monitor("Benchmark", sink=str(lines_file(directory)), custom_dimensions={"Environment": "Prod"})
        otel.install(monitor, tracer_provider=provider)
    elif way != NOBODY:
        out: IO[str] = (directory / way).open("w", encoding="utf-8")
        exporter = ConsoleSpanExporter(out=out)
        provider.add_span_processor((SimpleSpanProcessor if way == SIMPLE else BatchSpanProcessor)(exporter))
    tracers = {name: provider.get_tracer(kind.scope) for name, kind in KINDS.items()}
    around = {
        name: set_span_in_context(tracer.start_span("around", attributes=KINDS[name].around))
        for name, tracer in tracers.items()
    }
    return Listener(tracers, around, provider.force_flush)


def lines_file(directory: Path) -> Path:
    """Tell where flowemf's lines are written."""
    return directory / "lines.log"
