"""`flowemf checkpoint`: what is remembered can be looked at by anybody and forgotten by whoever says so."""

from __future__ import annotations

import json
import os
import pty
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cloudwatch_server import CloudWatchServer

from flowemf_processor.checkpoints import Checkpoints, contents
from flowemf_processor.core.unwrap import EVENT_IDS
from flowemf_processor.model import Batch, Mark, State

LOG = Mark("inode:1:2", 3000, 10, "aa")
SAME_LOG = Mark("path:/var/log/app.log", 3000, 10, "aa")
OTHER_LOG = Mark("path:/var/log/other.log", 7, 1, "bb")
BATCHES = [Batch(b'{"MetricData":[{}]}', (3,)), Batch(b'{"MetricData":[{},{}]}', (4, 5)), Batch(b"{}", (6,))]
METRICS, EUROPE = "metrics 123456789012 us-east-1 https://a", "metrics 123456789012 eu-west-1 https://b"


@pytest.fixture
def path(flowemf_command: Any) -> Path:
    """Give a checkpoint of two destinations, one of which has requests in all states."""
    file: Path = flowemf_command.directory / "c.sqlite3"
    with Checkpoints(file, METRICS) as checkpoints:
        planned = checkpoints.plan(BATCHES, [LOG, SAME_LOG, OTHER_LOG, Mark(EVENT_IDS, 0, 0, "", b"xx")])
        for each in planned[:2]:
            checkpoints.begin(each)
        checkpoints.settle(planned[0], State.ACCEPTED)
    with Checkpoints(file, EUROPE) as checkpoints:
        checkpoints.plan([], [SAME_LOG])
    return file


@pytest.fixture
def run(flowemf_command: Any, path: Path) -> Callable[..., Any]:
    """Give `flowemf checkpoint` over that file."""
    return lambda command, *arguments: flowemf_command("checkpoint", command, "--checkpoint", path, *arguments)


def test_a_table_for_people(run: Callable[..., Any]) -> None:
    """A block for each destination, a row for each source under the name that people know it by."""
    shown = run("show")
    assert shown.returncode == 0
    lines = [line.strip() for line in shown.stdout.decode().splitlines()]
    assert lines[3:] == [
        "nothing waits",
        "/var/log/app.log            10 lines        3.0 kB",
        "",
        METRICS,
        (
            "2 requests not delivered, with 15 datapoints (24 bytes); "
            "1 of them with 9 in flight, which may have been taken"
        ),
        "all runs: 3 accepted",
        "/var/log/app.log              10 lines        3.0 kB",
        "/var/log/other.log             1 lines       7 bytes",
    ]


def test_json_for_programs(run: Callable[..., Any], path: Path) -> None:
    """Everything of the table, with identities and digests."""
    found = json.loads(run("show", "--json").stdout)
    [europe, metrics] = found["destinations"]
    assert found["checkpoint"] == str(path)
    assert (europe["name"], metrics["name"]) == (EUROPE, METRICS)
    assert metrics["sources"][0] == {
        "name": "/var/log/app.log",
        "identities": [LOG.source, SAME_LOG.source],
        "offset_bytes": 3000,
        "lines": 10,
        "digest": "aa",
    }
    states = ("unfinished_batches", "unfinished_datapoints", "in_flight_batches", "in_flight_datapoints")
    assert [metrics[name] for name in states] == [2, 15, 1, 9]
    assert metrics["totals"] == {"accepted": 3}


def test_looking_changes_nothing(run: Callable[..., Any], path: Path) -> None:
    """Not a byte, and no file is put beside it."""
    Path(f"{path}.lock").unlink()
    before = path.read_bytes()
    run("show")
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.glob("c.sqlite3*")] == ["c.sqlite3"]


def test_one_destination_is_forgotten(run: Callable[..., Any], path: Path) -> None:
    """By its whole name; the other one keeps all it has."""
    done = run("reset", "--yes", "--destination", METRICS)
    assert done.returncode == 0
    said = done.stderr.decode()
    assert f"forgotten of {METRICS}: 2 sources, 2 unfinished requests" in said
    assert "what they hold is counted again" in said
    assert "15 datapoints not delivered yet are lost, unless read again" in said
    assert [each.name for each in contents(path).destinations] == [EUROPE]


def test_the_first_word_of_a_destination_is_enough(run: Callable[..., Any], path: Path) -> None:
    """It names all that begin with it."""
    assert run("reset", "--yes", "--destination", "metrics").returncode == 0
    assert contents(path).destinations == ()


@pytest.mark.parametrize("source", ["/var/log/app.log", "/var/log/../log/app.log", "inode:1:2"])
def test_one_source_is_forgotten_under_all_its_identities(run: Callable[..., Any], path: Path, source: str) -> None:
    """Else it would be known by another one; requests that wait still wait."""
    done = run("reset", "--yes", "--source", source, "--destination", METRICS)
    assert done.returncode == 0
    assert "requests that wait, and the ids of log events, are kept" in done.stderr.decode()
    assert "lost" not in done.stderr.decode()
    [europe, metrics] = contents(path).destinations
    assert [each.name for each in metrics.sources] == ["/var/log/other.log"]
    assert metrics.unfinished_batches == 2
    assert len(europe.sources) == 1


def test_requests_of_no_source_wait_too(flowemf_command: Any) -> None:
    """As of a run that ended before it sent any: none is in flight, and nothing would be read again."""
    with Checkpoints(flowemf_command.directory / "c.sqlite3", METRICS) as checkpoints:
        checkpoints.plan(BATCHES, [])
    shown = flowemf_command("checkpoint", "show", "--checkpoint", "c.sqlite3").stdout.decode()
    assert "  3 requests not delivered, with 18 datapoints (43 bytes)\n" in shown
    said = flowemf_command("checkpoint", "reset", "--checkpoint", "c.sqlite3", "--yes").stderr.decode()
    assert "18 datapoints not delivered yet are lost" in said
    assert "reads these sources" not in said


def test_sums_are_shown_and_begin_anew(flowemf_command: Any, demo_log: Path) -> None:
    """Those of Prometheus; once they are forgotten there is nothing more to forget."""
    assert flowemf_command("replay", demo_log, "--to", "prometheus", "--prometheus-file", "m.prom").returncode == 0
    shown = flowemf_command("checkpoint", "show").stdout.decode()
    [count] = re.findall(r"^  sums of ([\d,]+) series$", shown, re.MULTILINE)
    assert int(count.replace(",", "")) > 10
    said = flowemf_command("checkpoint", "reset", "--yes").stderr.decode()
    assert re.search(
        rf"^forgotten of prometheus \S+m\.prom: 1 source, 0 unfinished requests, {count} series$", said, re.M
    )
    assert said.count("the sums begin at 0 again") == 1
    assert "there was nothing to forget" in flowemf_command("checkpoint", "reset", "--yes").stderr.decode()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--yes", "--destination", "logs"), "knows no destination 'logs'; it knows 'metrics 123456789012 eu-west-1"),
        (("--yes", "--source", "nowhere.log"), "knows no source 'nowhere.log'"),
        ((), "nobody can be asked, since standard input is no terminal; add --yes"),
    ],
)
def test_what_cannot_be_forgotten_is_said(
    run: Callable[..., Any], path: Path, arguments: tuple[str, ...], said: str
) -> None:
    """And nothing is."""
    done = run("reset", *arguments)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.decode().split())
    assert len(contents(path).destinations) == 2


@pytest.mark.parametrize(("answer", "code", "left"), [(b"y\n", 0, 0), (b"n\n", 130, 2), (b"\n", 130, 2)])
def test_on_a_terminal_it_asks(flowemf_command: Any, path: Path, answer: bytes, code: int, left: int) -> None:
    """And shows what is at stake; no is the default."""
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    finished, shown = flowemf_command.on_terminal("checkpoint", "reset", "--checkpoint", path, stdin=theirs)
    assert finished == code
    assert f"{METRICS}: 2 sources, 2 unfinished requests" in shown
    assert "Forget this?" in shown
    assert len(contents(path).destinations) == left
    os.close(ours)
    os.close(theirs)


def test_forgetting_is_refused_while_a_run_uses_it(run: Callable[..., Any], path: Path) -> None:
    """Looking is not."""
    with Checkpoints(path, METRICS):
        refused = run("reset", "--yes")
        assert refused.returncode == 3
        assert b"another run is using this checkpoint" in refused.stderr
        assert run("show").returncode == 0
    assert len(contents(path).destinations) == 2


def make_text(path: Path) -> None:
    path.write_text("notes\n" * 1000)


def make_newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def make_missing(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("make", [make_text, make_newer, make_missing], ids=lambda each: each.__name__)
@pytest.mark.parametrize("command", ["show", "reset"])
def test_a_file_that_is_no_checkpoint_of_ours_stays_as_it_is(
    run: Callable[..., Any], path: Path, make: Callable[[Path], None], command: str
) -> None:
    """Exit 2, and nothing is put beside it."""
    for beside in path.parent.glob("c.sqlite3?*"):
        beside.unlink()
    make(path)
    before = path.read_bytes() if path.exists() else None
    done = run(command, *(["--yes"] if command == "reset" else []))
    assert done.returncode == 2
    assert b"name another --checkpoint" in done.stderr
    assert (path.read_bytes() if path.exists() else None) == before
    assert not list(path.parent.glob("c.sqlite3?*"))


def test_after_a_reset_everything_is_delivered_again(flowemf_command: Any, demo_log: Path) -> None:
    """As it says."""
    with CloudWatchServer() as server:
        arguments = (
            "replay",
            demo_log,
            "--to",
            "metrics",
            "--endpoint-url",
            server.endpoint_url,
            "--region",
            "us-east-1",
        )
        assert flowemf_command(*arguments).returncode == 0
        once = server.values()
        assert flowemf_command(*arguments).returncode == 0
        assert server.values() == once
        assert flowemf_command("checkpoint", "reset", "--yes").returncode == 0
        assert flowemf_command(*arguments).returncode == 0
        assert server.values() == once + once
