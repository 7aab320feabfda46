"""Keeps rejected lines in a file, mends them there and replays them, as real processes."""

from __future__ import annotations

import base64
import json
import os
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from flowemf_schemas import validator
from flowemf_schemas.ledger_rules import examine_ledger

if TYPE_CHECKING:
    from tests.cli.conftest import Flowemf

NOW_MS = 1_760_000_000_000


def emf(value: Any, *, unit: str = "Count", keys: tuple[str, ...] = ("Op",), timestamp: int | None = NOW_MS) -> bytes:
    """Write a metric line with the dimension Op; whatever does not fit makes it a bad one."""
    directive = {"Namespace": "App", "Dimensions": [list(keys)], "Metrics": [{"Name": "A", "Unit": unit}]}
    metadata: dict[str, Any] = {"CloudWatchMetrics": [directive]}
    if timestamp is not None:
        metadata["Timestamp"] = timestamp
    return json.dumps({"_aws": metadata, "Op": "read", "A": value}, ensure_ascii=False).encode() + b"\n"


GOOD, BAD_UNIT = emf(1), emf(2, unit="counts")
NOT_UTF_8 = emf(3).replace(b"read", b"re\xffd")
TORN = emf(4)[:-20] + b"\n"


def kept(file: Path) -> list[dict[str, Any]]:
    """Read a rejects file, each line held to the schema."""
    lines = [json.loads(line) for line in file.read_bytes().split(b"\n") if line]
    assert [list(validator("rejects").iter_errors(line)) for line in lines] == [[]] * len(lines)
    return lines


def text_of(reject: dict[str, Any]) -> bytes:
    return base64.b64decode(reject["line_base64"]) if "line_base64" in reject else reject["line"].encode()


def stored(database: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute("SELECT epoch_ms(Timestamp), Op, A FROM METRICS ORDER BY A").fetchall()


every_command = pytest.mark.parametrize(
    "command", [["check"], ["replay", "--to", "local"], ["query", "SELECT 1"]], ids=["check", "replay", "query"]
)


@every_command
def test_every_rejected_line_is_kept_as_it_was(flowemf_command: Flowemf, tmp_path: Path, command: list[str]) -> None:
    """Source, line, offset, reasons and remedies, and the text to the byte: UTF-8 or not, torn or not."""
    lines = [GOOD, BAD_UNIT, b"hello\n", NOT_UTF_8, TORN, GOOD]
    log = tmp_path / "app.log"
    log.write_bytes(b"".join(lines))
    finished = flowemf_command(*command, "app.log", "--rejects", "bad.jsonl")
    assert b"rejects: 3 records added to bad.jsonl" in finished.stderr
    rejects = kept(tmp_path / "bad.jsonl")
    assert [text_of(each) + b"\n" for each in rejects] == [BAD_UNIT, NOT_UTF_8, TORN]
    assert [(each["source"], each["line_number"]) for each in rejects] == [("app.log", n) for n in (2, 4, 5)]
    assert [log.read_bytes()[each["offset_bytes"] :].startswith(text_of(each)) for each in rejects] == [True] * 3
    reasons = [finding["reason"] for each in rejects for finding in each["findings"]]
    assert reasons == ["unit-unknown", "invalid-utf-8", "truncated"]
    assert rejects[0]["findings"][0]["hint"] == 'did you mean "Count"?'


def test_mended_lines_are_replayed_and_complete_the_numbers(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """The first replay and that of the mended file bring each number once, at the time it had."""
    (tmp_path / "app.log").write_bytes(GOOD + BAD_UNIT + emf("5") + NOT_UTF_8)
    first = flowemf_command("replay", "app.log", "--to", "local", "--rejects", "bad.jsonl")
    assert first.returncode == 0, first.stderr
    mended = [
        text_of(each).replace(b'"counts"', b'"Count"').replace(b'"5"', b"5").replace(b"\xff", b"a")
        for each in kept(tmp_path / "bad.jsonl")
    ]
    again = [{**each, "line": text.decode()} for each, text in zip(kept(tmp_path / "bad.jsonl"), mended, strict=True)]
    (tmp_path / "mended.jsonl").write_text("".join(json.dumps(each) + "\n" for each in again))
    second = flowemf_command("replay", "mended.jsonl", "--to", "local", "--strict")
    assert second.returncode == 0, second.stderr
    assert b"3 metric, 0 other, 0 rejected" in second.stderr
    assert stored(tmp_path / "flowemf.duckdb") == [
        (NOW_MS, "read", 1),
        (NOW_MS, "read", 2),
        (NOW_MS, "read", 3),
        (NOW_MS, "read", 5),
    ]


def test_an_unmended_rejects_file_is_rejected_line_by_line(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """The same reasons again, whether it is replayed as it is or as what `jq -r .line` makes of it."""
    (tmp_path / "app.log").write_bytes(GOOD + BAD_UNIT + TORN + emf("5"))
    flowemf_command("check", "app.log", "--rejects", "bad.jsonl")
    (tmp_path / "lines.log").write_bytes(b"".join(text_of(each) + b"\n" for each in kept(tmp_path / "bad.jsonl")))
    found = [
        [json.loads(line)["reason"] for line in flowemf_command("check", "--json", file).stdout.splitlines()]
        for file in ("app.log", "bad.jsonl", "lines.log")
    ]
    assert found == [["unit-unknown", "truncated", "value-not-a-number"]] * 3


def test_an_event_without_a_time_keeps_the_one_at_which_it_was_read(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """A mended line counts where the first replay would have counted it."""
    (tmp_path / "app.log").write_bytes(emf("6", timestamp=None))
    flowemf_command("replay", "app.log", "--to", "local", "--rejects", "bad.jsonl")
    [reject] = kept(tmp_path / "bad.jsonl")
    reject.update(line=reject["line"].replace('"6"', "6"), received_ms=NOW_MS)
    (tmp_path / "mended.jsonl").write_text(json.dumps(reject))
    flowemf_command("replay", "mended.jsonl", "--to", "local")
    assert stored(tmp_path / "flowemf.duckdb") == [(NOW_MS, "read", 6)]


def test_part_of_a_record_is_kept_where_the_rest_was_used(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """The lost dimension set alone: replaying it counts nothing twice."""
    two_sets = json.loads(emf(7))
    two_sets["_aws"]["CloudWatchMetrics"][0]["Dimensions"].append(["Gone"])
    (tmp_path / "app.log").write_text(json.dumps(two_sets))
    finished = flowemf_command("replay", "app.log", "--to", "local", "--rejects", "bad.jsonl", "--json")
    assert json.loads(finished.stdout)["rejects"] == {"name": "bad.jsonl", "kept": 1, "not_kept": 0}
    [part] = kept(tmp_path / "bad.jsonl")
    assert part["is_part"] is True
    assert json.loads(part["line"])["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Gone"]]


def test_rejected_lines_of_several_runs_stand_one_behind_the_other(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """With a checkpoint or a store, the second run does not meet the rejected lines of the first one again."""
    log = tmp_path / "app.log"
    for line in (BAD_UNIT, TORN):
        with log.open("ab") as file:
            file.write(line)
        flowemf_command("replay", "app.log", "--to", "local", "--rejects", "bad.jsonl")
    assert [text_of(each) + b"\n" for each in kept(tmp_path / "bad.jsonl")] == [BAD_UNIT, TORN]


def test_a_line_that_a_crash_tore_in_the_rejects_file_joins_no_other(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """The next run begins on a line of its own, and a replay names the torn one."""
    rejects = tmp_path / "bad.jsonl"
    flowemf_command("check", "--rejects", "bad.jsonl", stdin=BAD_UNIT)
    whole = rejects.read_bytes()
    rejects.write_bytes(whole[:-30])
    flowemf_command("check", "--rejects", "bad.jsonl", stdin=TORN)
    torn, second = rejects.read_bytes().splitlines()
    assert torn == whole[:-30]
    assert text_of(json.loads(second)) + b"\n" == TORN
    checked = flowemf_command("check", "--json", "bad.jsonl")
    assert [json.loads(line)["reason"] for line in checked.stdout.splitlines()] == ["truncated", "truncated"]


# --- What can go wrong with the file ----------------------------------------------------------------------------------


def of_other_content(directory: Path) -> str:
    (directory / "notes.txt").write_text("not yours\n")
    return "notes.txt"


def a_directory(directory: Path) -> str:
    (directory / "folder").mkdir()
    return "folder"


def inside_what_is_read(directory: Path) -> str:
    return "logs/bad.jsonl"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (of_other_content, "holds something else than rejected lines, and nothing is overwritten"),
        (a_directory, "cannot be written (Is a directory)"),
        (lambda _: "no/such/folder", "cannot be written (No such file or directory)"),
        (inside_what_is_read, "belongs to what is read (logs)"),
        (lambda _: "logs/app.log", "belongs to what is read (logs/app.log)"),
        (lambda _: "-", "rejected lines need a file of their own"),
    ],
)
@every_command
def test_a_file_that_cannot_be_used_is_refused_before_anything_is_read(
    flowemf_command: Flowemf, tmp_path: Path, command: list[str], make: Callable[[Path], str], said: str
) -> None:
    """Exit 2, one sentence with the remedy, and nothing sent or stored; other content is never touched."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "app.log").write_bytes(GOOD + BAD_UNIT)
    name = make(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    finished = flowemf_command(*command, "logs", "--rejects", name)
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert said in finished.stderr.decode()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_question_to_a_store_rejects_nothing(flowemf_command: Flowemf) -> None:
    """What lies in a store was read before: an option that would be ignored is refused."""
    finished = flowemf_command("query", "SELECT 1", "--rejects", "bad.jsonl")
    assert finished.returncode == 2
    assert b"--rejects is about reading logs, and no PATH is named" in finished.stderr


def test_a_dry_run_keeps_nothing_and_says_what_does(flowemf_command: Flowemf) -> None:
    """An option that would be ignored is refused."""
    finished = flowemf_command("replay", "--to", "metrics", "--dry-run", "--rejects", "bad.jsonl", stdin=GOOD)
    assert finished.returncode == 2
    assert b"flowemf check has --rejects too" in finished.stderr


def with_little_room(limit_bytes: int) -> Callable[[], None]:
    """Give what makes every file of a process full at some size, as a full disk would."""

    def set_limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    return set_limit


def test_a_disk_that_fills_up_stops_the_run_before_a_line_is_lost(
    flowemf_command: Flowemf, cloudwatch: Any, tmp_path: Path
) -> None:
    """It is said and counted, the ledger balances, and the same command goes on once there is room: nothing twice."""
    log, now_ms = tmp_path / "app.log", int(time.time() * 1000)
    log.write_bytes((emf(1, timestamp=now_ms) + emf("x", timestamp=now_ms)) * 2000)
    settings = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}
    sending = type(flowemf_command)(tmp_path, settings)  # type: ignore[arg-type]
    words = ["replay", "app.log", "--to", "metrics", "--endpoint-url", cloudwatch.endpoint_url]
    words += ["--rejects", "bad.jsonl", "--json"]
    filling = sending.start(
        *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=with_little_room(400_000)
    )
    output, errors = filling.communicate(timeout=60)
    assert filling.returncode == 3
    assert b"--rejects bad.jsonl: cannot be written (File too large), so reading stopped" in errors
    ledger = json.loads(output)
    assert examine_ledger(ledger) == []
    assert 0 < ledger["rejects"]["kept"] < 2000
    assert ledger["rejects"]["kept"] + ledger["rejects"]["not_kept"] == ledger["records"]["rejected"]
    assert cloudwatch.requests == []
    assert sending(*words).returncode == 0
    sent = [datum for request in cloudwatch.requests for datum in request["MetricData"]]
    assert sum(sum(datum["Counts"]) for datum in sent) == 2000
    whole = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_bytes().split(b"\n") if line.endswith(b"}")]
    assert {each["line_number"] for each in whole} == set(range(2, 4001, 2))


def test_check_says_what_a_full_disk_kept_it_from_writing(flowemf_command: Flowemf) -> None:
    """Exit 3: the findings that were printed hold, and the rest is to be run again."""
    finished = flowemf_command("check", "--rejects", "/dev/full", stdin=BAD_UNIT)
    assert finished.returncode == 3
    assert b"0 records added to /dev/full; 1 record could not be written" in finished.stderr
    assert b"No space left on device" in finished.stderr


def test_a_pipe_takes_rejected_lines_too(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """As the shell's >(gzip > bad.jsonl.gz) makes one."""
    ours, theirs = os.pipe()
    running = flowemf_command.start(
        "check", "--rejects", f"/dev/fd/{theirs}", stdin=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[theirs]
    )
    running.communicate(BAD_UNIT, timeout=60)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        assert text_of(json.loads(pipe.read())) + b"\n" == BAD_UNIT


def test_memory_stays_flat_however_much_is_rejected(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """Rejected lines go out as they are met; a hundred megabytes of them are never held."""
    line = json.dumps({**json.loads(BAD_UNIT), "padding": "x" * 100_000}).encode() + b"\n"
    with (tmp_path / "app.log").open("wb") as file:
        for _ in range(1200):
            file.write(line)
    most_bytes = 100_000_000

    def set_limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))

    running = flowemf_command.start(
        "check", "app.log", "--rejects", "bad.jsonl", stdout=subprocess.DEVNULL, preexec_fn=set_limit
    )
    assert running.wait(timeout=60) == 1
    assert (tmp_path / "bad.jsonl").stat().st_size > 1.1 * most_bytes
