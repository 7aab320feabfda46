"""What a faulty delivery is held to: the numbers of a log, and what a CloudWatch really keeps of them.

Logs are written here, and what must arrive is computed from the same documents without any code of ours; what a server
kept and what the last ledger says go in, and every difference that the ledger does not own up to fails.
"""

from __future__ import annotations

import gzip
import json
import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from metric_lines import document
from shape_wrappers import compact, cri, data_message, docker

Key = tuple[str, str, tuple[tuple[str, str], ...], int]
"""Namespace, metric, dimensions and the second at which the period begins."""

Document = dict[str, Any]
SETS = [["FlowName", "Team"], ["FlowName"], []]
DATAPOINTS_OF_A_LINE = len(SETS)
NAMESPACES = 6


@dataclass(frozen=True)
class Shape:
    """How a log is written.

    Attributes:
        name: in the names of tests.
        suffix: of the files.
        options: what the command has to be told.
    """

    name: str
    suffix: str = ".log"
    options: tuple[str, ...] = ()


RAW = Shape("raw")
GZIP = Shape("gzip", ".log.gz")
DOCKER = Shape("docker, split")
CRI = Shape("cri, split")
TWICE = Shape("twice, with event ids", options=("--not-extracted",))
SHAPES = (RAW, GZIP, DOCKER, CRI, TWICE)


def documents(
    dice: Random, count: int, *, first: int = 0, minutes: int = 3, namespaces: int = NAMESPACES
) -> list[Document]:
    """Make metric documents of these minutes; no two have the same number, so that one that counts twice shows."""
    now_ms = int(time.time() * 1000)
    return [
        document(
            {"Latency": number + 0.25},
            dimensions={"FlowName": f"flow-{number % 2}", "Team": "a"},
            sets=SETS,
            timestamp_ms=now_ms - dice.randrange(minutes) * 60_000,
            namespace=f"N{number % namespaces}",
        )
        for number in range(first, first + count)
    ]


def write_log(path: Path, several: Iterable[Document], shape: Shape, dice: Random) -> Path:
    """Write documents in a shape, among lines that are none of ours; give the file."""
    path = path.with_name(path.name + shape.suffix)
    lines = b"".join(line + b"\n" for line in _wrapped(list(several), shape, dice))
    path.write_bytes(gzip.compress(lines) if shape is GZIP else lines)
    return path


def _wrapped(several: list[Document], shape: Shape, dice: Random) -> Iterator[bytes]:
    if shape is TWICE:
        first_id = int(several[0]["Latency"]) + 1
        payload = compact(data_message([json.dumps(each) for each in several], first_id=first_id)).encode()
        yield payload
        yield payload
        return
    for each in several:
        text = json.dumps(each)
        cut = dice.randrange(1, len(text))
        if shape is DOCKER:
            yield docker(text[:cut]).encode()
            yield docker(text[cut:] + "\n").encode()
        elif shape is CRI:
            yield cri("P", text[:cut])
            yield cri("F", text[cut:])
        else:
            yield text.encode()
        if dice.random() < 0.3:
            yield docker("INFO no metric\n").encode() if shape is DOCKER else b"INFO no metric"


# --- What must arrive, and what did -----------------------------------------------------------------------------------


def expected(several: Iterable[Document]) -> Counter[tuple[Key, float]]:
    """List every number of the documents under every series and minute."""
    points: Counter[tuple[Key, float]] = Counter()
    for each in several:
        [directive] = each["_aws"]["CloudWatchMetrics"]
        start_s = each["_aws"]["Timestamp"] // 60_000 * 60
        for keys in directive["Dimensions"]:
            pairs = tuple(sorted((key, each[key]) for key in keys))
            points[(directive["Namespace"], "Latency", pairs, start_s), each["Latency"]] += 1
    return points


def received(requests: Iterable[Mapping[str, Any]]) -> Counter[tuple[Key, float]]:
    """List every number that was sent, as often as it counts."""
    points: Counter[tuple[Key, float]] = Counter()
    for request in requests:
        for datum in request["MetricData"]:
            pairs = tuple(sorted((each["Name"], each["Value"]) for each in datum.get("Dimensions", ())))
            key = (request["Namespace"], datum["MetricName"], pairs, datum["Timestamp"])
            for value, count in zip(datum["Values"], datum["Counts"], strict=True):
                points[key, value] += count
    return points


def sums(points: Mapping[tuple[Key, float], float]) -> dict[Key, tuple[float, float]]:
    """Give the count and the sum of each series and minute: what merging values leaves as it was."""
    several: dict[Key, list[tuple[float, float]]] = {}
    for (key, value), count in points.items():
        several.setdefault(key, []).append((value, count))
    return {
        key: (math.fsum(count for _, count in each), round(math.fsum(value * count for value, count in each), 6))
        for key, each in several.items()
    }


@dataclass(frozen=True)
class Verdict:
    """What was found: datapoints that arrived more than once, and those that did not arrive."""

    surplus: int
    missing: int


def judge(
    kept: list[dict[str, Any]], several: list[Document], ledger: Mapping[str, Any], *, is_merged: bool = False
) -> Verdict:
    """Hold what a CloudWatch kept to the log, and every difference to the ledger of the last run.

    Args:
        kept: the requests that count.
        several: the documents of the log.
        ledger: of a run that came to its end.
        is_merged: whether values were merged: then counts and sums are compared in place of each number.
    """
    # No two documents have the same number, so equal requests are one that was sent more than once.
    unique = {json.dumps(request, sort_keys=True): request for request in kept}
    wanted, arrived = expected(several), received(unique.values())
    [destination] = ledger["destinations"]
    total = destination["all_runs"]
    if not is_merged:
        assert arrived - wanted == Counter(), "numbers arrived that are not in the log, or in other requests as well"
    elif not total["given_up"] + total["refused"]:
        assert sums(arrived) == sums(wanted)
    verdict = Verdict(received(kept).total() - arrived.total(), wanted.total() - arrived.total())
    assert verdict.surplus <= total["sent_again"], (verdict, total)
    assert verdict.missing <= total["given_up"] + total["refused"], (verdict, total)
    assert total["accepted"] + total["refused"] + total["given_up"] == wanted.total(), total
    assert destination["datapoints"]["pending"] == 0
    return verdict
