"""Lines for a developer's terminal, and the newline before a line."""

from __future__ import annotations

import json
import os
import pty
import re
import sys
from typing import Any

import pytest

from flowemf import Monitor

CLOCK = r"\d\d:\d\d:\d\d\.\d\d\d"
SHOW = """
import sys
sys.path[:0] = {path!r}
import flowemf
flowemf.configure("App/Test", local=True)
with flowemf.flow("chat"): pass
try:
    with flowemf.flow("chat"): raise TimeoutError("too late")
except TimeoutError: pass
"""


def shown(captured: Any) -> list[str]:
    """Give the lines without their times."""
    lines = b"".join(captured.lines).decode().splitlines()
    assert [line for line in lines if not re.match(f"{CLOCK} ", line)] == []
    return [line[13:] for line in lines]


def test_a_line_says_what_happened_in_few_words(make_monitor: Any, captured: Any, clock: Any) -> None:
    """The event, its dimensions, its numbers with their units, what was bound, and what went wrong."""
    monitor: Monitor = make_monitor(local=True, custom_dimensions={"Team": "ai"})
    monitor.bind(tenant="acme")
    monitor.on_flow_start("chat")
    monitor.on_flow_end("chat", 812.45)
    monitor.on_flow_error("chat", 30_000, TimeoutError("no answer"))
    monitor.on_generate("nova", duration_ms=641, input_tokens=11)
    monitor.metric("Depth", 2.5, "Bytes", {"Index": "manuals"})
    assert shown(captured) == [
        "flow.start chat FlowStarted=1 tenant=acme",
        "flow.end   chat Success FlowCompleted=1 FlowDuration=812.45 ms tenant=acme",
        "flow.end   chat Error Timeout FlowError=1 FlowDuration=30000 ms tenant=acme TimeoutError: no answer",
        "generation nova GenerationCount=1 GenerationDuration=641 ms InputTokens=11 TokensUsed=11 tenant=acme",
        "metric     Depth=2.5 Bytes Index=manuals tenant=acme",
    ]


def test_no_value_can_start_a_line_or_command_the_terminal(make_monitor: Any, captured: Any) -> None:
    """Escapes and newlines are shown, not done."""
    monitor: Monitor = make_monitor(local=True)
    monitor.bind(text="a\nb\x1b[2Jc", nested={"a": "\x9b1m"})
    monitor.metric("Number", 1)
    assert len(captured.lines) == 1
    assert captured.lines[0].count(b"\n") == 1
    text = captured.lines[0].decode().rstrip("\n")
    assert text.isprintable()


def test_only_a_terminal_gets_colours(run_python: Any) -> None:
    """A pipe gets plain text."""
    finished = run_python(SHOW.format(path=[]))
    assert finished.returncode == 0
    assert b"\x1b" not in finished.stdout
    assert len(finished.stdout.splitlines()) == 4


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}])
def test_a_terminal_gets_colours_unless_it_wants_none(variables: dict[str, str]) -> None:
    """Red for what failed; NO_COLOR is honoured."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(variables)
        os.execv(sys.executable, [sys.executable, "-c", SHOW.format(path=sys.path)])
    output = b""
    try:
        while part := os.read(terminal, 4096):
            output += part
    except OSError:
        pass  # how a terminal says that the other side has gone
    finally:
        os.waitpid(pid, 0)
        os.close(terminal)
    assert (b"\x1b[31mTimeout\x1b[0m" in output) == (not variables)
    assert b"Timeout" in output


def test_lines_of_the_application_stay_as_they_are(make_monitor: Any, captured: Any) -> None:
    """Only our own are turned into text for people."""
    monitor: Monitor = make_monitor(local=True)
    outlet: Any = monitor.lines.in_bulk().sink
    for line in (b'{"event":"asked"}\n', b"plain text\n", b"[1]\n", b'{"_aws":{}}\n', b"\xff\n"):
        outlet.write(line, monitor.tally)
        assert captured.lines.pop() == line


def test_the_report_of_dropped_lines_is_for_people_too(captured: Any, clock: Any) -> None:
    """One kind of line in one stream."""
    monitor = Monitor("App/Test", sink=captured, clock=clock, local=True, log_group="/app")
    assert b"dropped    LinesDropped=3" in monitor.tally.dropped_line(3)


def test_a_leading_newline_is_for_standard_streams_only(
    capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Any, captured: Any, judge: Any
) -> None:
    """Nobody prints into our files and functions."""
    for sink in ("stdout", "stderr", str(tmp_path / "log"), captured):
        Monitor("App/Test", sink=sink, leading_newline=True).metric("Number", 1)
    output = capfdbinary.readouterr()
    for line in (output.out, output.err):
        assert line.startswith(b"\n")
        assert judge(line[1:])["Number"] == 1
    assert judge((tmp_path / "log").read_bytes())["Number"] == 1
    assert captured.last["Number"] == 1


def test_log_group_and_leading_newline_go_together(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Each setting does its own part."""
    Monitor("App/Test", leading_newline=True, log_group="/app").metric("Number", 1)
    empty, line = capfdbinary.readouterr().out.splitlines()
    assert empty == b""
    assert json.loads(line)["_aws"]["LogGroupName"] == "/app"
