"""Compares what a span costs: with nobody listening, with flowemf, and with the exporters that OpenTelemetry brings.

Sizes go in as options; tables come out, with the goals beside them, or JSON. No time makes it fail.

    pip install -e '.[otel]'
    python benchmarks/collect.py
"""

from __future__ import annotations

import gc
import json
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

from collecting import results
from collecting.results import Results
from collecting.spans import KINDS, SHORT, TOTAL_TOKENS
from collecting.ways import FLOWEMF, LABELS, MOST_SPANS, Listener, lines_file, listener
from measuring import machine
from measuring.options import parser
from measuring.rounds import Sample, interleaved

from flowemf.integrations import otel

PACKAGES = ("flowemf", "opentelemetry-sdk", "genkit")
_FIRST_BATCH = 50
# What the neighbour has left in the processor's caches is not part of the cost of a span.
_WARMING = 10


def main() -> None:
    """Measure everything and print it."""
    options = parser(
        __doc__,
        rounds=(150, "interleaved rounds"),
        milliseconds=(3.0, "length of a batch"),
    ).parse_args()
    measured = measure(options.rounds, options.milliseconds / 1000)
    print(json.dumps(results.as_dict(measured), indent=2) if options.json else "\n".join(results.as_lines(measured)))


def measure(rounds: int, batch_seconds: float) -> Results:
    """Measure every kind of span with every listener.

    Args:
        rounds: how often each is measured.
        batch_seconds: how long each measurement lasts, more or less.
    """
    with tempfile.TemporaryDirectory(prefix="flowemf-benchmark-") as name:
        directory = Path(name)
        listeners = {way: listener(way, directory) for way in LABELS}
        try:
            line_bytes = check(listeners[FLOWEMF], lines_file(directory))
            tasks = {
                (kind, way): partial(sample, listeners[way], kind, batch_size(listeners[way], kind, batch_seconds))
                for kind in KINDS
                for way in listeners
            }
            gc.collect()
            gc.freeze()  # what is there already is not to be looked through before each batch
            measured = interleaved(rounds, tasks)
        finally:
            otel.uninstall()
        described = machine.describe(PACKAGES, machine.measured_environment(unbuffered=False))
        return Results(machine=described, line_bytes=line_bytes, spans=measured)


def check(ours: Listener, file: Path) -> int:
    """Check that each span writes the lines that it should, before anything is measured.

    Returns:
        The length of the line of a Genkit model, in bytes.

    Raises:
        ValueError: it doesn't, so that there is nothing to measure.
    """
    lengths = {}
    for name, kind in KINDS.items():
        before = file.stat().st_size if file.exists() else 0
        kind.emit(ours.tracers[name], ours.around[name])
        written = file.read_bytes()[before:] if file.exists() else b""
        tokens = [json.loads(line)["TokensUsed"] for line in written.splitlines()]
        if tokens != [TOTAL_TOKENS] * kind.writes:
            raise ValueError(f"{kind.label} gives lines with {tokens} tokens")
        lengths[name] = len(written)
    return lengths[SHORT]


def batch_size(there: Listener, kind: str, batch_seconds: float) -> int:
    """Choose how many spans fill the time of a batch."""
    sample(there, kind, _FIRST_BATCH)
    seconds = sample(there, kind, _FIRST_BATCH).wall_seconds
    return max(1, min(MOST_SPANS, int(batch_seconds / seconds)))


def sample(there: Listener, kind: str, spans: int) -> Sample:
    """Measure one batch of spans and give the seconds for one span."""
    emit, tracer, around = KINDS[kind].emit, there.tracers[kind], there.around[kind]
    for _ in range(_WARMING):
        emit(tracer, around)
    there.settle()
    gc.collect()
    wall, cpu = perf_counter(), process_time()
    for _ in range(spans):
        emit(tracer, around)
    there.settle()
    return Sample((perf_counter() - wall) / spans, (process_time() - cpu) / spans)


if __name__ == "__main__":
    main()
