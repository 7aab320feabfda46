"""`flowemf replay --follow` as a process: signals, kills, pipes, and what a destination gets meanwhile."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cloudwatch_server import CloudWatchServer
from following import PATIENCE_SECONDS, line, open_files
from metric_lines import document
from replaying import text_of


def follow(directory: Path, *arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start the command."""
    command = [sys.executable, "-m", "flowemf_processor", "replay", *arguments, "--to", "local", "--json", "--follow"]
    return subprocess.Popen(command, cwd=directory, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_until_followed(process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the command has opened a log, and had a moment to read it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not any(target == str(log) for target in open_files(log.parent, str(process.pid))):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)


def stored(directory: Path) -> int:
    """Ask how much is in the store, once nobody uses it."""
    import duckdb

    with duckdb.connect(str(directory / "flowemf.duckdb"), read_only=True) as database:
        [row] = database.execute("SELECT count(*) FROM METRICS").fetchall()
        return int(row[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_ends_the_command_with_everything_delivered(tmp_path: Path, number: signal.Signals) -> None:
    """Long before the flush interval; the next run has nothing to add and goes on."""
    (tmp_path / "app.log").write_bytes(line(0) + line(1))
    for expected in (2, 3):
        process = follow(tmp_path, "app.log")
        try:
            wait_until_followed(process, tmp_path / "app.log")
            with (tmp_path / "app.log").open("ab") as file:
                file.write(line(2)[:30] if expected == 2 else line(2)[30:])
            time.sleep(1)
            process.send_signal(number)
            output, errors = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
        assert process.returncode == 0, errors.decode()
        assert b"flowemf replay: done" in errors
        assert json.loads(output)["records"]["metric"] == expected - (0 if expected == 2 else 2)
        assert stored(tmp_path) == expected


def test_a_command_that_is_killed_is_succeeded_by_one_that_goes_on(tmp_path: Path) -> None:
    """Five times, at any moment, while a log is written and renamed: every line is stored once."""
    log = tmp_path / "app.log"
    numbers = iter(range(10_000))
    written = 0
    for turn in range(5):
        process = follow(tmp_path, "app.log*", "--flush-interval", "0.05")
        try:
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                with log.open("ab") as file:
                    file.write(b"".join(line(next(numbers)) for _ in range(5)))
                written += 5
                time.sleep(0.02)
            if turn % 2:
                log.rename(tmp_path / f"app.log.{turn}")
        finally:
            process.kill()
            process.communicate()
    command = [sys.executable, "-m", "flowemf_processor", "replay", "--to", "local", "app.log*"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=PATIENCE_SECONDS, check=False)
    assert finished.returncode == 0, finished.stderr.decode()
    assert stored(tmp_path) == written


def test_metrics_are_sent_while_the_log_is_followed(tmp_path: Path) -> None:
    """A CloudWatch on loopback gets each number once, the first long before the end."""
    now_ms = int(time.time() * 1000)
    lines = [text_of([document({"Latency": number}, timestamp_ms=now_ms)]) for number in range(3)]
    (tmp_path / "app.log").write_bytes(lines[0])
    with CloudWatchServer() as server:
        command = [sys.executable, "-m", "flowemf_processor", "replay", "app.log", "--to", "metrics", "--follow"]
        options = ["--flush-interval", "0.1", "--endpoint-url", server.endpoint_url, "--checkpoint", "c.sqlite3"]
        process = subprocess.Popen([*command, *options], cwd=tmp_path, stderr=subprocess.PIPE)
        try:
            for number in range(3):
                deadline = time.monotonic() + PATIENCE_SECONDS
                while len(server.values()) <= number:
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
                if number < 2:
                    with (tmp_path / "app.log").open("ab") as file:
                        file.write(lines[number + 1])
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
    assert process.returncode == 0, errors.decode()
    assert sorted(value for _, _, value in server.values().elements()) == [0, 1, 2]


def test_a_pipe_is_followed_until_it_is_closed(tmp_path: Path) -> None:
    """As `kubectl logs -f` is; what comes is delivered before its end."""
    process = follow(tmp_path, "-", "--flush-interval", "0.2", stdin=subprocess.PIPE)
    try:
        assert process.stdin is not None
        for number in range(3):
            process.stdin.write(line(number))
            process.stdin.flush()
            time.sleep(0.3)
        output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    ledger = json.loads(output)
    assert (process.returncode, ledger["records"]["metric"]) == (0, 3), errors.decode()
    assert "source-empty" not in json.dumps(ledger), "that nothing has come yet is nothing to remark on"
