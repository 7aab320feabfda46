"""A function under Lambda's own runtime interface client: what is written, and by when."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lambda_runtime_api import PATIENCE_SECONDS, Lambda

FUNCTION = """
import logging
import time

import flowemf
from flowemf.integrations.lambda_ import handler

flowemf.configure("App/Test")


@handler
def lambda_handler(event, context):
    if "bind" in event:
        flowemf.bind(tenant=event["bind"])
    for number in range(event.get("generations", 0)):
        with flowemf.generation("nova") as generation:
            generation.record_usage(output_tokens=number)
    if "log" in event:
        logging.getLogger().error(event["log"])
        print("printed", end="")
    with flowemf.flow("inner"), flowemf.generation("claude"):
        time.sleep(event.get("seconds", 0))
        if "fail" in event:
            raise TimeoutError(event["fail"])
    return {"answer": event.get("answer")}
"""
# What the handler above writes for an event that says nothing: two flows and a generation.
LINES = 5
TRACE_ID = "1-5e1b4151-5ac6c58dc39a6f6a6b1fcb6d"
Start = Callable[..., Lambda]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start execution environments, and end them after the test."""
    started: list[Lambda] = []

    def run(source: str = FUNCTION, options: dict[str, Any] | None = None, **environment: str) -> Lambda:
        directory = tmp_path / str(len(started))
        directory.mkdir()
        started.append(Lambda(directory, source, environment, **(options or {})))
        return started[-1]

    yield run
    for each in started:
        each.__exit__()


def of(documents: list[Any], metric: str, **members: str) -> float:
    """Add up a metric over the lines that have these members."""
    chosen = [each for each in documents if all(each.get(name) == value for name, value in members.items())]
    return sum(sum(value) if isinstance(value, list) else value for value in (e.get(metric, 0) for e in chosen))


def balance(documents: list[Any], **members: str) -> tuple[float, float, float, float]:
    """Count flows that started, succeeded, failed, and were cancelled."""
    metrics = ("FlowStarted", "FlowCompleted", "FlowError", "FlowCancelled")
    started, completed, failed, cancelled = (of(documents, metric, **members) for metric in metrics)
    return started, completed, failed, cancelled


def test_each_invocation_is_a_flow_and_the_first_one_a_cold_start(start: Start, documents_of: Any) -> None:
    """Cold, warm, warm: one ColdStart; each line names its request, the version and the trace, and binds nothing on."""
    function = start()
    events: list[dict[str, Any]] = [{"answer": 1, "bind": "acme"}, {"answer": 2}, {"answer": 3}]
    answers = [function.invoke(event) for event in events]
    assert [(each.kind, each.content) for each in answers] == [("response", {"answer": n}) for n in (1, 2, 3)]
    documents = documents_of(answers[-1].written)
    assert len(documents) == 3 * LINES + 1
    assert balance(documents, FlowName="shop") == (3, 3, 0, 0)
    (cold,) = [each for each in documents if "ColdStart" in each]
    assert (cold["FunctionName"], cold["request_id"], cold["initialization_type"]) == ("shop", "request-1", "on-demand")
    assert {each["function_version"] for each in documents} == {"7"}
    assert {each["trace_id"] for each in documents} == {TRACE_ID}
    requests = [each["request_id"] for each in documents if "FlowStarted" in each and each["FlowName"] == "shop"]
    assert requests == ["request-1", "request-2", "request-3"]
    assert {each["request_id"] for each in documents if "tenant" in each} == {"request-1"}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"FLOWEMF_DELIVERY": "background"},
        {"FLOWEMF_METRIC_BUFFER_SIZE": "1000", "FLOWEMF_FLUSH_INTERVAL_SECONDS": "3600"},
        {"FLOWEMF_METRIC_BUFFER_SIZE": "1000", "FLOWEMF_DELIVERY": "background"},
    ],
    ids=["sync", "background", "merged", "merged in the background"],
)
def test_everything_is_written_before_the_answer_is_given(
    start: Start, documents_of: Any, settings: dict[str, str]
) -> None:
    """The process is frozen while the answer arrives: 200 generations are in the output, none is still to come."""
    function = start(**settings)
    for invocation in (1, 2):
        documents = documents_of(function.invoke({"generations": 200}).written)
        assert of(documents, "GenerationCount", ModelID="nova") == 200 * invocation
        assert of(documents, "OutputTokens", ModelID="nova") == 19_900 * invocation
        assert balance(documents) == (2 * invocation, 2 * invocation, 0, 0)
        assert of(documents, "ColdStart") == 1


def test_an_agent_has_every_line_before_the_answer_is_given(start: Start, documents_of: Any) -> None:
    """Network sinks write in the background; the function waits for them within the time that it has."""
    received = b""
    taken = threading.Event()

    def listen() -> None:
        nonlocal received
        connection, _ = listener.accept()
        with connection:
            while received.count(b"\n") < 50 + LINES + 1:
                received += connection.recv(65_536)
        taken.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=listen, daemon=True).start()
        sink = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        function = start(FLOWEMF_SINK=sink, FLOWEMF_LOG_GROUP="shop")
        assert function.invoke({"generations": 50}).written == b""
        assert taken.wait(PATIENCE_SECONDS)
    assert received.count(b'"GenerationCount":1') == 51


def test_a_failure_reaches_lambda_as_it_was_raised(start: Start, documents_of: Any) -> None:
    """The runtime reports the user's exception; the flows count it with its type."""
    answer = start().invoke({"fail": "the model did not answer"})
    assert (answer.kind, answer.content["errorType"]) == ("error", "TimeoutError")
    assert answer.content["errorMessage"] == "the model did not answer"
    # In text format the runtime prints the error itself, right behind our lines.
    lines = [line for line in answer.written.splitlines(keepends=True) if line.startswith(b"{")]
    documents = documents_of(b"".join(lines))
    assert balance(documents) == (2, 0, 2, 0)
    assert of(documents, "GenerationError", ModelID="claude", ErrorType="Timeout") == 1


@pytest.mark.parametrize(
    "settings",
    [{}, {"FLOWEMF_DELIVERY": "background", "FLOWEMF_METRIC_BUFFER_SIZE": "1000"}],
    ids=["sync", "merged in the background"],
)
def test_what_is_open_when_the_time_is_up_is_counted_as_a_timeout(
    start: Start, documents_of: Any, settings: dict[str, str]
) -> None:
    """Lambda kills the process: by then the open flows and the open generation are counted, and the rest is written."""
    function = start(**settings)
    function.invoke({"generations": 3})
    function.time_out({"seconds": 60, "generations": 5}, remaining_ms=700)
    documents = documents_of(function.written())
    assert balance(documents, FlowName="shop") == (2, 1, 1, 0)
    assert balance(documents, FlowName="inner") == (2, 1, 1, 0)
    assert of(documents, "FlowError", ErrorType="Timeout") == 2
    assert of(documents, "GenerationError", ModelID="claude", ErrorType="Timeout") == 1
    assert of(documents, "GenerationCount", ModelID="nova") == 8


def test_a_handler_that_ends_after_all_counts_once(start: Start, documents_of: Any) -> None:
    """Counted as a timeout shortly before, it still answers; nothing is counted twice, and the next one is as ever."""
    function = start()
    late = function.invoke({"seconds": 0.95, "answer": "late"}, remaining_ms=1000)
    assert late.content == {"answer": "late"}
    documents = documents_of(late.written)
    assert balance(documents) == (2, 0, 2, 0)
    assert of(documents, "GenerationCount") == 1
    messages = {each.get("error_message") for each in documents if "FlowError" in each}
    assert messages == {"TimeoutError: still running 100 ms before the function's time was up"}
    assert b"invocation_late" in function.errors.read_bytes()
    documents = documents_of(function.invoke({"answer": 2}).written)
    assert balance(documents) == (4, 2, 2, 0)


def test_an_initialization_that_fails_leaves_nothing_unwritten(start: Start, documents_of: Any) -> None:
    """The runtime reports it and exits; what was measured until then is in the output."""
    source = FUNCTION + "\nflowemf.metric('ModelsLoaded', 3, 'Count')\nraise RuntimeError('no such model')\n"
    function = start(source, FLOWEMF_DELIVERY="background", FLOWEMF_METRIC_BUFFER_SIZE="100")
    answer = function.answer()
    assert (answer.kind, answer.content["errorType"]) == ("init", "RuntimeError")
    assert function.process.wait(PATIENCE_SECONDS) == 1
    lines = [line for line in function.written().splitlines(keepends=True) if line.startswith(b'{"_aws"')]
    assert of(documents_of(b"".join(lines)), "ModelsLoaded") == 3


@pytest.mark.parametrize("seconds", [0, 60], ids=["idle", "busy"])
def test_sigterm_at_shutdown_loses_nothing(start: Start, documents_of: Any, seconds: int) -> None:
    """Lambda sends it to functions with extensions: what waits is written; a flow that runs then is left unfinished."""
    function = start(
        FLOWEMF_METRIC_BUFFER_SIZE="1000", FLOWEMF_DELIVERY="background", AWS_EXECUTION_ENV="AWS_Lambda_python3.13"
    )
    function.invoke({})
    if seconds:
        function.api.handed_out.clear()
        function.send({"seconds": seconds, "generations": 4}, remaining_ms=60_000)
        assert function.api.handed_out.wait(PATIENCE_SECONDS)
        wait_until_asleep(function.process.pid)
    function.process.send_signal(signal.SIGTERM)
    assert function.process.wait(PATIENCE_SECONDS) == -signal.SIGTERM
    documents = documents_of(function.written())
    assert balance(documents) == ((4, 2, 0, 0) if seconds else (2, 2, 0, 0))
    assert of(documents, "GenerationCount", ModelID="nova") == (4 if seconds else 0)


def wait_until_asleep(process_id: int) -> None:
    """Wait until the main thread sleeps in the handler: in no system call but that one."""
    import time

    due = time.monotonic() + PATIENCE_SECONDS
    while "nanosleep" not in Path(f"/proc/{process_id}/wchan").read_text() and time.monotonic() < due:
        time.sleep(0.01)


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
@pytest.mark.parametrize("framed", [False, True], ids=["stdout", "framed"])
def test_the_runtime_s_own_log_lines_leave_ours_whole(
    start: Start, documents_of: Any, log_format: str, framed: bool
) -> None:
    """Each of our lines stands raw and alone, whichever way the runtime's logging goes; only a print may be before."""
    options, environment = {}, {"AWS_LAMBDA_LOG_FORMAT": log_format}
    reading, writing = os.pipe()
    if framed:
        options = {"pass_fds": (writing,)}
        environment["_LAMBDA_TELEMETRY_LOG_FD"] = str(writing)
    written = (
        start(options=options, FLOWEMF_LEADING_NEWLINE="1", **environment).invoke({"log": "several\nlines"}).written
    )
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert (b"several" in pipe.read1(65_536)) == framed
    assert (b"several" in written) != framed
    ours = [line for line in written.splitlines(keepends=True) if b'"_aws"' in line]
    assert balance(documents_of(b"".join(ours))) == (2, 2, 0, 0)


@pytest.mark.parametrize(
    ("initialization", "cold_starts"),
    [("on-demand", 1), ("snap-start", 1), ("provisioned-concurrency", 0), ("lambda-managed-instances", 0)],
)
def test_an_environment_that_was_made_ahead_is_no_cold_start(
    start: Start, documents_of: Any, initialization: str, cold_starts: int
) -> None:
    """Nobody waits for provisioned concurrency; a snapshot is restored while somebody does, and the line says which."""
    function = start(AWS_LAMBDA_INITIALIZATION_TYPE=initialization)
    function.invoke({})
    documents = documents_of(function.invoke({}).written)
    assert of(documents, "ColdStart") == cold_starts
    assert {each.get("initialization_type", initialization) for each in documents} == {initialization}


def test_the_trace_comes_from_the_context_where_x_ray_says_nothing(start: Start, documents_of: Any) -> None:
    """Newer runtimes carry W3C's fields in the client's context; X-Ray's own header goes first, and none is kept."""
    w3c = json.dumps({"w3c": {"traceparent": "00-4efaaf4d1e8720b39541901950019ee5-53995c3f42cd8ad8-01"}})
    without: dict[str, str | None] = {"Lambda-Runtime-Trace-Id": None}
    function = start()
    for headers in ({"Lambda-Runtime-Client-Context": w3c}, {**without, "Lambda-Runtime-Client-Context": w3c}, without):
        written = function.invoke({}, headers=headers).written
    ends = [each for each in documents_of(written) if "FlowDuration" in each and each["FlowName"] == "shop"]
    assert [each.get("trace_id") for each in ends] == [TRACE_ID, "1-4efaaf4d-1e8720b39541901950019ee5", None]


def test_each_process_of_a_concurrent_environment_measures_by_itself(start: Start, documents_of: Any) -> None:
    """With multi-concurrency the runtime forks workers: invocations in several at once, each with its lines whole."""
    function = start(
        AWS_LAMBDA_MAX_CONCURRENCY="2",
        AWS_LAMBDA_INITIALIZATION_TYPE="lambda-managed-instances",
        FLOWEMF_METRIC_BUFFER_SIZE="100",
        options={"start_new_session": True},
    )
    try:
        for number in range(4):
            function.send({"seconds": 0.3, "answer": number, "generations": 20})
        answers = [function.answer() for _ in range(4)]
        assert sorted(each.content["answer"] for each in answers) == [0, 1, 2, 3]
        documents = documents_of(function.written())
    finally:
        os.killpg(function.process.pid, signal.SIGKILL)
    assert balance(documents) == (8, 8, 0, 0)
    assert of(documents, "GenerationCount", ModelID="nova") == 80
    assert of(documents, "ColdStart") == 0
