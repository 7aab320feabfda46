"""Checks logs with the real command and reads what it prints: for people, for programs, on a terminal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Flowemf

METADATA = (
    '{"_aws":{"Timestamp":1700000000000,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[[]],"Metrics":[%s]}]}'
)
GOOD = METADATA % '{"Name":"M"}' + ',"M":1}\n'
WRONG_UNIT = METADATA % '{"Name":"Latency","Unit":"ms"}' + ',"Latency":1}\n'
HOSTILE = "\x1b[2J\x1b]0;owned\x07\u202e"


def test_a_finding_says_where_what_and_what_to_do(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """One line `file:line: message`, one line with the hint, and a closing line on stderr."""
    (tmp_path / "orders.log").write_text(GOOD + "plain text\n" + WRONG_UNIT)
    finished = flowemf_command("check", "orders.log")
    first, second = finished.stdout.decode().splitlines()
    assert re.match(r'orders\.log:3: .*"Latency".*"ms".*\[unit-unknown\]$', first)
    assert second.strip() == 'hint: did you mean "Milliseconds"?'
    [closing] = finished.stderr.decode().splitlines()
    assert "3 lines in 1 source" in closing
    assert "1 metric, 1 other, 1 rejected; 1 finding in 1 line, 0 notes" in closing


def test_a_flawless_log_prints_nothing_but_the_closing_line(flowemf_command: Flowemf) -> None:
    """Silence on stdout is the good news."""
    finished = flowemf_command("check", stdin=GOOD.encode() * 3)
    assert (finished.returncode, finished.stdout) == (0, b"")
    assert finished.stderr.decode().endswith("3 metric, 0 other, 0 rejected; no findings\n")


def test_json_gives_one_object_a_finding(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """Programs get the same findings with their byte offset, reason and scope."""
    (tmp_path / "orders.log").write_text(GOOD + WRONG_UNIT)
    finished = flowemf_command("check", "--json", "orders.log")
    [found] = [json.loads(line) for line in finished.stdout.splitlines()]
    assert list(found) == ["source", "line", "event", "offset_bytes", "reason", "scope", "message", "hint"]
    assert (found["source"], found["line"], found["offset_bytes"]) == ("orders.log", 2, len(GOOD))
    assert (found["reason"], found["scope"]) == ("unit-unknown", "line")
    assert finished.returncode == 1


def test_a_note_is_called_a_note_and_does_not_count_as_invalid(flowemf_command: Flowemf) -> None:
    """CloudWatch takes such a line; whoever allows no invalid line can still let it pass."""
    noted = GOOD.replace('"Timestamp":1700000000000,', "").encode()
    finished = flowemf_command("check", stdin=noted)
    assert finished.returncode == 1
    assert finished.stdout.startswith(b"-:1: note: ")
    assert flowemf_command("check", "--max-invalid", "0", stdin=noted).returncode == 0


def test_directories_are_walked_in_order(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """Each file below a directory is a source of its own; hidden ones are left out."""
    for name in ("b.log", "a/2.log", "a/1.log", ".hidden.log"):
        file = tmp_path / "logs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(WRONG_UNIT)
    finished = flowemf_command("check", "logs")
    places = [line.split(": ")[0] for line in finished.stdout.decode().splitlines() if not line.startswith(" ")]
    assert places == ["logs/a/1.log:1", "logs/a/2.log:1", "logs/b.log:1"]


def test_neither_content_nor_file_names_can_take_over_the_terminal(flowemf_command: Flowemf, tmp_path: Path) -> None:
    """Other people's bytes are shown as escapes, on both streams, in every command that names them."""
    name = os.fsdecode(f"evil{HOSTILE}\n.log".encode() + b"\xff")
    hostile = json.loads(WRONG_UNIT)
    hostile["_aws"]["CloudWatchMetrics"][0]["Metrics"][0] = {"Name": f"M{HOSTILE}", "Unit": HOSTILE}
    (tmp_path / name).write_text(json.dumps(hostile, ensure_ascii=False) + "\n")
    for arguments in (
        ["check", name],
        ["check", "--json", name],
        ["replay", "--to", "local", name],
        ["check", name + "x"],
    ):
        finished = flowemf_command(*arguments)
        shown = (finished.stdout + finished.stderr).decode()
        assert shown.strip()
        assert [character for character in shown if not character.isprintable() and character != "\n"] == []
    assert json.loads(flowemf_command("check", "--json", name).stdout)["line"] == 1


def test_an_ascii_terminal_is_no_reason_to_stop(with_variables: Callable[..., Flowemf], tmp_path: Path) -> None:
    """A character that the output's encoding lacks is shown as an escape."""
    (tmp_path / "größe.log").write_text(WRONG_UNIT)
    finished = with_variables(PYTHONIOENCODING="ascii")("check", "größe.log")
    assert finished.returncode == 1
    assert rb"gr\xf6\xdfe.log:1: " in finished.stdout


def test_a_terminal_gets_emphasis_unless_it_is_unwanted(with_variables: Callable[..., Flowemf], tmp_path: Path) -> None:
    """NO_COLOR and a dumb terminal get the same words without any escape sequence."""
    (tmp_path / "orders.log").write_text(WRONG_UNIT)
    code, styled = with_variables(TERM="xterm").on_terminal("check", "orders.log")
    assert code == 1
    assert "\x1b[1morders.log:1:\x1b[0m " in styled
    for plain_wanted in ({"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}):
        _, plain = with_variables(**plain_wanted).on_terminal("check", "orders.log")
        assert "\x1b" not in plain
        assert plain.startswith("orders.log:1: ")


@pytest.mark.parametrize("reads_slowly", [True, False])
def test_a_bar_appears_on_a_terminal_when_reading_takes_long(
    with_variables: Callable[..., Flowemf], tmp_path: Path, reads_slowly: bool
) -> None:
    """After a second there is a bar, and at the end it is gone; a quick run never shows one."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    program = f'exec >"$0"; printf x; sleep {1.3 if reads_slowly else 0}; yes ordinary | head -c 2699999'
    feeder = subprocess.Popen(["/bin/sh", "-c", program, pipe])
    started = time.monotonic()
    code, shown = with_variables(TERM="xterm").on_terminal("check", "pipe")
    took_long = time.monotonic() - started > 1  # also a quick run may, where a machine is busy
    assert feeder.wait(timeout=60) == 0
    assert code == 0
    assert "reading" in shown if reads_slowly else took_long or "reading" not in shown
    assert "300,000 lines in 1 source (2.7 MB)" in shown.split("\x1b")[-1]


def test_no_bar_where_nobody_watches(flowemf_command: Flowemf) -> None:
    """A pipe or a file as stderr gets the closing line alone, however long reading takes."""
    running = flowemf_command.start("check", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdin is not None
    for _ in range(2):
        running.stdin.write(GOOD.encode())
        running.stdin.flush()
        time.sleep(1.1)
    _, said = running.communicate(timeout=60)
    assert said.decode().count("\n") == 1
