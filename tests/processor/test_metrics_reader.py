"""The reader of METRICS: what questions cannot do, what is said of wrong ones, and how they end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from metric_lines import document, event, flow_end

from flowemf_processor.errors import ConfigurationError
from flowemf_processor.sinks.local import LocalStore, open_read_only
from flowemf_processor.sinks.metrics_reader import MetricsReader, Narrowing, questions

HARMLESS = ("CHECKPOINT", "VACUUM")
"""What DuckDB does not refuse by itself, and what has no effect."""


@pytest.fixture
def reader() -> Iterator[MetricsReader]:
    """Give a reader of a few metrics."""
    with LocalStore(None) as store:
        store.store([event(flow_end("chat", "Success"))], [])
        yield MetricsReader(store.connection)


HOSTILE = (
    "DROP VIEW METRICS",
    "DELETE FROM points",
    "CREATE TABLE t (a INTEGER)",
    "INSERT INTO points SELECT * FROM points",
    "WITH gone AS (DELETE FROM points RETURNING *) SELECT * FROM gone",
    "EXPLAIN ANALYZE DELETE FROM points",
    "COPY (SELECT 1) TO 'stolen.csv'",
    "COPY points TO 'stolen.parquet'",
    "EXPLAIN ANALYZE COPY points TO 'stolen.csv'",
    "EXPORT DATABASE 'stolen'",
    "ATTACH 'other.duckdb'",
    "SELECT * FROM 'secret.csv'",
    "SELECT * FROM read_csv('secret.csv')",
    "SELECT * FROM read_text('secret.csv')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM glob('*')",
    "SELECT * FROM sniff_csv('secret.csv')",
    "SELECT * FROM 'https://127.0.0.1:9/x.csv'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "RESET lock_configuration",
    "PRAGMA enable_external_access",
    "CALL enable_logging()",
    "SELECT * FROM connection",
    "SELECT getenv('HOME')",
    "CHECKPOINT",
    "VACUUM",
)


def answered(reader: MetricsReader, sql: str) -> list[Any]:
    """Ask as the command does."""
    return [row for statement in questions(sql) for row in reader.ask(statement).rows]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a store with one row, in a directory with a file that no question may read."""
    path = tmp_path_factory.mktemp("hostile") / "store.duckdb"
    with LocalStore(path) as opened:
        opened.store([event(document({"Depth": 1}))], [])
    (path.parent / "secret.csv").write_text("secret\n42\n")
    return path


@pytest.mark.parametrize("sql", HOSTILE)
def test_no_question_writes_or_reaches_a_file(store: Path, monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    """Of a store not a byte changes, and nothing is made beside it, even where a statement were let through."""
    monkeypatch.chdir(store.parent)
    before = store.read_bytes()
    with open_read_only(store) as connection:
        reader = MetricsReader(connection, exports=store.parent / "allowed.parquet")
        with pytest.raises(ConfigurationError, match=r"^SQL"):
            answered(reader, sql)
        with contextlib.nullcontext() if sql in HARMLESS else pytest.raises(ConfigurationError, match=r"^SQL"):
            list(reader.ask(sql).rows)
        assert answered(reader, "SELECT COUNT(*) FROM METRICS") == [(1,)]
    assert store.read_bytes() == before
    assert sorted(each.name for each in store.parent.iterdir()) == ["secret.csv", "store.duckdb"]


def test_what_is_read_from_logs_cannot_reach_files_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store in memory is written to until the last line was read, and then locked."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.csv").write_text("secret\n42\n")
    with LocalStore(None) as store:
        store.store([event(document({"Depth": 1}))], [])
        reader = MetricsReader(store.connection)
        for sql in HOSTILE:
            with contextlib.suppress(ConfigurationError):
                assert "42" not in repr(answered(reader, sql)), sql
        assert sorted(each.name for each in tmp_path.iterdir()) == ["secret.csv"]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT TokenUsed FROM METRICS", 'there is no column "TokenUsed"; did you mean TokensUsed'),
        ("SELECT m.flownam FROM METRICS m", 'there is no column "flownam"; did you mean FlowName'),
        ("SELECT xyzzy FROM METRICS", "DESCRIBE METRICS lists the columns"),
        ("SELECT * FROM METRIC", 'there is no table "METRIC"; the metrics are in METRICS'),
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT 1 +\n FROM METRICS\n WHERE (", "SQL line 2: syntax error"),
        ("SELECT MetricName, COUNT(*) FROM METRICS", "GROUP BY"),
        ("SELECT SUM(FlowName) FROM METRICS", "sum(VARCHAR)"),
        ("SELECT CAST(MetricName AS INTEGER) FROM METRICS", "Could not convert"),
        ("  ", "the SQL is empty"),
        ("-- nothing\n", "the SQL is empty"),
        ("SELECT $what", "what"),
        ("SELECT 'a\nb", "unterminated"),
        ("x" * 5000 + " y", "syntax error"),
    ],
)
def test_wrong_sql_says_what_was_meant(reader: MetricsReader, sql: str, said: str) -> None:
    """In one line, with the place where there are several lines, and the nearest names."""
    with pytest.raises(ConfigurationError) as raised:
        answered(reader, sql)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_question_in_vain_leaves_the_reader_in_order(reader: MetricsReader) -> None:
    """The next question is answered."""
    with pytest.raises(ConfigurationError):
        answered(reader, "SELECT CAST(MetricName AS INTEGER) FROM METRICS")
    assert answered(reader, "SELECT COUNT(*) > 0 FROM METRICS") == [(True,)]


def test_a_question_that_takes_too_long_is_given_up(reader: MetricsReader) -> None:
    """Soon, and the next one is answered; the time is that of all questions of a block together."""
    began = time.monotonic()
    with pytest.raises(ConfigurationError, match=r"no answer within 0\.3 s.*--timeout"), reader.limited(0.3):
        answered(reader, "SELECT COUNT(*) FROM range(100000000) a, range(100000000) b")
    assert time.monotonic() - began < 20
    with reader.limited(60):
        assert answered(reader, "SELECT 1") == [(1,)]
    with pytest.raises(ConfigurationError, match="no answer"), reader.limited(1e-9):
        answered(reader, "SELECT COUNT(*) FROM range(100000000) a, range(100000000) b")


@pytest.mark.parametrize("name", ["a'b", 'a"b', "main", "temp", "select"])
def test_a_store_of_any_name_can_be_narrowed(tmp_path: Path, name: str) -> None:
    """DuckDB names the database by its file."""
    store = tmp_path / f"{name}.duckdb"
    with LocalStore(store) as opened:
        opened.store([event(document({"Depth": each}, dimensions={"K'": f"v'{each}"})) for each in (1, 2)], [])
    with open_read_only(store) as connection:
        reader = MetricsReader(connection, Narrowing(dimensions=(("K'", "v'2"),)))
        assert answered(reader, "SELECT Depth FROM METRICS") == [(2,)]
