"""Writes a directory of deliberately bad log files, and knows what must be found in each.

A directory and a time go in; files come out, each with the findings, records and datapoints that a reader must report.
Except for the few that are no text at all, good metric lines and ordinary log stand before and after what is bad.

    python tests/vectors/bad_files.py DIRECTORY    writes them for a look by hand
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

DEFAULT_TIMESTAMP_MS = 1_700_000_000_000
LOG_EVENT_BYTES = 1_048_576


@dataclass(frozen=True)
class BadFile:
    """One file and what a reader must say of it.

    Attributes:
        name: the file's name.
        data: its bytes.
        findings: line number (0 stands for the file as a whole) and reason code of each finding, in order.
        metric: how many metric records it holds.
        other: how many records of ordinary log.
        rejected: how many rejected records.
        incomplete: how many torn ends.
        datapoints: how many datapoints (dimension set times metric times value) are good.
        sums: for each metric the sum of its good values, each counted once whatever its dimension sets.
    """

    name: str
    data: bytes = field(repr=False)
    findings: tuple[tuple[int, str], ...]
    metric: int
    other: int
    rejected: int
    incomplete: int = 0
    datapoints: int = 0
    sums: dict[str, float] = field(default_factory=dict)

    @property
    def records(self) -> dict[str, int]:
        """The records as a ledger lists them."""
        counts = {
            "metric": self.metric,
            "other": self.other,
            "rejected": self.rejected,
            "duplicate": 0,
            "incomplete": self.incomplete,
        }
        return {"total": sum(counts.values()), **counts}


# What surrounds every bad line. A good line: FlowCompleted and FlowDuration under two sets, so four datapoints.
_DURATIONS_BEFORE = (120.5, 80)
_DURATIONS_AFTER = (99.25, 300)
_LINES_BEFORE = 5
GOOD_METRIC, GOOD_OTHER, GOOD_DATAPOINTS = 4, 5, 16
GOOD_SUMS = {"FlowCompleted": 4.0, "FlowDuration": 599.75}


def document(timestamp_ms: Any = DEFAULT_TIMESTAMP_MS, duration_ms: Any = 50, **changes: Any) -> dict[str, Any]:
    """Give a good document; `changes` replace members of its directive."""
    directive = {
        "Namespace": "BadFiles",
        "Dimensions": [["FlowName", "Status"], ["FlowName"]],
        "Metrics": [{"Name": "FlowCompleted", "Unit": "Count"}, {"Name": "FlowDuration", "Unit": "Milliseconds"}],
    } | changes
    return {
        "_aws": {"Timestamp": timestamp_ms, "CloudWatchMetrics": [directive]},
        "FlowName": "chat",
        "Status": "Success",
        "FlowCompleted": 1,
        "FlowDuration": duration_ms,
    }


def text(value: Any) -> bytes:
    """Spell a document as a line."""
    return json.dumps(value).encode()


def _around(timestamp_ms: int) -> tuple[list[bytes], list[bytes]]:
    first, second = (text(document(timestamp_ms, duration)) for duration in _DURATIONS_BEFORE)
    third, fourth = (text(document(timestamp_ms, duration)) for duration in _DURATIONS_AFTER)
    before = [b"INFO starting up", first, b'{"level": "INFO", "message": "ready"}', second, b""]
    after = [b"WARN  low on memory {soon}", third, b"    at line 12", fourth]
    return before, after


def _with_line(
    name: str,
    line: bytes,
    *reasons: str,
    timestamp_ms: int,
    record: str = "rejected",
    datapoints: int = 0,
    sums: dict[str, float] | None = None,
    ending: bytes = b"\n",
) -> BadFile:
    """Put a bad line between good ones."""
    before, after = _around(timestamp_ms)
    counts = {"metric": GOOD_METRIC, "other": GOOD_OTHER, "rejected": 0}
    counts[record] += 1
    total = dict(GOOD_SUMS)
    for metric, value in (sums or {}).items():
        total[metric] = total.get(metric, 0) + value
    return BadFile(
        name,
        ending.join([*before, line, *after, b""]),
        tuple((_LINES_BEFORE + 1, reason) for reason in reasons),
        **counts,
        datapoints=GOOD_DATAPOINTS + datapoints,
        sums=total,
    )


def bad_files(timestamp_ms: int = DEFAULT_TIMESTAMP_MS) -> list[BadFile]:
    """Give all bad files.

    Args:
        timestamp_ms: the time of every metric line, so that a destination that judges age can be satisfied.

    Returns:
        The files, each name once.
    """
    return [*_bad_text(timestamp_ms), *_bad_documents(timestamp_ms), *_fine(timestamp_ms), *_bad_sources(timestamp_ms)]


def write_bad_files(directory: Path, timestamp_ms: int = DEFAULT_TIMESTAMP_MS) -> dict[str, BadFile]:
    """Write all bad files into a directory.

    Args:
        directory: an existing directory.
        timestamp_ms: as for `bad_files`.

    Returns:
        What must be found, by file name.
    """
    files = {each.name: each for each in bad_files(timestamp_ms)}
    for each in files.values():
        (directory / each.name).write_bytes(each.data)
    return files


def _bad_text(timestamp_ms: int) -> list[BadFile]:
    """Lines whose text is at fault: all is lost of them, nothing of the others."""
    good = text(document(timestamp_ms))
    cut = good[: good.index(b'"Metrics"') + 30]

    def bad(name: str, line: bytes, *reasons: str, **expected: Any) -> BadFile:
        return _with_line(name, line, *reasons, timestamp_ms=timestamp_ms, **expected)

    both = {"FlowCompleted": 2.0, "FlowDuration": 100.0}
    notes = ("objects-share-line",) * 2
    shared = bad("two-documents-on-a-line.log", good * 2, *notes, record="metric", datapoints=8, sums=both)
    nul = bad("nul-bytes-in-a-line.log", good.replace(b'"chat"', b'"ch\x00t"'), "not-json")
    return [
        replace(nul, findings=((0, "source-not-text"), *nul.findings)),
        bad("truncated.log", cut, "truncated"),
        bad("truncated-with-suffix.log", cut + b"[Truncated...]", "truncated"),
        bad("not-json.log", good[:-1] + b",}", "not-json"),
        bad("nan.log", text(document(timestamp_ms, float("nan"))), "not-a-number"),
        bad("infinity.log", text(document(timestamp_ms, float("inf"))), "not-a-number"),
        bad("invalid-utf-8.log", good.replace(b'"chat"', b'"ch\xff\xfet"'), "invalid-utf-8"),
        bad("duplicate-aws.log", good[:-1] + b', "_aws": {"CloudWatchMetrics": []}}', "duplicate-key"),
        bad("duplicate-target.log", good[:-1] + b', "FlowDuration": 51}', "duplicate-key"),
        replace(shared, metric=GOOD_METRIC + 2),
        bad("deep-nesting.log", good[:-1] + b', "p": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", "nesting-too-deep"),
        bad("two-megabytes.log", good[:-1] + b', "p": "' + b"x" * 2_000_000 + b'"}', "line-too-large"),
    ]


def _bad_documents(timestamp_ms: int) -> list[BadFile]:
    """Lines whose document is at fault, as a whole or in part."""
    good = document(timestamp_ms)
    completed, duration = good["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    values = {f"m{number}": number for number in range(101)}
    metrics_101 = document(timestamp_ms, Metrics=[{"Name": name} for name in values]) | values
    keys = [f"k{number}" for number in range(31)]
    dimensions_31 = document(timestamp_ms, Dimensions=[keys]) | dict.fromkeys(keys, "v")
    resolution_30 = document(timestamp_ms, Metrics=[completed, duration | {"StorageResolution": 30}])
    version_1 = {"Version": 1} | good["_aws"] | {member: good[member] for member in good if member != "_aws"}
    no_namespace = document(timestamp_ms)
    del no_namespace["_aws"]["CloudWatchMetrics"][0]["Namespace"]
    no_duration = {member: value for member, value in good.items() if member != "FlowDuration"}

    def bad(name: str, value: Any, *reasons: str, **expected: Any) -> BadFile:
        return _with_line(name, text(value), *reasons, timestamp_ms=timestamp_ms, **expected)

    def half(name: str, line: bytes, *reasons: str) -> BadFile:
        """Lose FlowDuration and keep FlowCompleted, under both sets."""
        kept: dict[str, Any] = {"record": "metric", "datapoints": 2, "sums": {"FlowCompleted": 1}}
        return _with_line(name, line, *reasons, timestamp_ms=timestamp_ms, **kept)

    ms, infinite = duration | {"Unit": "ms"}, text(good | {"FlowDuration": "HERE"}).replace(b'"HERE"', b"1e999")
    status_gone = {member: value for member, value in good.items() if member != "Status"}
    return [
        bad("root-is-an-array.log", [good], "not-an-object"),
        bad("version-1-at-the-root.log", version_1, "version-unknown"),
        bad("aws-is-null.log", good | {"_aws": None, "CloudWatchMetrics": []}, "metadata-not-an-object"),
        bad("timestamp-as-text.log", document(str(timestamp_ms)), "timestamp-not-an-integer"),
        bad("timestamp-with-a-fraction.log", document(1.5), "timestamp-not-an-integer"),
        bad("timestamp-in-microseconds.log", document(timestamp_ms * 1000), "timestamp-out-of-range"),
        bad("no-namespace.log", no_namespace, "directive-incomplete"),
        bad("dimensions-empty.log", document(timestamp_ms, Dimensions=[]), "dimensions-empty"),
        bad("dimensions-flat.log", document(timestamp_ms, Dimensions=["FlowName"]), "dimension-set-not-an-array"),
        bad("dimensions-31.log", dimensions_31, "too-many-dimensions"),
        bad("metrics-101.log", metrics_101, "too-many-metrics"),
        bad("unit-ms.log", document(timestamp_ms, Metrics=[completed, ms]), "unit-unknown"),
        bad("dimension-value-empty.log", good | {"FlowName": ""}, "dimension-value-empty"),
        bad(
            "dimension-value-missing.log",
            status_gone,
            "dimension-value-missing",
            record="metric",
            datapoints=2,
            sums={"FlowCompleted": 1, "FlowDuration": 50},
        ),
        half("target-missing.log", text(no_duration), "value-missing"),
        half("values-101.log", text(good | {"FlowDuration": list(range(101))}), "too-many-values"),
        half("value-infinite.log", infinite, "value-out-of-range"),
        half("value-bool.log", text(good | {"FlowDuration": True}), "value-not-a-number"),
        half("value-text.log", text(good | {"FlowDuration": "50"}), "value-not-a-number"),
        half("resolution-30.log", text(resolution_30), "storage-resolution-invalid"),
    ]


def _fine(timestamp_ms: int) -> list[BadFile]:
    """Lines that look bad and are not, or that deserve no more than a note."""
    good = document(timestamp_ms)
    whole: dict[str, Any] = {
        "record": "metric",
        "datapoints": 4,
        "sums": {"FlowCompleted": 1, "FlowDuration": 50},
        "timestamp_ms": timestamp_ms,
    }
    escaped = text(good).replace(b'"_aws"', b'"\\u005faws"').replace(b"CloudWatchMetrics", b"CloudWatch\\u004detrics")
    no_timestamp = {**good, "_aws": {"CloudWatchMetrics": good["_aws"]["CloudWatchMetrics"]}}
    old_version = {**good["_aws"], **{member: good[member] for member in good if member != "_aws"}}
    agent = old_version | {"Version": "0", "Timestamp": str(timestamp_ms)}
    one_megabyte = (
        text(good)[:-1] + b', "p": "' + b"x" * (LOG_EVENT_BYTES - len(text(good)) - len(b', "p": ""')) + b'"}'
    )
    levels_512 = text(good)[:-1] + b', "p": ' + b"[" * 511 + b"]" * 511 + b"}"
    beyond_ascii = text(good | {"FlowName": "größer"})
    marked = _with_line("byte-order-mark.log", text(good), **whole)
    return [
        _with_line("windows-line-endings.log", text(good), **whole, ending=b"\r\n"),
        replace(marked, data=b"\xef\xbb\xbf" + marked.data),
        _with_line("escaped-spelling.log", escaped, **whole),
        _with_line("version-0-of-the-agent.log", text(agent), **whole),
        _with_line("one-megabyte-exactly.log", one_megabyte, **whole),
        _with_line("property-of-512-levels.log", levels_512, **whole),
        _with_line("no-timestamp.log", text(no_timestamp), "timestamp-missing", **whole),
        _with_line("dimension-beyond-ascii.log", beyond_ascii, "dimension-value-not-ascii", **whole),
        _with_line("ordinary-line-of-two-megabytes.log", b"x" * 2_000_000, timestamp_ms=timestamp_ms, record="other"),
    ]


def _bad_sources(timestamp_ms: int) -> list[BadFile]:
    """Files that are at fault as a whole, or at their end."""
    before, _ = _around(timestamp_ms)
    good = text(document(timestamp_ms))
    lines = b"\n".join([*before, good, b""])
    seen: dict[str, Any] = {
        "metric": 3,
        "other": 3,
        "rejected": 0,
        "datapoints": 12,
        "sums": {"FlowCompleted": 3.0, "FlowDuration": 250.5},
    }
    binary = b"\x7fELF\x02\x01\x01\x00\x00\n\x00\x00\xff\xfe\n\x00\n"
    return [
        BadFile("empty.log", b"", ((0, "source-empty"),), 0, 0, 0),
        BadFile("trailing.log.gz", gzip.compress(lines, mtime=0) + b"text\n", ((0, "source-trailing-data"),), **seen),
        BadFile("binary.log", binary, ((0, "source-not-text"),), 0, 3, 0),
        BadFile("torn-end.log", lines + good[:-20], ((7, "line-incomplete"),), **seen, incomplete=1),
        BadFile("no-newline-at-the-end.log", lines[:-1], (), **seen),
    ]


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for bad_file in write_bad_files(target, int(time.time() * 1000)).values():
        sys.stdout.write(f"{bad_file.name}: {list(bad_file.findings)} {bad_file.records}\n")
