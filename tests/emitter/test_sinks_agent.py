"""The agent as a sink: addresses, what aws-embedded-metrics would do, datagrams, and the log group."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowemf import ConfigurationError, Monitor, flush
from flowemf._output.agent import DEFAULT_PORT, MOST_DATAGRAM_BYTES, _StreamTarget, address_of
from flowemf._settings import resolve
from flowemf._tally import Tally

# Tells what the setting has become, and every attempt to reach another machine or process on the way there.
RESOLVE = """
import json, os, sys
attempts = []
network = ("socket.connect", "socket.getaddrinfo", "socket.sendto")
sys.addaudithook(lambda event, _: attempts.append(event) if event in network else None)
from flowemf._settings import resolve
settings = resolve({"sink": "agent"}, os.environ)
print(json.dumps([settings.sink, settings.log_group, attempts]))
"""


@pytest.fixture
def datagrams() -> Iterator[socket.socket]:
    """Listen for datagrams."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(10)
        yield listening


@pytest.mark.parametrize(
    ("setting", "host", "port"),
    [
        ("tcp://127.0.0.1:25888", "127.0.0.1", 25888),
        ("udp://cloudwatch-agent.monitoring.svc:1", "cloudwatch-agent.monitoring.svc", 1),
        ("tcp://localhost", "localhost", DEFAULT_PORT),
        ("tcp://[::1]:65535", "::1", 65_535),
        ("udp://[::1]", "::1", DEFAULT_PORT),
    ],
)
def test_an_address_is_read(setting: str, host: str, port: int) -> None:
    """With a port or without, by name or by number."""
    assert address_of(setting, "sink") == (host, port)


@pytest.mark.parametrize(
    ("variables", "sink", "log_group"),
    [
        ({}, "tcp://127.0.0.1:25888", "Unknown-metrics"),
        ({"AWS_EMF_SERVICE_NAME": "shop"}, "tcp://127.0.0.1:25888", "shop-metrics"),
        ({"AWS_EMF_LOG_GROUP_NAME": "/shop"}, "tcp://127.0.0.1:25888", "/shop"),
        ({"FLOWEMF_LOG_GROUP": "/ours", "AWS_EMF_LOG_GROUP_NAME": "/shop"}, "tcp://127.0.0.1:25888", "/ours"),
        ({"AWS_EMF_AGENT_ENDPOINT": "udp://agent:1234"}, "udp://agent:1234", "Unknown-metrics"),
        ({"AWS_LAMBDA_FUNCTION_NAME": "chat"}, "stdout", ""),
        ({"AWS_EMF_ENVIRONMENT": "local"}, "stdout", ""),
        ({"AWS_EMF_ENVIRONMENT": "Lambda"}, "stdout", ""),
        (
            {"AWS_EMF_ENVIRONMENT": "default", "AWS_LAMBDA_FUNCTION_NAME": "x"},
            "tcp://127.0.0.1:25888",
            "Unknown-metrics",
        ),
    ],
)
def test_the_agent_is_where_aws_embedded_metrics_would_find_it(
    run_python: Any, variables: dict[str, str], sink: str, log_group: str
) -> None:
    """Its variables mean the same here; no network is asked on the way."""
    finished = run_python(RESOLVE, environment={**variables, "PYTHONWARNINGS": "ignore"}, flags=["-W", "ignore"])
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout) == [sink, log_group, []]


def test_an_endpoint_that_is_none_is_refused(run_python: Any) -> None:
    """Where the library would quietly dial its default instead."""
    finished = run_python(RESOLVE, environment={"AWS_EMF_AGENT_ENDPOINT": "agent:1234"}, flags=["-W", "ignore"])
    assert b"ConfigurationError: AWS_EMF_AGENT_ENDPOINT" in finished.stderr


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """And with the way that needs no library."""
    monkeypatch.setitem(__import__("sys").modules, "aws_embedded_metrics.config", None)
    with pytest.raises(ConfigurationError, match=r"flowemf\[agent\].*tcp://127.0.0.1:25888"):
        resolve({"sink": "agent"}, {})


@pytest.mark.parametrize("sink", ["tcp://127.0.0.1:25888", "udp://127.0.0.1:25888"])
def test_an_address_needs_a_log_group(sink: str) -> None:
    """The agent would refuse every line."""
    with pytest.raises(ConfigurationError, match="log_group is missing"):
        resolve({"sink": sink}, {})
    assert resolve({"sink": sink, "log_group": "/app"}, {}).log_group == "/app"


def test_each_line_is_a_datagram_and_delivery_is_in_the_background(datagrams: socket.socket, judge: Any) -> None:
    """Whatever `delivery` says: nothing waits for a network."""
    address = f"udp://127.0.0.1:{datagrams.getsockname()[1]}"
    monitor = Monitor("App/Test", sink=address, log_group="/app", delivery="sync")
    monitor.metric("Number", 1)
    monitor.metric("Number", 2)
    assert flush(10)
    first, second = (json.loads(datagrams.recv(65_536)) for _ in range(2))
    assert (first["Number"], second["Number"]) == (1, 2)
    assert first["_aws"]["LogGroupName"] == "/app"


def test_a_line_too_long_for_a_datagram_is_counted_and_left_out(
    datagrams: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    """The longest that fits is sent; the other is no failure of the agent, and the next line comes."""
    address = f"udp://127.0.0.1:{datagrams.getsockname()[1]}"
    monitor = Monitor("App/Test", sink=address, log_group="/app")
    outlet: Any = monitor.lines.in_bulk().sink
    for size in (MOST_DATAGRAM_BYTES, MOST_DATAGRAM_BYTES + 1, 10):
        outlet.write(b"x" * (size - 1) + b"\n", monitor.tally)
    assert flush(10)
    assert [len(datagrams.recv(70_000)) for _ in range(2)] == [MOST_DATAGRAM_BYTES, 10]
    assert monitor.stats() == {"lines_written": 2, "datagram_too_large": 1}
    assert "use tcp://" in capsys.readouterr().err


class CutConnection:
    """Takes so many bytes, and then hangs up."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.received = b""

    def recv(self, size: int, flags: int) -> bytes:
        raise BlockingIOError

    def send(self, data: bytes, flags: int) -> int:
        if self.room == 0:
            raise ConnectionResetError
        taken = data[: min(self.room, 7)]
        self.room -= len(taken)
        self.received += taken
        return len(taken)

    def close(self) -> None:
        pass


@given(st.lists(st.integers(0, 20), max_size=12), st.lists(st.integers(0, 60), max_size=8))
def test_wherever_connections_are_cut_each_begins_with_a_whole_line(sizes: list[int], rooms: list[int]) -> None:
    """Across all of them every line arrives once, whole and in its order; what was cut off comes again."""
    lines = [b"%d:" % number + b"x" * size + b"\n" for number, size in enumerate(sizes)]
    connections = [CutConnection(room) for room in [*rooms, 10_000]]
    coming, tally = iter(connections), Tally()

    class Cut(_StreamTarget):
        def _connected(self) -> Any:
            self._socket = next(coming)  # type: ignore[assignment]
            return self._socket

        def _wait_for_it(self, tally: Any, problem: OSError) -> None:
            self._hang_up()

    Cut("tcp://test", "test", 1).put(lines, tally)
    whole = [line for each in connections for line in each.received.splitlines(keepends=True) if line.endswith(b"\n")]
    assert whole == lines
    assert tally.lines_written == len(lines)


def test_the_log_group_stands_in_the_metadata(make_monitor: Any, captured: Any) -> None:
    """For every kind of line; everything else is as without it."""
    make_monitor(log_group="/shop/ai").on_flow_start("chat")
    make_monitor().on_flow_start("chat")
    with_group, without = captured_documents(captured)
    assert with_group["_aws"].pop("LogGroupName") == "/shop/ai"
    assert with_group == without


def captured_documents(captured: Any) -> list[Any]:
    return [json.loads(line) for line in captured.lines]
