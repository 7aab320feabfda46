"""Answers CloudWatch Logs Insights queries over lines, as far as our own queries go, without any code of ours.

A query and documents go in; rows come out. The commands are put into DuckDB's SQL one by one: what CloudWatch documents
of them at https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html and no more.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb

_FUNCTIONS = {"sum", "count", "max", "coalesce", "quantile_cont", "to_timestamp", "time_bucket"}


def ask(query: str, documents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Answer a query.

    Args:
        query: commands, each after a bar.
        documents: the lines' JSON objects.
    """
    source = "lines"
    for command in re.split(r"^\| ", query, flags=re.MULTILINE):
        word, _, rest = " ".join(command.split()).partition(" ")
        source = f"({_STEPS[word](_expression(rest), source)})"
    with tempfile.TemporaryDirectory() as directory, duckdb.connect() as connection:
        file = Path(directory, "lines.jsonl")
        file.write_text("".join(f"{json.dumps(each)}\n" for each in documents))
        connection.execute(f"CREATE TABLE lines AS SELECT * FROM read_json('{file}', sample_size = -1)")
        cursor = connection.execute(f"FROM {source}")
        columns = [each[0] for each in cursor.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def _expression(text: str) -> str:
    text = re.sub(r"\bispresent\((\w+)\)", r"\1 IS NOT NULL", text)
    text = re.sub(r"\bpct\((\w+), (\d+)\)", r"quantile_cont(\1, \2 / 100)", text)
    text = re.sub(r"\bbin\(1h\)", "bin", text)
    called = set(re.findall(r"(\w+)\(", text))
    assert called <= _FUNCTIONS, called
    return text.replace("`", '"')


def _stats(rest: str, source: str) -> str:
    aggregates, _, keys = rest.rpartition(" by ")
    hours = "SELECT *, date_trunc('hour', epoch_ms(_aws.Timestamp)) AS bin FROM" if keys == "bin" else "FROM"
    return f"SELECT {keys}, {aggregates} FROM ({hours} {source}) GROUP BY {keys}"


_STEPS = {
    "filter": lambda rest, source: f"FROM {source} WHERE {rest}",
    "fields": lambda rest, source: f"SELECT *, {rest} FROM {source}",
    "sort": lambda rest, source: f"FROM {source} ORDER BY {rest}",
    "stats": _stats,
}
