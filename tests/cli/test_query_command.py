"""Asks questions with the real command: where the metrics come from, in which forms answers come, what is refused."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import duckdb
import pytest
from command_process import heed_interrupts
from emf_totals import documents_of
from metric_lines import document
from s3_servers import client, moto

from flowemf_processor.cli.main import run
from flowemf_processor.core.insight.questions import QUESTIONS

if TYPE_CHECKING:
    from command_process import Finished, Flowemf

TOTALS = "SELECT ModelID, SUM(TokensUsed) AS Total FROM METRICS WHERE ModelID IS NOT NULL GROUP BY 1 ORDER BY 1"


def rows_of(finished: Finished) -> list[dict[str, Any]]:
    """Read an answer in JSON."""
    assert finished.returncode == 0, finished.stderr.decode()
    rows: list[dict[str, Any]] = json.loads(finished.stdout)
    return rows


def totals(log: Path) -> list[dict[str, Any]]:
    """Answer TOTALS with plain json."""
    found: dict[str, int] = {}
    for each in documents_of(log.read_text().splitlines()):
        if "TokensUsed" in each:
            found[each["ModelID"]] = found.get(each["ModelID"], 0) + each["TokensUsed"]
    return [{"ModelID": model, "Total": found[model]} for model in sorted(found)]


def log_of(*documents: dict[str, Any]) -> bytes:
    """Write lines."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in documents)


# --- Where the metrics come from --------------------------------------------------------------------------------------


def test_the_store_and_the_log_give_the_same_answers(flowemf_command: Flowemf, demo_log: Path) -> None:
    """What replay stored, and the file itself; a ready-made question, and SQL."""
    assert flowemf_command("replay", demo_log, "--to", "local").returncode == 0
    for question in (TOTALS, "slow-flows"):
        stored = rows_of(flowemf_command("query", question, "--format", "json"))
        assert stored == rows_of(flowemf_command("query", question, demo_log, "--format", "json"))
    assert rows_of(flowemf_command("query", TOTALS, "--format", "json")) == totals(demo_log)


def test_logs_are_read_as_everywhere_else(flowemf_command: Flowemf, demo_log: Path, tmp_path: Path) -> None:
    """Compressed, wrapped by Docker, in a directory, by a pattern, and from standard input."""
    logs = tmp_path / "logs"
    logs.mkdir()
    half, rest = (lines := demo_log.read_bytes().splitlines(keepends=True))[::2], lines[1::2]
    (logs / "a.log.gz").write_bytes(gzip.compress(b"".join(half)))
    wrapped = [json.dumps({"log": each.decode(), "stream": "stdout", "time": "2026-01-01T00:00:00Z"}) for each in rest]
    (logs / "b.log").write_text("\n".join(wrapped) + "\n")
    expected = totals(demo_log)
    assert rows_of(flowemf_command("query", TOTALS, "logs", "--format", "json")) == expected
    assert rows_of(flowemf_command("query", TOTALS, "logs/*", "--format", "json")) == expected
    piped = flowemf_command("query", TOTALS, "-", "--format", "json", stdin=demo_log.read_bytes())
    assert rows_of(piped) == expected
    docker = flowemf_command("query", TOTALS, "logs/b.log", "--log-format", "docker", "--format", "json")
    assert 0 < len(rows_of(docker)) <= len(expected)


def test_logs_in_buckets_and_log_groups(
    flowemf_command: Flowemf, demo_log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their URLs, with the option for the endpoint and with the environment."""
    with moto() as url:
        s3 = client(url)
        s3.create_bucket(Bucket="logs")
        s3.put_object(Bucket="logs", Key="app.log.gz", Body=gzip.compress(demo_log.read_bytes()))
        found = flowemf_command("query", TOTALS, "s3://logs/app.log.gz", "--s3-endpoint-url", url, "--format", "json")
        assert rows_of(found) == totals(demo_log)
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        logs = boto3.client("logs")
        logs.create_log_group(logGroupName="chat")
        logs.create_log_stream(logGroupName="chat", logStreamName="s")
        now_ms = int(time.time() * 1000)
        one = json.dumps(document({"TokensUsed": 5}, dimensions={"ModelID": "m"}, timestamp_ms=now_ms))
        logs.put_log_events(
            logGroupName="chat", logStreamName="s", logEvents=[{"timestamp": now_ms - 1000, "message": one}]
        )
        found = flowemf_command("query", TOTALS, "logs://chat?since=1h", "--format", "json")
        assert rows_of(found) == [{"ModelID": "m", "Total": 5}]


def test_the_account_of_what_was_read_goes_to_stderr(flowemf_command: Flowemf) -> None:
    """With the first thing that is wrong, so that nobody trusts an answer that lacks lines unknowingly."""
    bad = document({"Latency": 1}, unit="ms")
    finished = flowemf_command("query", "metrics", "-", stdin=log_of(document({"Latency": 1}), bad))
    said = finished.stderr.decode()
    assert "flowemf query: 2 lines in 1 source" in said
    assert "-:2: " in said
    assert "the unit is none that CloudWatch knows" in said
    assert finished.returncode == 0


def test_a_log_that_cannot_be_read_to_its_end_gives_3(flowemf_command: Flowemf, demo_log: Path, tmp_path: Path) -> None:
    """The answer is there, of what could be read, and the exit code says that it lacks something."""
    (tmp_path / "cut.gz").write_bytes(gzip.compress(demo_log.read_bytes())[:-2000])
    finished = flowemf_command("query", TOTALS, "cut.gz", "--format", "json")
    assert finished.returncode == 3
    assert json.loads(finished.stdout)
    assert "cut.gz:0: " in finished.stderr.decode()


def test_narrowing_holds_for_logs_and_stores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By time, by dimension and by namespace."""
    monkeypatch.chdir(tmp_path)
    hour_ms = 3_600_000
    now_ms = int(time.time() * 1000)
    several = [
        document({"Depth": 1}, dimensions={"FlowName": "a", "Team": "x=y"}, timestamp_ms=now_ms - 3 * hour_ms),
        document({"Depth": 2}, dimensions={"FlowName": "a"}, timestamp_ms=now_ms - 3 * hour_ms),
        document({"Depth": 4}, dimensions={"FlowName": "b"}, timestamp_ms=now_ms, namespace="App/Two"),
    ]
    (tmp_path / "app.log").write_bytes(log_of(*several))
    assert run(["replay", "app.log", "--to", "local"]) == 0

    def asked(*arguments: str) -> float:
        capsys.readouterr()
        assert run(["query", "SELECT SUM(Depth) FROM METRICS", "--format", "csv", *arguments]) == 0
        return float(capsys.readouterr().out.splitlines()[1])

    def total(*options: str) -> float:
        stored, read = asked(*options), asked(*options, "--", "app.log")
        assert stored == read
        return stored

    assert total() == 7
    assert total("--since", "1h") == 4
    assert total("--until", "1h") == 3
    assert total("--since", "4h", "--until", "2h") == 3
    assert total("--where", "FlowName=a") == 3
    assert total("--where", "FlowName=a", "--where", "Team=x=y") == 1
    assert total("--namespace", "App") == 3
    assert total("--namespace", "App/*") == 4


# --- Forms of answers -------------------------------------------------------------------------------------------------

VALUES = """
SELECT * FROM (VALUES
    (1, 0.1::DOUBLE, 'a|b', TIMESTAMP_MS '2026-01-31 12:00:00.5', TRUE, ['x', 'y'], NULL),
    (-7, 12345678.0::DOUBLE, E'line\\nbreak "quoted", comma', TIMESTAMP_MS '2026-01-31 00:00:00', FALSE, [], NULL)
) AS t(whole, real, text, moment, truth, list, nothing)
"""


def test_json_has_an_object_for_each_row(flowemf_command: Flowemf, demo_log: Path) -> None:
    """Exact numbers, whole ones without a fraction, times in ISO 8601, lists as lists; one row a line."""
    finished = flowemf_command("query", VALUES, demo_log, "--format", "json")
    assert rows_of(finished) == [
        {"whole": 1, "real": 0.1, "text": "a|b", "moment": "2026-01-31T12:00:00.500000", "truth": True,
         "list": ["x", "y"], "nothing": None},
        {"whole": -7, "real": 12345678, "text": 'line\nbreak "quoted", comma', "moment": "2026-01-31T00:00:00",
         "truth": False, "list": [], "nothing": None},
    ]  # fmt: skip
    assert len(finished.stdout.splitlines()) == 4
    assert rows_of(flowemf_command("query", "SELECT 1 AS a WHERE FALSE", demo_log, "--format", "json")) == []


def test_csv_comes_back_as_it_was(flowemf_command: Flowemf, demo_log: Path) -> None:
    """Quoted where it has to be; NULL is empty."""
    finished = flowemf_command("query", VALUES, demo_log, "--format", "csv")
    read = list(csv.reader(io.StringIO(finished.stdout.decode(), newline="")))
    assert read == [
        ["whole", "real", "text", "moment", "truth", "list", "nothing"],
        ["1", "0.1", "a|b", "2026-01-31 12:00:00.500", "true", '["x", "y"]', ""],
        ["-7", "12345678", 'line\nbreak "quoted", comma', "2026-01-31 00:00:00", "false", "[]", ""],
    ]


ODD_VALUES = """
SELECT 1.50::DECIMAL(4, 2) AS cents, 'inf'::DOUBLE AS endless, 1e300 AS huge, {'x': 1.0} AS parts, MAP {'k': 2} AS map,
'\\xAB\\xCD'::BLOB AS bytes, DATE '2026-01-31' AS day, TIMESTAMP '2026-01-31 12:00:00.000001' AS moment,
'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::UUID AS id
"""
IDENTITY = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


def test_values_of_every_type_have_a_form(flowemf_command: Flowemf, demo_log: Path) -> None:
    """JSON has no infinity, no dates and no bytes; text has all of them; a table rounds for the eye."""
    [row] = rows_of(flowemf_command("query", ODD_VALUES, demo_log, "--format", "json"))
    assert row == {
        "cents": 1.5, "endless": None, "huge": 1e300, "parts": {"x": 1}, "map": {"k": 2}, "bytes": "abcd",
        "day": "2026-01-31", "moment": "2026-01-31T12:00:00.000001", "id": IDENTITY,
    }  # fmt: skip
    written = flowemf_command("query", ODD_VALUES, demo_log, "--format", "csv").stdout.decode()
    exact = ["inf", "1e+300", '{"x": 1}', '{"k": 2}', "abcd", "2026-01-31", "2026-01-31 12:00:00.000001", IDENTITY]
    assert list(csv.reader(io.StringIO(written)))[1] == ["1.5", *exact]
    shown = flowemf_command("query", ODD_VALUES, demo_log).stdout.decode().splitlines()
    assert re.split(r"\s\s+", shown[2].strip()) == ["1.5", *exact]


def test_columns_of_one_name_are_told_apart_as_duckdb_does(flowemf_command: Flowemf, demo_log: Path) -> None:
    """In an object each name stands once."""
    same = "SELECT 1 AS a, 2 AS a, 3 AS a, 4 AS a_1, 5 AS a"
    [row] = rows_of(flowemf_command("query", same, demo_log, "--format", "json"))
    assert list(row) == duckdb.sql(f"FROM ({same})").columns
    assert list(row.values()) == [1, 2, 3, 4, 5]


def test_markdown_is_a_table(flowemf_command: Flowemf, demo_log: Path) -> None:
    """Bars and line breaks of a value do not break it."""
    lines = flowemf_command("query", VALUES, demo_log, "--format", "markdown").stdout.decode().splitlines()
    assert lines[:2] == ["| whole | real | text | moment | truth | list | nothing |", "|---|---|---|---|---|---|---|"]
    assert lines[2].startswith("| 1 | 0.1 | a\\|b | 2026-01-31 12:00:00.500 |")
    assert lines[3].startswith('| -7 | 12345678 | line\\nbreak "quoted", comma |')
    assert len(lines) == 4


def test_a_table_in_a_pipe_has_a_line_for_each_row(flowemf_command: Flowemf, demo_log: Path) -> None:
    """However wide it is; numbers stand right and are rounded, NULL is a dash."""
    lines = flowemf_command("query", "SELECT * FROM METRICS LIMIT 3", demo_log).stdout.decode().splitlines()
    assert len(lines) == 5
    assert max(map(len, lines)) > 300
    shown = flowemf_command("query", "SELECT 1234.5678 AS n, NULL AS nothing, 'ä日' AS t", demo_log)
    assert shown.stdout.decode().splitlines() == [
        "      n  nothing  t",
        "-------  -------  ---",
        "1,234.6  -        ä日",
    ]


@pytest.mark.parametrize("way", ["file", "pipe", "suffix"])
def test_parquet_is_read_back_as_it_was(flowemf_command: Flowemf, demo_log: Path, tmp_path: Path, way: str) -> None:
    """With types; into a file, or where standard output is one."""
    file = tmp_path / "answer.parquet"
    options = {
        "file": ["--format", "parquet", "-o", file], "pipe": ["--format", "parquet"], "suffix": ["-o", file]
    }[way]  # fmt: skip
    finished = flowemf_command("query", "top-models", demo_log, *options)
    assert finished.returncode == 0, finished.stderr.decode()
    if way == "pipe":
        file.write_bytes(finished.stdout)
    expected = rows_of(flowemf_command("query", "top-models", demo_log, "--format", "json"))
    with duckdb.connect() as connection:
        cursor = connection.execute(f"FROM '{file}'")
        columns = [each[0] for each in cursor.description or ()]
        assert [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()] == expected


def test_a_file_is_written_whole_or_not_at_all(flowemf_command: Flowemf, demo_log: Path, tmp_path: Path) -> None:
    """Its name says the form; a question that fails leaves what was there, and nothing beside it."""
    kept = tmp_path / "models.csv"
    assert flowemf_command("query", TOTALS, demo_log, "-o", kept).stdout == b""
    before = kept.read_text()
    assert before.splitlines()[0] == "ModelID,Total"
    failing = flowemf_command("query", "SELECT CAST(ModelID AS INTEGER) FROM METRICS", demo_log, "-o", kept)
    assert failing.returncode == 2
    assert kept.read_text() == before
    assert [each.name for each in tmp_path.iterdir()] == ["models.csv"]
    assert kept.stat().st_mode & 0o777 == 0o666 & ~current_umask()
    elsewhere = flowemf_command("query", TOTALS, demo_log, "-o", tmp_path / "no" / "such" / "x.csv")
    assert (elsewhere.returncode, b"name another file with -o" in elsewhere.stderr) == (2, True)


def current_umask() -> int:
    """Tell what new files lack."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_several_questions_are_answered_one_after_the_other(flowemf_command: Flowemf, demo_log: Path) -> None:
    """As tables; a form that has room for one refuses before anything is read."""
    both = flowemf_command("query", "SELECT 1 AS a; -- and\nSELECT 2 AS b;", demo_log)
    assert both.stdout.decode() == "a\n-\n1\n\nb\n-\n2\n"
    refused = flowemf_command("query", "SELECT 1; SELECT 2", "no-such.log", "--format", "json")
    assert refused.returncode == 2
    assert b"room for one" in refused.stderr


def test_a_reader_that_goes_away_ends_it_quietly(flowemf_command: Flowemf, demo_log: Path) -> None:
    """As with `| head -1`."""
    process = flowemf_command.start(
        "query", "SELECT * FROM METRICS, range(100)", demo_log, "--format", "csv", stdout=-1, stderr=-1
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=60), b"Traceback" in said) == (141, False)


# --- On a terminal ----------------------------------------------------------------------------------------------------


def test_what_does_not_fit_a_terminal_is_shown_row_by_row(flowemf_command: Flowemf, demo_log: Path) -> None:
    """A table of thirty columns would be unreadable at 80; a small one stays a table."""
    code, shown = flowemf_command.on_terminal("query", "SELECT * FROM METRICS LIMIT 2", demo_log)
    assert code == 0
    assert shown.count("-- row ") == 2
    assert "\nMetricName          FlowStarted\n" in shown
    assert "FlowName  " in flowemf_command.on_terminal("query", "error-rate", demo_log)[1].splitlines()[1]


def test_long_answers_are_cut_on_a_terminal_and_said_to_be(flowemf_command: Flowemf, demo_log: Path) -> None:
    """A hundred rows, or as many as --limit says; in a pipe all."""
    question = "SELECT range AS n FROM range(250)"
    _, shown = flowemf_command.on_terminal("query", question, demo_log)
    assert "100 rows shown, and there are more" in shown.splitlines()[-1]
    assert shown.splitlines()[-2].strip() == "99"
    _, limited = flowemf_command.on_terminal("query", question, demo_log, "--limit", "3")
    assert "3 rows shown" in limited
    assert len(flowemf_command("query", question, demo_log).stdout.splitlines()) == 252
    assert len(flowemf_command("query", question, demo_log, "--limit", "250").stdout.splitlines()) == 252


def test_log_content_cannot_take_over_a_terminal(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """Whichever form is chosen: names and values are other people's."""
    hostile = "\x1b[2J\x07\u202e"
    (tmp_path / "app.log").write_bytes(log_of(document({"Depth": 1}, dimensions={hostile: hostile})))
    for form in ("table", "csv"):
        _, shown = flowemf_command.on_terminal("query", "SELECT * FROM METRICS", "app.log", "--format", form)
        assert not any(each in shown for each in hostile if not each.isprintable())
        assert "x1b[2J" in shown or "u001b[2J" in shown


def test_a_question_that_takes_too_long_is_given_up(flowemf_command: Flowemf, demo_log: Path) -> None:
    """With --timeout anywhere; and Ctrl-C works while DuckDB computes."""
    endless = "SELECT COUNT(*) FROM range(100000000) a, range(100000000) b"
    finished = flowemf_command("query", endless, demo_log, "--timeout", "0.5")
    assert finished.returncode == 2
    assert b"no answer within 0.5 s" in finished.stderr
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = flowemf_command.start("query", endless, demo_log, **pipes, preexec_fn=heed_interrupts)
    try:
        assert process.stderr is not None
        process.stderr.readline()  # the log has been read
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()  # it would go on for years
    assert (process.returncode, said) == (130, b"flowemf: interrupted\n")


# --- What is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no question"),
        (["top-modles", "app.log"], "Did you mean top-models"),
        (["app.log", "top-models"], "SQL or a NAME comes first"),
        (["s3://bucket/key", "top-models"], "SQL or a NAME comes first"),
        (["top-models"], "flowemf.duckdb: there is no such store; make one with flowemf replay LOG --to local"),
        (["top-models", "nope.log"], "there is no such file"),
        (["top-models", "app.log", "--database", "x.duckdb"], "ask one of them at a time"),
        (["top-models", "--strict"], "--strict is about reading logs"),
        (["top-models", "--log-format", "docker"], "--log-format is about reading logs"),
        (["top-models", "store.duckdb"], "is a store, not a log; name it with --database store.duckdb"),
        (["top-models", "--database", "app.log"], "cannot be used as a store"),
        (["top-models", "--database", "empty.duckdb"], "is an empty database"),
        (["top-models", "app.log", "--by", "Team"], "--by belongs to the question cost"),
        (["top-models", "app.log", "--since", "soon"], "--since: 'soon' is no time"),
        (["top-models", "app.log", "--since", "1h", "--until", "2h"], "exchange them"),
        (["top-models", "app.log", "--where", "chat"], "write KEY=VALUE"),
        (["top-models", "app.log", "--limit", "0"], "--limit"),
        (["top-models", "app.log", "--timeout", "0"], "--timeout"),
        (["top-models", "--list"], "--list answers nothing"),
        (["SELECT 1", "--cloudwatch"], "--cloudwatch is for ready-made questions"),
        (["top-models", "app.log", "--cloudwatch"], "leave PATH out"),
        (["top-models", "--cloudwatch", "--namespace", "App/*"], "without a *"),
        (["top-models", "--cloudwatch", "--by", "Team"], "--by belongs to the question cost"),
        (["--list", "--format", "parquet"], "--list has the formats table, json, csv, markdown"),
        (["top-models", "--cloudwatch", "--format", "csv"], "--format json"),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """With what to do; nothing is made."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.log").write_bytes(log_of(document({"D": 1})))
    with duckdb.connect(str(tmp_path / "empty.duckdb")):
        pass
    with duckdb.connect(str(tmp_path / "store.duckdb")) as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
    assert run(["query", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in " ".join(shown.err.split())
    assert sorted(each.name for each in tmp_path.iterdir()) == ["app.log", "empty.duckdb", "store.duckdb"]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT TokenUsed FROM METRICS", 'flowemf: SQL: there is no column "TokenUsed"; did you mean TokensUsed'),
        ("DROP VIEW METRICS", "flowemf: SQL: DROP is not answered: questions only read"),
    ],
)
def test_what_cannot_be_answered_is_one_line(
    flowemf_command: Flowemf, demo_log: Path, tmp_path: Path, sql: str, said: str
) -> None:
    """Without a traceback, and with exit code 2."""
    finished = flowemf_command("query", sql, demo_log)
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert said in finished.stderr.decode().splitlines()[-1]


def test_parquet_is_not_shown_on_a_terminal(flowemf_command: Flowemf, demo_log: Path) -> None:
    """Bytes there are of use to nobody."""
    code, shown = flowemf_command.on_terminal("query", "top-models", demo_log, "--format", "parquet")
    assert (code, "name a file with -o" in shown) == (2, True)


def test_a_store_that_is_being_written_is_asked_later(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """Exit code 3: the same command works when the other one is through."""
    assert flowemf_command("replay", "-", "--to", "local", stdin=log_of(document({"D": 1}))).returncode == 0
    with duckdb.connect(str(tmp_path / "flowemf.duckdb")):
        finished = flowemf_command("query", "metrics")
    assert finished.returncode == 3
    assert b"another process has the store open" in finished.stderr
    assert flowemf_command("query", "metrics").returncode == 0


# --- Ready-made questions ---------------------------------------------------------------------------------------------


def test_the_list_has_every_question(flowemf_command: Flowemf) -> None:
    """On a terminal as a table that fits; as JSON with columns and SQL, which can be asked again."""
    code, shown = flowemf_command.on_terminal("query", "--list")
    assert code == 0
    assert [line.split()[0] for line in shown.splitlines()[2:]] == [each.name for each in QUESTIONS]
    listed = json.loads(flowemf_command("query", "--list", "--format", "json").stdout)
    assert [each["name"] for each in listed] == [each.name for each in QUESTIONS]
    assert all(each["sql"] and each["columns"] and each["question"] for each in listed)


def test_sql_of_the_list_can_be_asked_as_it_is(flowemf_command: Flowemf, demo_log: Path) -> None:
    """Whoever wants a question with a difference begins with ours."""
    listed = {each["name"]: each for each in json.loads(flowemf_command("query", "--list", "--format", "json").stdout)}
    asked = rows_of(flowemf_command("query", listed["slow-flows"]["sql"], demo_log, "--format", "json"))
    assert asked == rows_of(flowemf_command("query", "slow-flows", demo_log, "--format", "json"))


def test_nothing_there_is_no_error_and_says_why(flowemf_command: Flowemf, demo_log: Path) -> None:
    """A log without metrics, a time without any; where there are some, only that no row answers."""
    empty = flowemf_command("query", "error-rate", "-", stdin=b"INFO nothing\n")
    assert (empty.returncode, len(empty.stdout.splitlines())) == (0, 2)
    assert b"no rows; METRICS itself is empty here" in empty.stderr
    early = flowemf_command("query", "error-rate", demo_log, "--until", "2001-01-01")
    assert b"METRICS itself is empty here" in early.stderr
    none = flowemf_command("query", "SELECT * FROM METRICS WHERE Value < -1", demo_log)
    assert none.stderr.decode().splitlines()[-1] == "flowemf query: no rows"


def test_a_dimension_that_nothing_has_is_named(flowemf_command: Flowemf, demo_log: Path) -> None:
    """With those that there are; the demo has no cost centre."""
    finished = flowemf_command("query", "cost", demo_log)
    assert finished.returncode == 0
    said = finished.stderr.decode()
    assert "no metric has the dimension CostCenter; --by takes one of these: Environment, " in said
    assert "--by takes" not in flowemf_command("query", "cost", demo_log, "--by", "Environment").stderr.decode()


def test_where_no_generation_has_a_dimension_none_is_proposed(flowemf_command: Flowemf) -> None:
    """A list of nothing would help nobody."""
    finished = flowemf_command("query", "cost", "-", stdin=log_of(document({"Latency": 1})))
    assert finished.returncode == 0
    assert "--by takes" not in finished.stderr.decode()


def test_an_answer_goes_to_a_device_too(flowemf_command: Flowemf, demo_log: Path) -> None:
    """It is copied there whole, since nothing may take its place; not even where it stands for a file."""
    arguments = ("query", TOTALS, demo_log, "--format", "json", "-o", "/proc/self/fd/1")
    assert rows_of(flowemf_command(*arguments)) == totals(demo_log)
    file = flowemf_command.directory / "answers.json"
    with file.open("wb") as stdout:
        stdout.write(b"before\n")
        stdout.flush()
        assert flowemf_command.start(*arguments, stdout=stdout).wait(timeout=60) == 0
    before, _, after = file.read_text().partition("\n")
    assert (before, json.loads(after)) == ("before", totals(demo_log))


def test_a_file_in_memory_is_a_file(flowemf_command: Flowemf, demo_log: Path) -> None:
    """The same answer twice stands there once, though it lies below /dev."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        file = Path(directory, "answer.json")
        for _ in range(2):
            assert flowemf_command("query", TOTALS, demo_log, "-o", file).returncode == 0
        assert json.loads(file.read_text()) == totals(demo_log)


def test_odd_names_are_columns_like_any_other(flowemf_command: Flowemf) -> None:
    """Spaces, quotes, keywords and names that differ in case only."""
    odd = document({"a b": 1, 'say "x"': 2, "select": 3}, dimensions={"Cost Center": "R&D", "flowname": "f"})
    question = (
        'SELECT "Cost Center", SUM("a b") AS a, SUM("say ""x""") AS b, SUM("select") AS c FROM METRICS GROUP BY 1'
    )
    [row] = rows_of(flowemf_command("query", question, "-", "--format", "json", stdin=log_of(odd)))
    assert row == {"Cost Center": "R&D", "a": 1, "b": 2, "c": 3}
    cost = document({"GenerationCount": 1, "EstimatedCost": 2}, dimensions={"ModelID": "m", "Cost Center": "R&D"})
    [row] = rows_of(
        flowemf_command("query", "cost", "-", "--by", "Cost Center", "--format", "json", stdin=log_of(cost))
    )
    assert (row["Dimension"], row["Cost"]) == ("R&D", 2)


def test_cloudwatch_forms_are_printed_for_pasting(flowemf_command: Flowemf) -> None:
    """With the namespace of the user, and what cannot be asked there; as JSON for scripts."""
    text = flowemf_command("query", "slow-flows", "--cloudwatch", "--namespace", "My/App").stdout.decode()
    assert "filter ispresent(FlowDuration)\n| stats count(FlowDuration) as Runs," in text
    assert 'SELECT AVG(FlowDuration) FROM SCHEMA("My/App", FlowName) GROUP BY FlowName' in text
    assert "knows no percentiles" in text
    assert "SEARCH('{\"My/App\",FlowName} MetricName=\"FlowDuration\"', 'p95', 3600)" in text
    said = json.loads(flowemf_command("query", "metrics", "--cloudwatch", "--format", "json").stdout)
    assert (said["logs_insights"], said["metrics_insights"]) == (None, [])
    assert "list-metrics" in said["lacking"]


@pytest.mark.parametrize("question", [each.name for each in QUESTIONS])
def test_text_for_pasting_has_all_that_json_has(capsys: pytest.CaptureFixture[str], question: str) -> None:
    """Each query of the question on lines of its own, and what is lacking; a heading only where something follows."""
    asked = ["query", question, "--cloudwatch", "--namespace", "My/App"]
    assert run([*asked, "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert run(asked) == 0
    text = capsys.readouterr().out
    assert all(query in text for query in (said["logs_insights"] or "", *said["metrics_insights"]))
    assert ("CloudWatch Logs Insights (choose" in text) == (said["logs_insights"] is not None)
    assert ("CloudWatch Metrics Insights:" in text) == bool(said["metrics_insights"])
    assert " ".join(said["lacking"].split()) in " ".join(text.split())
