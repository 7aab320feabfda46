"""Reads a log once, in a process of its own: with flowemf, or with the script that a user would write.

The name of the way and the path of a log go in; nothing comes out, or with `--totals` the count and the sum of each
series and minute, as one digest.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowemf_processor.model import Aggregate

sys.path.insert(0, str(Path(__file__).parent.parent))

Key = tuple[str, str, tuple[tuple[str, str], ...], str, int]
OURS, SCRIPT, FILTERED = "flowemf", "script", "filtered-script"


def main() -> None:
    """Read the log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=[OURS, SCRIPT, FILTERED])
    parser.add_argument("log")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--totals", action="store_true")
    arguments = parser.parse_args()
    values = _with_flowemf(arguments) if arguments.way == OURS else _with_script(arguments)
    if arguments.totals:
        sys.stdout.write(_digest(values) + "\n")


def _with_script(arguments: argparse.Namespace) -> Iterable[tuple[Key, Mapping[float, float]]]:
    from reading.script import gather

    gathered = gather(arguments.log, filtered=arguments.way == FILTERED)
    return (((*series, minute), counts) for (series, minute), counts in gathered.items())


def _with_flowemf(arguments: argparse.Namespace) -> Iterable[tuple[Key, Mapping[float, float]]]:
    from flowemf_processor import pipeline
    from flowemf_processor.clock import SystemClock
    from flowemf_processor.core.ledger import Ledger
    from flowemf_processor.engines.local import LocalEngine
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.sources.opening import open_sources

    sources = open_sources([arguments.log])
    engine = partial(LocalEngine, arguments.jobs) if arguments.jobs > 1 else None
    epochs = pipeline.gathered(sources, ledger=Ledger(), clock=SystemClock(), guards=Guards(engine=engine))
    if not arguments.totals:
        for _ in epochs:
            pass
        return ()
    return ((_key(each), {value: tally.count for value, tally in each.values}) for epoch in epochs for each in epoch)


def _key(aggregate: Aggregate) -> Key:
    series = aggregate.series
    return series.namespace, series.name, series.dimensions, series.unit, aggregate.period_start_s // 60


def _digest(values: Iterable[tuple[Key, Mapping[float, float]]]) -> str:
    """Digest the totals; a series and minute may come in several parts."""
    gathered: dict[Key, list[tuple[float, float]]] = defaultdict(list)
    for key, counts in values:
        gathered[key] += counts.items()
    totals = sorted(
        (key, math.fsum(count for _, count in each), math.fsum(value * count for value, count in each))
        for key, each in gathered.items()
    )
    return f"{len({key[:4] for key, _, _ in totals})} series, {hashlib.sha256(repr(totals).encode()).hexdigest()}"


if __name__ == "__main__":
    main()
