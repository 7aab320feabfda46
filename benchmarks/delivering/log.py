"""Makes the log for which requests are counted: a busy service, whose minutes hold hundreds of values a series.

A number of events goes in; a file comes out: flows of one service with the standard roll-ups, over the last hour.
"""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

from reading.log import all_shapes, metric_line

SPAN_MS = 3600 * 1000


def write_busy_log(path: Path, events: int, seed: int) -> None:
    """Write the log.

    Args:
        path: the file.
        events: how many lines it gets, all of them metric lines.
        seed: the same seed gives the same numbers.
    """
    random = Random(seed)
    shape = all_shapes()[0]
    start_ms = int(time.time() * 1000) // 60_000 * 60_000 - SPAN_MS
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for number in range(events):
            file.write(metric_line(random, shape, start_ms + number * SPAN_MS // events) + "\n")
