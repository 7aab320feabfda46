"""The script that a user would write: `json.loads` for each line, dictionaries, no validation.

The path of a log goes in; for each series and minute come out the distinct values and how often each occurred, which is
what PutMetricData takes.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

Gathered = dict[Any, dict[float, int]]


def gather(path: str, *, filtered: bool = False) -> Gathered:
    """Gather the values of each series and minute; what is no metric line is passed over.

    Args:
        path: the log.
        filtered: whether only lines that say "_aws" are parsed.

    Returns:
        (namespace, metric, dimensions, unit), minute -> value -> how often it occurred.
    """
    gathered: Gathered = defaultdict(dict)
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - as a script has it
        for line in file:
            if filtered and '"_aws"' not in line:
                continue
            try:
                record = json.loads(line)
                metadata = record["_aws"]
                minute = metadata["Timestamp"] // 60_000
                for directive in metadata["CloudWatchMetrics"]:
                    for keys in directive["Dimensions"]:
                        dimensions = tuple(sorted((key, record[key]) for key in keys))
                        for metric in directive["Metrics"]:
                            name = metric["Name"]
                            series = (directive["Namespace"], name, dimensions, metric.get("Unit", "None"))
                            counts = gathered[series, minute]
                            value = record[name]
                            for each in value if isinstance(value, list) else [value]:
                                counts[each] = counts.get(each, 0) + 1
            except (ValueError, KeyError, TypeError):
                continue
    return gathered
