"""Files of the corpus of shapes that lie where applications run: containers, Lambda, Fluent Bit, OpenTelemetry.

A directory is filled; nothing comes out.
"""

from __future__ import annotations

import json

from shape_files import Files
from shape_wrappers import (
    LONG,
    REQUEST,
    TEXT,
    TIME,
    TIME_MS,
    compact,
    cri,
    docker,
    emf,
    firelens,
    pod,
)


def containers(files: Files) -> None:
    """Write what Docker and containerd leave, and plain logs."""
    files.add("raw.log", "raw", [emf(1), TEXT, compact({"level": "INFO", "message": TEXT}), emf(2)], [1, 2], other=2)
    files.add(
        "raw-crlf.log", "raw", [TEXT, emf(3), compact({"message": "x", "log_level": 1})], [3], other=2, ending=b"\r\n"
    )
    files.add(
        "docker.log",
        "docker",
        [docker(emf(1) + "\n"), docker(TEXT + "\n"), docker(emf(2) + "\n", stream="stderr")],
        [1, 2],
        other=1,
    )
    size, rest = 16 * 1024, emf(4, Reply="x" * 40_000) + "\n"
    parts = [rest[start : start + size] for start in range(0, len(rest), size)]
    between = docker(emf(5) + "\n", stream="stderr")
    small = emf(6) + "\n"
    files.add(
        "docker-parts.log",
        "docker",
        [
            docker(small[:9]),
            between,
            docker(small[9:80]),
            docker(emf(7)[:9], stream="stderr"),
            docker(small[80:]),
            docker(emf(7)[9:] + "\n", stream="stderr"),
            docker("not cut\n"),
        ],
        [5, 6, 7],
        other=1,
    )
    files.add(
        "docker-16k.log",
        "docker",
        [docker(parts[0]), between, docker(parts[1]), docker(parts[2]), docker(TEXT + "\n")],
        [5, 4],
        other=1,
    )
    files.add(
        "cri.log",
        "cri",
        [cri("F", emf(1)), cri("F", TEXT, stream="stderr"), cri("F", emf(2)), cri("F", "")],
        [1, 2],
        other=2,
    )
    raw = LONG.encode()
    inside = raw.index("€".encode()) + 1  # inside a character
    files.add(
        "cri-parts.log",
        "cri",
        [
            cri("P", raw[:60]),
            cri("P", emf(5)[:70], stream="stderr"),
            cri("P", raw[60:inside]),
            cri("F", emf(5)[70:], stream="stderr"),
            cri("P:X", raw[inside:-1]),
            cri("F", raw[-1:]),
            cri("F", TEXT),
        ],
        [5, 7],
        other=1,
    )


def lambda_logs(files: Files) -> None:
    """Write what Lambda writes."""
    start, end = f"START RequestId: {REQUEST} Version: $LATEST", f"END RequestId: {REQUEST}"
    at = f"{TIME}.273Z\t{REQUEST}"
    files.add(
        "lambda-node.log",
        "lambda",
        [start, f"{at}\tINFO\t{emf(1)}", f"{at}\tWARN\tcareful", emf(2), end],
        [1, 2],
        other=3,
    )
    files.add(
        "lambda-bare.log",
        "lambda",
        [f"{at}\t{emf(1)}", f"{TIME}.273Z {REQUEST} {emf(2)}", f"{at}\tplain text"],
        [1, 2],
        other=1,
    )
    files.add(
        "lambda-python.log",
        "lambda",
        [
            f"[INFO]\t{TIME}.273Z\t{REQUEST}\t{emf(4, timestamp_ms=None)}",
            f"[ERROR]\t{TIME}.273Z\t{REQUEST}\tno",
            emf(8),
        ],
        [4, 8],
        other=1,
        findings=[(1, "timestamp-missing")],
        received_ms=[TIME_MS + 273, TIME_MS],
    )
    as_json = {"timestamp": f"{TIME}.273Z", "level": "INFO", "requestId": REQUEST}
    platform = {"time": f"{TIME}.273Z", "type": "platform.start", "record": {"requestId": REQUEST}}
    files.add(
        "lambda-json.log",
        "lambda",
        [
            compact(platform),
            compact({**as_json, "message": emf(1) + "\n"}),
            compact({**as_json, "message": TEXT}),
            emf(2),
        ],
        [1, 2],
        other=2,
    )
    files.add(
        "lambda-json-object.log",
        "lambda",
        [compact({**as_json, "message": json.loads(emf(1))}), compact({**as_json, "message": {"a": {"message": {}}}})],
        [1],
        other=1,
    )


def fluent_bit(files: Files) -> None:
    """Write what FireLens and Fluent Bit write."""
    files.add("firelens.log", "fluent-bit", [firelens(emf(1)), firelens(TEXT), firelens(emf(2))], [1, 2], other=1)

    def part(text: str, ordinal: int, number: str, *, last: bool) -> str:
        return firelens(
            text,
            partial_message="true",
            partial_id=number,
            partial_ordinal=str(ordinal),
            partial_last=str(last).lower(),
        )

    one, two = LONG, emf(9)
    files.add(
        "firelens-parts.log",
        "fluent-bit",
        [
            part(one[50:90], 2, "a", last=False),
            part(two[:40], 1, "b", last=False),
            part(one[90:], 3, "a", last=True),
            part(two[40:], 2, "b", last=True),
            part(one[:50], 1, "a", last=False),
            firelens(TEXT),
        ],
        [9, 7],
        other=1,
    )
    files.add(
        "fluent-bit-cri.log",
        "fluent-bit",
        [
            pod(1, log=cri("F", emf(1)).decode()),
            pod(1, log=cri("P", emf(2)[:50]).decode()),
            pod(2, log=cri("P", emf(4)[:30]).decode()),
            pod(1, log=cri("F", emf(2)[50:]).decode()),
            pod(2, log=cri("F", emf(4)[30:]).decode()),
        ],
        [1, 2, 4],
    )
    files.add(
        "fluent-bit-logtag.log",
        "fluent-bit",
        [
            pod(1, stream="stdout", logtag="F", message=emf(1)),
            pod(1, stream="stdout", logtag="P", message=emf(2)[:50]),
            pod(2, stream="stdout", logtag="P", message=emf(4)[:30]),
            pod(2, stream="stdout", logtag="F", message=emf(4)[30:]),
            pod(1, stream="stdout", _p="F", log=emf(2)[50:]),
            pod(1, stream="stderr", logtag="F", message=TEXT),
        ],
        [1, 2, 4],
        other=1,
    )
    text = emf(3, Reply="x" * 20_000) + "\n"
    files.add(
        "fluent-bit-docker.log",
        "fluent-bit",
        [
            pod(1, stream="stdout", log=text[:16384]),
            pod(2, stream="stdout", log=emf(6)),
            pod(1, stream="stdout", log=text[16384:]),
        ],
        [6, 3],
    )
    files.add(
        "fluent-bit-plain.log", "fluent-bit", [compact({"date": TIME_MS / 1000, "log": emf(n)}) for n in (1, 2)], [1, 2]
    )


def targets(files: Files) -> None:
    """Write metrics as OpenTelemetry gives them, and version 0."""
    histogram = {"Values": [1, 2.5], "Counts": [3, 2], "Sum": 8, "Min": 1, "Max": 2.5, "Count": 5}
    statistics = {"Max": 5, "Min": 1, "Count": 4, "Sum": 10}
    otel = {"Version": "1", "OTelLib": "shop"}
    files.add(
        "otel-histogram.log", "raw", [emf(histogram, **otel), emf(2, **otel)], [0, 0], sums={"A": 10}, counts={"A": 6}
    )
    files.add("otel-docker.log", "docker", [docker(emf(histogram, **otel) + "\n")], [0], sums={"A": 8}, counts={"A": 5})
    files.add("otel-statistic-set.log", "raw", [emf(statistics, **otel)], [0], sums={"A": 10}, counts={"A": 4})
    files.add(
        "otel-firelens.log", "fluent-bit", [firelens(emf(statistics, **otel))], [0], sums={"A": 10}, counts={"A": 4}
    )
    document = json.loads(emf(3))
    old = {"Version": "0", **document.pop("_aws"), **document}
    files.add("version-0.log", "raw", [compact(old), TEXT], [3], other=1)
    files.add("version-0-cri.log", "cri", [cri("F", compact({**old, "Version": 0}))], [3])
