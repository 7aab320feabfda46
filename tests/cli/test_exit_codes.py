"""Ends the command in every way that it can end, and reads the exit code and the last words."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from command_process import heed_interrupts

from flowemf_processor.cli.main import run

if TYPE_CHECKING:
    from tests.cli.conftest import Flowemf

GOOD = (
    b'{"_aws":{"Timestamp":1700000000000,"CloudWatchMetrics":'
    b'[{"Namespace":"N","Dimensions":[[]],"Metrics":[{"Name":"M"}]}]},"M":1}\n'
)
BAD = GOOD.replace(b'"Name":"M"', b'"Name":"M","Unit":"ms"')
# A step inside the command that fails in a way nobody foresaw.
WITH_A_BUG = """
import sys
from flowemf_processor import console, pipeline
def check(*positional, **named):
    raise RuntimeError("the\\x1b[31m unforeseen")
pipeline.check = check
sys.argv = ["flowemf", "check"]
sys.exit(console.main())
"""


@pytest.mark.parametrize(
    ("lines", "options", "code"),
    [
        pytest.param([GOOD], [], 0, id="no finding"),
        pytest.param([GOOD, BAD], [], 1, id="a finding"),
        pytest.param([GOOD, BAD], ["--max-invalid", "1"], 0, id="as many as allowed"),
        pytest.param([BAD, BAD], ["--max-invalid", "1"], 1, id="one more than allowed"),
        pytest.param([GOOD, BAD], ["--max-invalid", "50%"], 0, id="the percentage allowed"),
        pytest.param([GOOD, GOOD, BAD, BAD, BAD], ["--max-invalid", "59.9%"], 1, id="more than the percentage"),
        pytest.param([GOOD, BAD], ["--max-invalid", "0"], 1, id="none allowed"),
        pytest.param([b"not a metric\n"], ["--max-invalid", "0%"], 0, id="nothing to judge"),
        pytest.param([GOOD], ["--max-invalid", "some"], 2, id="no allowance at all"),
        pytest.param([GOOD], ["--max-invalid", "101%"], 2, id="more than everything"),
        pytest.param([GOOD], ["--max-invalid", "9" * 5000], 2, id="more digits than Python converts"),
    ],
)
def test_findings_beyond_what_is_allowed_give_1(
    flowemf_command: Flowemf, lines: list[bytes], options: list[str], code: int
) -> None:
    """`--max-invalid` takes a number or a percentage of the metric lines; `check` allows nothing by default."""
    assert flowemf_command("check", *options, stdin=b"".join(lines)).returncode == code


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--max-invalid", "0"], 1), (["--max-invalid", "1"], 0)])
def test_replay_allows_any_number_unless_told_otherwise(
    flowemf_command: Flowemf, options: list[str], code: int
) -> None:
    """Bad lines never stop the good ones around them; the allowance only decides the exit code."""
    finished = flowemf_command("replay", "--to", "local", *options, stdin=GOOD + BAD + GOOD)
    assert finished.returncode == code
    assert "2 datapoints: 2 accepted" in finished.stderr.decode()


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "no-such-file.log"],
        ["check", "--no-such-option"],
        ["no-such-command"],
        ["replay"],
        ["replay", "--to", "nowhere"],
        ["replay", "--to", "local", "--region", "eu-central-1"],
        ["replay", "--to", "metrics", "--database", "x.duckdb"],
        ["replay", "--to", "metrics", "--checkpoint", "x", "--no-checkpoint"],
        ["replay", "--to", "local", "--source-id", "x", "some.log"],
        ["replay", "--to", "local", "--database", "not-a-database"],
        ["replay", "--to", "metrics", "--checkpoint", "not-a-database"],
        ["schema", "show", "nope"],
        ["demo", "--events", "0"],
        ["demo", "--directory", "not-a-database/below"],
    ],
    ids=" ".join,
)
def test_usage_and_configuration_give_2(flowemf_command: Flowemf, tmp_path: Path, arguments: list[str]) -> None:
    """What is wrong with the call is said on stderr, in a few lines, with nothing on stdout."""
    (tmp_path / "not-a-database").write_text("This is text of more than a few bytes.\n" * 100)
    finished = flowemf_command(*arguments, stdin=GOOD)
    assert (finished.returncode, finished.stdout) == (2, b""), finished.stderr.decode()
    assert 1 <= finished.stderr.count(b"\n") <= 6
    assert b"Traceback" not in finished.stderr


@pytest.mark.parametrize("missing", ["AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID"])
def test_an_aws_configuration_that_lacks_something_gives_2(
    with_variables: Callable[..., Flowemf], missing: str
) -> None:
    """No Region or no credentials: nothing can be sent, and the remedy is named; a dry run needs neither."""
    bare = with_variables(**{missing: None})
    finished = bare("replay", "--to", "metrics", stdin=GOOD)
    assert finished.returncode == 2
    assert missing in finished.stderr.decode()
    fresh = GOOD.replace(b"1700000000000", str(int(time.time() * 1000)).encode())
    assert bare("replay", "--to", "metrics", "--dry-run", stdin=fresh).returncode == 0


def test_no_path_on_a_terminal_gives_2(flowemf_command: Flowemf) -> None:
    """Waiting for somebody to type a log would look like hanging."""
    code, shown = flowemf_command.on_terminal("check")
    assert code == 2
    assert "nothing is piped in" in shown


def test_an_unwritable_output_gives_3(flowemf_command: Flowemf) -> None:
    """A full disk under stdout: one sentence, and not the code of success."""
    with Path("/dev/full").open("wb") as full:
        running = flowemf_command.start("schema", "list", stdout=full, stderr=subprocess.PIPE)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 3
    assert said.decode().startswith("flowemf: ")
    assert b"Traceback" not in said


def test_messages_that_cannot_be_written_change_no_exit_code(flowemf_command: Flowemf) -> None:
    """A full disk under stderr: what was stored is stored, and the code says so."""
    (flowemf_command.directory / "good.log").write_bytes(GOOD)
    with Path("/dev/full").open("wb") as full:
        running = flowemf_command.start("replay", "good.log", "--to", "local", stdout=subprocess.DEVNULL, stderr=full)
        assert running.wait(timeout=60) == 0
    assert b"nothing new" in flowemf_command("replay", "good.log", "--to", "local").stderr


def test_our_own_bug_gives_70(flowemf_command: Flowemf) -> None:
    """A sentence and the way to the traceback, which only that variable shows; no control character gets through."""

    def run(**variables: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-c", WITH_A_BUG],
            env=flowemf_command.environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )

    plain = run()
    assert (plain.returncode, plain.stdout) == (70, b"")
    assert b"RuntimeError" in plain.stderr
    assert b"FLOWEMF_TRACEBACK=1" in plain.stderr
    assert b"Traceback" not in plain.stderr
    assert b"\x1b" not in plain.stderr
    asked = run(FLOWEMF_TRACEBACK="1")
    assert asked.returncode == 70
    assert b"Traceback" in asked.stderr


@pytest.mark.parametrize("arguments", [["check"], ["replay", "--to", "local"], ["replay", "--to", "metrics"]])
def test_an_interrupt_gives_130(flowemf_command: Flowemf, arguments: list[str]) -> None:
    """Ctrl-C while standard input is read: no traceback; a replay accounts for what it has read."""
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with flowemf_command.start(*arguments, **pipes, preexec_fn=heed_interrupts) as running:
        running.stdin.write(GOOD)
        running.stdin.flush()
        _wait_until_read(running.stdin.fileno())
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    if arguments == ["check"]:
        assert said == b"flowemf: interrupted\n"
    else:
        assert b"1 datapoint: 1 not sent yet" in said
        assert said.endswith(b"flowemf: interrupted by SIGINT; run the same command again to go on\n")


def test_an_interrupted_demo_is_as_quiet(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """Ctrl-C reaches the sample application too; neither of the two complains."""
    options: dict[str, Any] = {"stderr": subprocess.PIPE, "start_new_session": True, "preexec_fn": heed_interrupts}
    with flowemf_command.start("demo", "--events", "10000000", **options) as running:
        log = tmp_path / "flowemf-demo" / "app.log"
        _wait_for(lambda: log.exists() and log.stat().st_size > 0)
        os.killpg(running.pid, signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert (running.returncode, said) == (130, b"flowemf: interrupted\n")


def _wait_until_read(pipe: int) -> None:
    """Wait until a pipe is empty, and a moment longer: its reader has taken what was in it, and is at work with it."""
    _wait_for(lambda: struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4)) == (0,))
    time.sleep(0.5)


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_reader_that_goes_away_gives_141(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """`flowemf check | head -1` ends quietly."""
    (tmp_path / "bad.log").write_bytes(BAD * 5000)
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with flowemf_command.start("check", "bad.log", **pipes) as running:
        assert running.stdout.readline().startswith(b"bad.log:1: ")
        running.stdout.close()
        said = running.stderr.read()
    assert (running.returncode, said) == (141, b"")


@pytest.mark.parametrize("closing", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_reason_for_a_traceback(flowemf_command: Flowemf, tmp_path: Path, closing: str) -> None:
    """Daemons start programs without standard streams."""
    (tmp_path / "one.log").write_bytes(BAD)
    command = f'"$0" -m flowemf_processor check one.log {closing}'
    finished = subprocess.run(
        ["/bin/sh", "-c", command, sys.executable],
        cwd=tmp_path,
        env=flowemf_command.environment,
        capture_output=True,
        check=False,
    )
    assert finished.returncode == (141 if ">&-" in closing.replace("2>&-", "") else 1)
    assert b"Traceback" not in finished.stderr
    assert b"Exception" not in finished.stderr


def test_standard_input_may_stand_among_files(flowemf_command: Flowemf) -> None:
    """`-` beside files is standard input, read in its turn."""
    (flowemf_command.directory / "a.log").write_bytes(GOOD)
    finished = flowemf_command("check", "a.log", "-", stdin=BAD)
    assert finished.stdout.startswith(b"-:1: ")
    assert finished.returncode == 1
    assert os.fsencode("2 lines in 2 sources") in finished.stderr


def test_a_thread_may_run_a_command_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Python lets the main thread alone handle signals; in another one the command leaves them as they are."""
    (tmp_path / "one.log").write_bytes(GOOD)
    codes: list[int] = []
    before = signal.getsignal(signal.SIGTERM)
    arguments = ["replay", str(tmp_path / "one.log"), "--to", "stdout"]
    thread = threading.Thread(target=lambda: codes.append(run(arguments)))
    thread.start()
    thread.join(timeout=60)
    assert codes == [0]
    assert capsys.readouterr().out.encode() == GOOD
    assert signal.getsignal(signal.SIGTERM) is before
