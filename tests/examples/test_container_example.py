"""The container's service runs as its Dockerfile says, and its metrics survive what containers do to processes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_process import Flowemf
from container_service import CUT_BYTES, FOLDER, Service, instructions, variables
from example_programs import documents_of, sums, table

pytestmark = pytest.mark.xdist_group("container-example")

HADOLINT = str(Path(sys.executable).parent / "hadolint")
FLOWS = ("FlowStarted", "FlowCompleted", "FlowError", "FlowCancelled", "GenerationCount", "GenerationError")
Start = Callable[..., Service]


@pytest.mark.parametrize("dockerfile", [FOLDER / "Dockerfile", FOLDER / "log_router" / "Dockerfile"], ids=str)
def test_hadolint_has_nothing_to_say_of_a_dockerfile(dockerfile: Path) -> None:
    """Not even information; of one with mistakes it does."""
    assert subprocess.run([HADOLINT, dockerfile], capture_output=True, check=True, timeout=60).stdout == b""
    mistaken = b"FROM python\nCMD uvicorn app:app\n"
    found = subprocess.run([HADOLINT, "-"], input=mistaken, capture_output=True, check=False, timeout=60)
    assert {b"DL3006", b"DL3025"} <= set(found.stdout.split())


def test_the_command_gets_signals_itself_and_is_nobody() -> None:
    """CMD, the command of the table, has in its list form no shell around it; Kubernetes can check a numeric user."""
    found = dict(instructions(FOLDER / "Dockerfile"))
    assert json.loads(found["CMD"]) == table()["container"].replace(" --app-dir examples/container", "").split()
    assert found["USER"] == "65534"


def test_each_request_is_a_flow_but_for_those_of_the_load_balancer(
    start_service: Start, flowemf_command: Flowemf
) -> None:
    """An answer, a streamed one, one that comes too late; uvicorn's own lines stand between ours."""
    service = start_service()
    assert service.ask("/health") == (200, b"ok")
    assert service.ask("/chat", {"question": "How long?"}, x_tenant="acme") == (
        200,
        b'{"answer":"You asked: How long?"}',
    )
    assert service.ask("/stream", {"question": "How long?"}) == (200, b"You asked: How long? ")
    assert service.ask("/chat", {"question": ""})[0] == 504
    output = service.stop()
    documents = documents_of(output)
    assert sums(documents, *FLOWS) == {
        "FlowStarted": 3,
        "FlowCompleted": 2,
        "FlowError": 1,
        "GenerationCount": 3,
        "GenerationError": 1,
    }
    assert {each["FlowName"] for each in documents if "FlowName" in each} == {"POST /chat", "POST /stream"}
    assert {each["ErrorType"] for each in documents if "ErrorType" in each} == {"Timeout"}
    assert b'"GET /health HTTP/1.1" 200' in output
    assert flowemf_command("check", stdin=output).returncode == 0


def test_an_answer_that_is_on_its_way_at_sigterm_is_finished_and_counted(start_service: Start) -> None:
    """Within the time that the Dockerfile gives it; the process then ends by itself."""
    service = start_service()
    before = service.ask("/chat", {"question": "quick"})
    with service.open_stream("a b c d e f g h i j k l m n o p q r s t u v w x y z") as answer:
        service.terminate()
        said = answer.read()
    assert (before[0], said.split()[-1]) == (200, b"z")
    assert sums(documents_of(service.wait()), *FLOWS) == {"FlowStarted": 2, "FlowCompleted": 2, "GenerationCount": 2}


@pytest.fixture
def first_process() -> tuple[str, ...]:
    """Give a command that makes another one the first process of a PID namespace, as it is in a container."""
    for ways in ((), ("--user", "--map-root-user")):
        command = ("unshare", *ways, "--pid", "--fork", "--kill-child")
        if subprocess.run([*command, "true"], capture_output=True, check=False, timeout=20).returncode == 0:
            return command
    pytest.skip("this system lets nobody make a PID namespace")


@pytest.mark.requires_system("unshare")
def test_an_answer_that_takes_too_long_at_sigterm_is_cancelled(
    start_service: Start, first_process: tuple[str, ...]
) -> None:
    """The server gives up waiting, and is not ended by the signal before the flow is: it is the first process."""
    service = start_service(first_process, UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN="1")
    began = time.monotonic()
    with service.open_stream("word " * 1000):
        output = service.stop()
    assert time.monotonic() - began < 10
    assert sums(documents_of(output), *FLOWS) == {"FlowStarted": 1, "FlowCancelled": 1, "GenerationCount": 1}


def test_behind_another_process_such_a_flow_may_stay_unfinished(start_service: Start) -> None:
    """There uvicorn may end itself with the signal before the flow has ended; what is written is whole all the same."""
    service = start_service(UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN="1")
    with service.open_stream("word " * 1000):
        output = service.stop()
    found = sums(documents_of(output), *FLOWS)
    assert {**found, "FlowCancelled": 0} == {"FlowStarted": 1, "GenerationCount": 1, "FlowCancelled": 0}


def test_lines_stay_below_what_docker_and_containerd_cut(outputs: dict[str, bytes]) -> None:
    """The image's FLOWEMF_MAX_LINE_BYTES leaves properties out; the numbers stay. Without it lines are longer."""
    longest = {name: max(map(len, output.splitlines(keepends=True))) for name, output in outputs.items()}
    assert longest["whole"] <= int(variables(FOLDER / "Dockerfile")["FLOWEMF_MAX_LINE_BYTES"]) == CUT_BYTES
    assert longest["cut"] > CUT_BYTES
    whole, cut = (sums(documents_of(output), *FLOWS) for output in outputs.values())
    assert whole == cut


def test_the_health_check_of_the_task_definitions_finds_the_service(start_service: Start, task: dict[str, Any]) -> None:
    """Its command, with the port of this run, in the container's own environment."""
    service = start_service()
    kind, program, *arguments = task["containerDefinitions"][-1]["healthCheck"]["command"]
    assert (kind, program) == ("CMD", "python")
    here = [each.replace("http://127.0.0.1:8000", service.url) for each in arguments]
    assert subprocess.run([sys.executable, *here], check=False, timeout=60).returncode == 0
    service.stop()
    assert subprocess.run([sys.executable, *here], capture_output=True, check=False, timeout=60).returncode != 0
