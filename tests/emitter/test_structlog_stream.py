"""The application's log lines and ours in one stream, by real processes with the real structlog."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowemf_schemas import rules

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
Document = dict[str, Any]


def documents(output: bytes) -> list[Document]:
    """Parse every line; a torn or an empty one is an error."""
    assert output.endswith(b"\n")
    found = [json.loads(line) for line in output.splitlines()]
    assert [rules.examine(document) for document in found if "_aws" in document and rules.examine(document)] == []
    return found


def ran(finished: subprocess.CompletedProcess[bytes]) -> list[Document]:
    assert finished.returncode == 0, finished.stderr.decode()
    return documents(finished.stdout)


IN_ORDER = """
import logging
import flowemf, flowemf.structlog, structlog

flowemf.configure("App", delivery="{delivery}")
flowemf.structlog.configure_logging()
log = structlog.get_logger()
log.info("first")
with flowemf.flow("chat"):
    log.info("second", **flowemf.fields({{"Latency": (12, "Milliseconds")}}))
    logging.getLogger("library").warning("third: %d%%", 5, extra={{"user": 7}})
    flowemf.metric("Fourth", 4)
log.info("last")
"""


@pytest.mark.parametrize("delivery", ["sync", "background"])
def test_one_thread_sees_its_lines_in_the_order_in_which_it_wrote_them(run_python: Run, delivery: str) -> None:
    """Log events of structlog, records of the standard library and metrics share one way out."""
    lines = ran(run_python(IN_ORDER.format(delivery=delivery)))
    assert [line["event"] for line in lines] == [
        "first",
        "flow.start",
        "second",
        "third: 5%",
        "metric",
        "flow.end",
        "last",
    ]
    flow_id = lines[1]["flow_id"]
    assert [line.get("flow_id") for line in lines] == [None, *[flow_id] * 5, None]
    assert (lines[3]["logger"], lines[3]["user"], lines[3]["level"]) == ("library", 7, "warning")
    assert lines[2]["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": "Latency", "Unit": "Milliseconds"}]
    assert all(line["timestamp"].endswith("Z") for line in lines if "timestamp" in line)


THREADS = """
import logging, os, threading
import flowemf, flowemf.structlog, structlog

flowemf.configure("App", sink="{sink}")
flowemf.structlog.configure_logging("DEBUG")
log = structlog.get_logger()
library = logging.getLogger("library")

def work(thread):
    for turn in range(100):
        kind = turn % 4
        if kind == 0:
            log.debug("plain", thread=thread, turn=turn, filler="x" * (turn * 80))
        elif kind == 1:
            log.info("carrying", thread=thread, turn=turn, **flowemf.fields({{"Turns": 1}}))
        elif kind == 2:
            library.info("record", extra={{"thread_number": thread, "turn": turn, "object": object()}})
        else:
            flowemf.bind(thread=thread, turn=turn)
            flowemf.metric("Turns", 1)
            flowemf.unbind()

threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.parametrize("sink", ["stdout", "file"])
def test_lines_of_many_threads_stay_whole_and_in_order(run_python: Run, tmp_path: Path, sink: str) -> None:
    """Nothing is lost or torn between threads, and each thread finds its own lines in order."""
    target = tmp_path / "application.log"
    output = run_python(THREADS.format(sink=target if sink == "file" else sink))
    assert output.returncode == 0, output.stderr.decode()
    lines = documents(target.read_bytes() if sink == "file" else output.stdout)
    assert len(lines) == 1600
    turns: dict[int, list[int]] = {}
    for line in lines:
        turns.setdefault(line.get("thread", line.get("thread_number")), []).append(line["turn"])
    assert turns == {number: list(range(100)) for number in range(16)}
    assert sum(line["Turns"] for line in lines if "_aws" in line) == 800


EXCEPTIONS = r"""
import logging
import flowemf, flowemf.structlog, structlog

class Odd(Exception):
    def __str__(self):
        raise ValueError("no text")

flowemf.configure("App")
flowemf.structlog.configure_logging()
log = structlog.get_logger()
for error in (ValueError("two\nlines"), Odd()):
    try:
        try:
            raise KeyError("first")
        except KeyError:
            raise error
    except Exception:
        log.exception("failed")
        logging.getLogger("library").exception("failed too")
        log.error("with metrics", exc_info=True, **flowemf.fields({"Failures": 1}))
log.info("no exception", exc_info=True)
log.info("a stack", stack_info=True)
"""


def test_an_exception_is_one_line(run_python: Run) -> None:
    """Class, message and traceback are members of the event, for structlog's events and for records alike."""
    lines = ran(run_python(EXCEPTIONS))
    assert len(lines) == 8
    for line in lines[:2]:
        assert (line["exception"]["type"], line["exception"]["message"]) == ("ValueError", "two\nlines")
        trace = line["exception"]["traceback"]
        assert trace.startswith("Traceback (most recent call last):\n")
        assert "KeyError: 'first'" in trace
        assert trace.endswith("ValueError: two\nlines")
    assert lines[2]["Failures"] == 1
    assert lines[2]["exception"]["message"] == "two lines"
    assert [line["exception"]["type"] for line in lines[3:6]] == ["Odd"] * 3
    assert "exception" not in lines[6]
    assert "Stack (most recent call last)" in lines[7]["stack"]


HUGE = """
import datetime, threading
import flowemf, flowemf.structlog, structlog

flowemf.configure("App")
flowemf.structlog.configure_logging()
log = structlog.get_logger()
threads = [threading.Thread(target=log.info, args=("huge",), kwargs={"body": "x" * 3_000_000}) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
log.info("odd", when=datetime.date(2026, 1, 2), object=object(), number=float("nan"), more={1: {2, }})
"""


def test_huge_events_and_odd_values_leave_as_whole_lines(run_python: Run) -> None:
    """What CloudWatch Logs would refuse is shortened, what JSON does not know becomes text."""
    lines = ran(run_python(HUGE))
    assert [line["event"] for line in lines] == ["huge"] * 4 + ["odd"]
    assert all(line["shortened"] == ["body"] and len(line["body"]) > 60_000 for line in lines[:4])
    assert lines[4]["when"] == "2026-01-02"
    assert (lines[4]["number"], lines[4]["more"]) == ("nan", {"1": [2]})


IDEMPOTENT = """
import io, logging, sys
import flowemf, flowemf.structlog, structlog

logging.basicConfig()
kept = logging.StreamHandler(io.StringIO())
logging.getLogger().addHandler(kept)
for _ in range(3):
    flowemf.structlog.configure_logging()
flowemf.structlog.configure_logging("WARNING")
structlog.get_logger().info("not written")
structlog.get_logger().warning("once")
logging.getLogger("library").info("not written")
logging.getLogger("library").warning("once too")
flowemf.configure("App", sink="stderr")
structlog.get_logger().warning("elsewhere")
assert kept.stream.getvalue() == "once too\\n", kept.stream.getvalue()
assert len(logging.getLogger().handlers) == 2
"""


def test_setting_up_again_changes_the_level_and_doubles_nothing(run_python: Run) -> None:
    """Handlers of standard streams make way, others stay; before `configure` lines go to standard output."""
    finished = run_python(IDEMPOTENT)
    assert [line["event"] for line in ran(finished)] == ["once", "once too"]
    assert [line["event"] for line in documents(finished.stderr)] == ["elsewhere"]


def test_a_wrong_level_says_which_there_are(run_python: Run) -> None:
    """It fails where it is set, with the remedy."""
    program = """
import flowemf, flowemf.structlog
for level in ("LOUD", True, 1.5):
    try:
        flowemf.structlog.configure_logging(level)
    except flowemf.ConfigurationError as wrong:
        print(wrong)
"""
    finished = run_python(program)
    assert finished.stdout.decode().splitlines() == [
        f"level is no log level: {value}; use DEBUG, INFO, WARNING, ERROR or CRITICAL"
        for value in ("'LOUD'", "True", "1.5")
    ]


OWN_PIPELINE = """
import flowemf, flowemf.structlog, structlog

flowemf.configure("App")
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        flowemf.structlog.add_context,
        structlog.processors.add_log_level,
        {renderer},
    ],
    logger_factory={factory},
)
structlog.contextvars.bind_contextvars(request="r-1")
flowemf.bind(tenant="acme")
with flowemf.flow("chat"):
    structlog.get_logger().info("caf\\u00e9", **flowemf.fields({{"Latency": 12}}, {{"Route": "chat"}}))
"""
PIPELINES = {
    "ours": ("flowemf.structlog.Renderer()", "flowemf.structlog.LoggerFactory()"),
    "our renderer, their logger": ("flowemf.structlog.Renderer()", "structlog.PrintLoggerFactory()"),
    "their renderer, our logger": ("structlog.processors.JSONRenderer()", "flowemf.structlog.LoggerFactory()"),
    "bytes": (
        "structlog.processors.JSONRenderer(lambda event, **_: __import__('json').dumps(event).encode())",
        "flowemf.structlog.LoggerFactory()",
    ),
    "neither": ("structlog.processors.JSONRenderer(ensure_ascii=False)", "structlog.PrintLoggerFactory()"),
}


@pytest.mark.parametrize(("renderer", "factory"), PIPELINES.values(), ids=PIPELINES.keys())
def test_the_parts_fit_into_a_pipeline_of_the_applications_own(run_python: Run, renderer: str, factory: str) -> None:
    """Any mixture of their renderer and ours, their loggers and ours gives valid lines, bound values both ways."""
    program = OWN_PIPELINE.format(renderer=renderer, factory=factory)
    start, event, end = ran(run_python(program, environment={"PYTHONIOENCODING": "utf-8"}))
    assert (event["event"], event["level"], event["Latency"], event["Route"]) == ("caf\u00e9", "info", 12, "chat")
    assert event["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Route"], []]
    for line in (start, event, end):
        assert (line["request"], line["tenant"], line["flow_id"]) == ("r-1", "acme", start["flow_id"])


def test_a_collector_of_metrics_gets_no_log_lines(run_python: Run) -> None:
    """Where metrics go to the agent, the application's own lines go to standard output."""
    program = "import flowemf, flowemf.structlog, structlog\nflowemf.configure('App', sink='udp://127.0.0.1:9', "
    program += "log_group='g')\nflowemf.structlog.configure_logging()\nstructlog.get_logger().info('asked')"
    assert [line["event"] for line in ran(run_python(program))] == ["asked"]


def test_a_missing_structlog_is_named_with_its_remedy(run_python: Run) -> None:
    """The emitter works without it; only this module needs it."""
    program = "import sys; sys.modules['structlog'] = None\nimport flowemf\nimport flowemf.structlog"
    finished = run_python(program)
    assert finished.returncode == 1
    assert b"ImportError: flowemf.structlog needs structlog, which is not installed: pip install structlog" in (
        finished.stderr
    )


def test_a_closed_output_never_reaches_the_application(run_python: Run) -> None:
    """A log call never raises: what cannot be written is said once on standard error."""
    program = "import os\nos.close(1)\n" + IN_ORDER.format(delivery="sync")
    finished = run_python(program + "\nimport sys\nsys.stderr.write('still here')\nsys.stderr.flush()\nos._exit(0)")
    assert finished.returncode == 0
    assert finished.stderr.decode().endswith("still here")
