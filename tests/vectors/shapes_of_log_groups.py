"""Files of the corpus of shapes that came out of CloudWatch Logs, those with wrappers in wrappers, and damaged ones.

A directory is filled; nothing comes out.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from shape_files import Files
from shape_wrappers import (
    CONTROL,
    GROUP,
    REQUEST,
    STREAM,
    TEXT,
    TIME,
    TIME_MS,
    compact,
    cri,
    data_message,
    docker,
    emf,
    event,
    firehose,
    firelens,
    kinesis,
    packed,
    plain,
    pod,
    pretty,
)


def command_line(files: Files) -> None:
    """Write what the AWS CLI prints, and exports to S3."""
    lambda_line = f"{TIME}.273Z\t{REQUEST}\tINFO\t{emf(4)}\n"
    messages = [emf(1), TEXT + "\n", lambda_line, emf(8, timestamp_ms=None) + "\n"]
    with_ids = [event(number, message) for number, message in enumerate(messages, start=1)]
    without = [event(number, message, ids=False) for number, message in enumerate(messages, start=1)]
    values, received = [1, 4, 8], [TIME_MS, TIME_MS, TIME_MS + 4]
    searched = {"events": with_ids, "searchedLogStreams": []}
    paged = {"events": without, "nextForwardToken": "f/3801/s", "nextBackwardToken": "b/3800/s"}
    for name, document in (("filter-log-events", searched), ("get-log-events", paged)):
        line = 3 + 3 * (len(document["events"][0]) + 2)  # of the fourth event's brace
        files.add(
            f"{name}.json",
            "aws-logs",
            pretty(document),
            values,
            other=1,
            findings=[(line, "timestamp-missing")],
            received_ms=received,
        )
        files.add(
            f"{name}-line.json",
            "aws-logs",
            [compact(document)],
            values,
            other=1,
            findings=[(1, "timestamp-missing")],
            received_ms=received,
        )
    files.add(
        "filter-log-events-jq.json",
        "aws-logs",
        pretty(searched, 2),
        values,
        other=1,
        findings=[(24, "timestamp-missing")],
    )
    files.add(
        "events-each.json", "aws-logs", map(compact, with_ids), values, other=1, findings=[(4, "timestamp-missing")]
    )
    files.add("events-query.json", "aws-logs", pretty(with_ids), values, other=1, findings=[(1, "timestamp-missing")])
    files.add("events-none.json", "aws-logs", pretty({"events": [], "searchedLogStreams": []}), [], sums={}, counts={})
    files.add(
        "filter-log-events.txt",
        "aws-logs",
        [
            f"EVENTS\t{each['eventId']}\t{each['ingestionTime']}\t{STREAM}\t{each['message']}\t{TIME_MS}"
            for each in with_ids
        ]
        + [f"SEARCHEDLOGSTREAMS\tTrue\t{STREAM}"],
        values,
        other=2,
        findings=[(6, "timestamp-missing")],
        received_ms=received,
    )
    files.add(
        "get-log-events.txt",
        "aws-logs",
        ["b/3800/s\tf/3801/s"] + [f"EVENTS\t{each['ingestionTime']}\t{each['message']}\t{TIME_MS}" for each in without],
        values,
        other=2,
        findings=[(7, "timestamp-missing")],
        received_ms=received,
    )
    at = f"{TIME}.123000+00:00 {STREAM}"
    files.add(
        "tail.log", "aws-logs", [f"{at} {emf(1)}", f"{at} {TEXT}", f"{at} {lambda_line.strip()}"], [1, 4], other=1
    )
    files.add(
        "tail-short.log",
        "aws-logs",
        [f"{TIME} {emf(1)}", f"{TIME} {TEXT}", f"{TIME} {lambda_line.strip()}"],
        [1, 4],
        other=1,
    )
    files.add(
        "tail-json.log",
        "aws-logs",
        [
            f"{at} ",
            *pretty(json.loads(emf(1))),
            f"{TIME}+00:00 {STREAM} {TEXT}",
            f"{TIME}+00:00 {STREAM} ",
            *pretty(json.loads(emf(2))),
        ],
        [1, 2],
        other=1,
    )
    files.add(
        "s3-export.log",
        "s3-export",
        [f"{TIME}.000Z {emf(1)}", f"{TIME}.001Z {TEXT}", f"{TIME}.000Z {emf(2)}"],
        [1, 2],
        other=1,
    )
    files.add(
        "s3-export-lambda.log",
        "s3-export",
        [f"{TIME}.500Z {lambda_line.strip()}", f"{TIME}.501Z {emf(2, timestamp_ms=None)}"],
        [4, 2],
        findings=[(2, "timestamp-missing")],
        received_ms=[TIME_MS, TIME_MS + 501],
    )


def subscriptions(files: Files) -> None:
    """Write what subscriptions deliver."""
    message = data_message([emf(1), TEXT, emf(2, timestamp_ms=None)])
    told = {"findings": [(1, "timestamp-missing")], "received_ms": [TIME_MS, TIME_MS + 3], "log_group": GROUP}
    files.add(
        "subscription.json", "subscription", [compact({"awslogs": {"data": packed(message)}})], [1, 2], other=1, **told
    )
    files.add(
        "subscription-pretty.json",
        "subscription",
        pretty({"awslogs": {"data": packed(message)}}),
        [1, 2],
        other=1,
        **told,
    )
    files.add("data-message.json", "subscription", [compact(message), compact(CONTROL)], [1, 2], other=2, **told)
    files.add("data-message-pretty.json", "subscription", pretty(message), [1, 2], other=1, **told)
    more = data_message([emf(4)], first_id=9)
    files.add(
        "kinesis.json",
        "subscription",
        [compact(kinesis(packed(message), packed(CONTROL), packed(more)))],
        [1, 2, 4],
        other=2,
        findings=told["findings"],
        log_group=GROUP,
    )
    lines = plain(f"{emf(1)}\n{TEXT}\n{emf(2)}\n")
    files.add(
        "kinesis-lines.json", "subscription", pretty(kinesis(lines, plain(emf(4) + emf(8)))), [1, 2, 4, 8], other=1
    )
    files.add(
        "firehose.json",
        "subscription",
        pretty(firehose(packed(message), packed(more))),
        [1, 2, 4],
        other=1,
        findings=told["findings"],
        log_group=GROUP,
    )
    files.add("firehose-lines.json", "subscription", [compact(firehose(lines))], [1, 2], other=1)
    files.add(
        "firehose-object.json",
        "subscription",
        [compact(message) + compact(CONTROL) + compact(more)],
        [1, 2, 4],
        other=2,
        findings=told["findings"],
        ending=b"",
        log_group=GROUP,
    )
    files.add(
        "firehose-object-emf.json",
        "raw",
        [emf(1) + emf(2, Reply="}{") + emf(4)],
        [1, 2, 4],
        ending=b"",
        findings=[(1, "objects-share-line")] * 3,
    )


def nested(files: Files) -> None:
    """Write wrappers in wrappers, duplicates, and everything in one file."""
    wrapped = pod(1, log=cri("F", emf(1)).decode())
    files.add(
        "nested.json",
        "subscription",
        [
            compact({"awslogs": {"data": packed(data_message([docker(emf(2) + "\n"), wrapped]))}}),
            compact(kinesis(packed(data_message([docker(emf(4)[:40]), docker(emf(4)[40:] + "\n")], first_id=5)))),
        ],
        [2, 1, 4],
        log_group=GROUP,
    )
    files.add(
        "nested-export.log", "s3-export", [f"{TIME}.000Z {wrapped}", f"{TIME}.000Z " + docker(emf(2) + "\n")], [1, 2]
    )
    twice = [event(1, emf(1)), event(2, TEXT), event(1, emf(1)), event(3, emf(4)), event(2, TEXT)]
    files.add(
        "duplicates.json",
        "aws-logs",
        pretty({"events": twice, "searchedLogStreams": []}),
        [1, 4],
        other=1,
        records={"duplicate": 2},
    )
    again = data_message([emf(1)])
    files.add(
        "duplicates-subscription.json",
        "subscription",
        [compact({"awslogs": {"data": packed(again)}})] * 3,
        [1],
        records={"duplicate": 2},
        log_group=GROUP,
    )
    everything = [
        emf(1),
        docker(emf(2)[:50]),
        cri("P", emf(4)[:30]),
        TEXT,
        f"{TIME}.000Z {emf(8)}",
        docker(emf(2)[50:] + "\n"),
        *pretty({"events": [event(1, emf(16)), event(2, TEXT)], "searchedLogStreams": []}),
        firelens(emf(32)),
        cri("F", emf(4)[30:]),
        compact({"awslogs": {"data": packed(data_message([emf(64)], first_id=7))}}),
        "{",
        "  a brace alone",
        "}",
        f"[INFO]\t{TIME}.273Z\t{REQUEST}\t{emf(128)}",
        compact(CONTROL),
        emf(256),
    ]
    files.add("mixed.log", "auto", everything, [2**number for number in range(9)], other=6)


def damaged(files: Files) -> None:
    """Write what cannot be read, or not yet."""
    none: dict[str, Any] = {"sums": {}, "counts": {}}
    files.add(
        "payload-not-base64.json",
        "subscription",
        [compact({"awslogs": {"data": "%%%"}}), compact(kinesis("e30"))],
        [],
        records={"rejected": 2},
        findings=[(1, "base64-invalid"), (2, "base64-invalid")],
        **none,
    )
    whole = base64.b64decode(packed(CONTROL))
    broken = [base64.b64encode(each).decode() for each in (whole[:-9], whole[:20] + bytes(20) + whole[40:])]
    files.add(
        "payload-damaged.json",
        "subscription",
        [compact(firehose(*broken))],
        [],
        records={"rejected": 2},
        findings=[(1, "payload-damaged"), (1, "payload-damaged")],
        **none,
    )
    deep = emf(1) + "\n"
    for _ in range(8):
        deep = docker(deep) + "\n"
    files.add(
        "too-deep.log",
        "docker",
        [deep.strip(), docker(emf(2) + "\n")],
        [2],
        records={"rejected": 1},
        findings=[(1, "wrapped-too-deep")],
    )
    cut = pretty({"events": [event(1, emf(1)), event(2, emf(2))]})[:-6]
    files.add("cut-off.json", "auto", [*cut, emf(4)], [1, 4], records={"rejected": 1}, findings=[(10, "truncated")])
    files.add(
        "parts-waiting.log",
        "cri",
        [cri("F", emf(1)), cri("P", emf(2)[:40]), cri("F", TEXT, stream="stderr")],
        [1],
        other=1,
        records={"incomplete": 1},
        findings=[(2, "part-waiting")],
    )
    files.add(
        "torn.log",
        "docker",
        [docker(emf(1) + "\n") + "\n" + docker(emf(2) + "\n")[:-9]],
        [1],
        ending=b"",
        records={"incomplete": 1},
        findings=[(2, "line-incomplete")],
    )
