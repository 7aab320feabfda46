"""The agent comes late, goes away, comes back, or stops reading."""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import Any

import pytest

TELL = """
import json
say(json.dumps({"flushed": flowemf.flush(15), **flowemf.stats()}))
"""


def numbers_in(lines: list[bytes]) -> list[int]:
    return [json.loads(line)["Number"] for line in lines]


def settings_for(agent: Any, **others: Any) -> dict[str, Any]:
    return {"sink": agent.address, "log_group": "/app", **others}


def test_lines_wait_for_an_agent_that_comes_late(launch: Any, absent_agent: Any) -> None:
    """Emitting waits for nothing; every line is there once the agent is."""
    code = "for number in range(500): emit(0, number)\n" + TELL
    program = launch(code, settings=settings_for(absent_agent))
    program.wait_for(500)
    time.sleep(0.2)
    absent_agent.start()
    assert program.finish() == 0, program.errors
    absent_agent.wait_for_lines(500)
    assert numbers_in(absent_agent.lines) == list(range(500))
    assert program.said["flushed"] is True
    assert program.said["lines_written"] == 500
    assert program.said["agent_unreachable"] >= 1
    assert program.errors.count(b"cannot be reached") == 1


def test_what_finds_the_queue_full_while_the_agent_is_away_is_counted_and_reported(
    launch: Any, absent_agent: Any, lines_of: Any
) -> None:
    """The report goes to the agent too, with the log group that it needs."""
    code = "for number in range(2000): emit(0, number)\ndone[1] = 1\n" + TELL
    program = launch(code, settings=settings_for(absent_agent, queue_size=100))
    program.wait_for(1, slot=1)
    absent_agent.start()
    assert program.finish() == 0, program.errors
    said = program.said
    absent_agent.wait_for_lines(said["lines_written"])
    lines = lines_of(b"".join(absent_agent.lines))
    assert sum(lines.dropped) == said["lines_dropped"] == 2000 - len(lines.numbers[0])
    assert {document["_aws"]["LogGroupName"] for document in lines.documents} == {"/app"}


def test_an_agent_that_restarts_gets_whole_lines_and_what_was_not_handed_over(launch: Any, agent: Any) -> None:
    """A line cut off by the end of a connection comes again, whole, on the next one."""
    code = (
        """
number = 0
while done[1] == 0:
    emit(0, number)
    number += 1
    time.sleep(0.0005)
"""
        + TELL
    )
    program = launch(code, settings=settings_for(agent))
    for _ in range(2):
        so_far = len(agent.lines)
        agent.wait_for_lines(so_far + 100)
        agent.stop()
        time.sleep(0.05)
        agent.start()
    agent.wait_for_lines(len(agent.lines) + 100)
    with program._slots.open("r+b") as slots:
        slots.seek(8)
        slots.write((1).to_bytes(8, "little"))
    assert program.finish() == 0, program.errors
    time.sleep(0.1)
    assert len(agent.connections) >= 3
    for received in agent.connections:
        assert received.startswith(b'{"_aws":{')
    arrived, emitted = numbers_in(agent.lines), program.done()[0]
    assert len(set(arrived)) == len(arrived), "nothing twice"
    assert arrived == sorted(arrived)
    # What the system had taken when the agent went is lost with it, as the documentation says; it is no great part.
    assert emitted - 200 < len(arrived) <= emitted == program.said["lines_written"]


def test_half_a_line_is_sent_again_whole(launch: Any) -> None:
    """The agent hangs up within a line: the next connection begins with that line, not with the rest of it."""
    code = """
flowemf.bind(**{f"long{part}": "x" * 8000 for part in range(100)})
for number in range(8): emit(0, number)
"""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(20)
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        program = launch(code + TELL, settings={"sink": address, "log_group": "/app"})
        first, _ = server.accept()
        assert first.recv(10) == b'{"_aws":{"'
        time.sleep(0.3)
        first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # hang up at once
        first.close()
        second, _ = server.accept()
        received = b""
        while part := second.recv(1_000_000):
            received += part
        second.close()
    arrived = numbers_in(received.splitlines())
    # What the system had taken whole was lost with the first connection.
    assert arrived == list(range(8))[-len(arrived) :]
    assert 1 < len(arrived) < 8
    assert program.finish() == 0, program.errors
    assert program.said["lines_written"] == 8


def test_an_agent_that_stops_reading_blocks_nobody(launch: Any) -> None:
    """What it does not take is dropped and counted, and the program ends within its two seconds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = """
import json
flowemf.bind(long="x" * 8000)
for number in range(3000): emit(0, number)
say(json.dumps(flowemf.stats()))
"""
        settings = {"sink": f"tcp://127.0.0.1:{server.getsockname()[1]}", "log_group": "/app", "queue_size": 50}
        program = launch(code, settings=settings)
        program.wait_for(3000)
        started = time.monotonic()
        assert program.finish() == 0
        assert time.monotonic() - started < 5
    assert program.errors.count(b"lines_dropped") >= 1


def test_datagrams_wait_for_an_agent_that_comes_late(launch: Any) -> None:
    """On one machine UDP tells that nobody listens, and the line that nobody heard is sent again."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = "for number in range(60): emit(0, number)\n" + TELL
    program = launch(code, settings={"sink": f"udp://127.0.0.1:{port}", "log_group": "/app"})
    program.wait_for(60)
    time.sleep(0.2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
        agent.bind(("127.0.0.1", port))
        agent.settimeout(10)
        received = [agent.recv(65_536) for _ in range(60)]
    assert numbers_in(received) == list(range(60))
    assert program.finish() == 0, program.errors
    assert program.said["lines_written"] == 60


def test_the_connection_is_closed_at_the_end(launch: Any, agent: Any) -> None:
    """Python would warn of one that is not."""
    program = launch("emit(0, 0)", settings=settings_for(agent), environment={"PYTHONWARNINGS": "always"})
    assert program.finish() == 0
    assert program.errors == b""
    agent.wait_for_lines(1)


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_without_an_agent_a_program_ends_in_time_and_says_what_is_lost(launch: Any, scheme: str) -> None:
    """Neither emitting nor ending waits for an agent that never comes."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = launch(
        "for number in range(100): emit(0, number)",
        settings={"sink": f"{scheme}://127.0.0.1:{port}", "log_group": "/app"},
    )
    started = time.monotonic()
    assert program.finish() == 0
    assert time.monotonic() - started < 6
    assert b"100 lines are lost" in program.errors
