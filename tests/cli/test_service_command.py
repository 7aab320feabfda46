"""`flowemf replay --follow` as a service: a real process, a destination that comes and goes, signals and kills."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import signal
import socket
import subprocess
import termios
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cloudwatch_server import Answer, CloudWatchServer
from metric_lines import document
from prometheus_client.parser import text_string_to_metric_families
from replaying import text_of

from flowemf_processor.checkpoints import contents

PATIENCE_SECONDS = 60
THROTTLING = Answer(400, "Throttling")
DENIED = Answer(403, "AccessDenied")


def lines(*numbers: int) -> bytes:
    """Write metric lines of now."""
    now_ms = int(time.time() * 1000)
    return text_of(document({"Latency": number}, timestamp_ms=now_ms) for number in numbers)


def free_port() -> int:
    """Find a port that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class Service:
    """`flowemf replay app.log --to metrics --follow` in a process of its own."""

    def __init__(self, command: Any, *arguments: str, **options: Any) -> None:
        self.directory: Path = command.directory
        self.port = free_port()
        self._errors = self.directory / "stderr.txt"
        with self._errors.open("wb") as errors:
            given = {"stderr": errors, "stdout": subprocess.PIPE, "stdin": subprocess.DEVNULL, **options}
            self.process = command.start(
                *("replay", "app.log", "--to", "metrics", "--follow", "--flush-interval", "0.1"),
                *("--listen", str(self.port), *arguments),
                **given,
            )

    def said(self) -> str:
        """Give what it has said to people."""
        return self._errors.read_text()

    def metrics(self) -> dict[str, float]:
        """Scrape it; figures by name, with the state where there is one."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
        return {
            " ".join(
                (sample.name, *(value for key, value in sample.labels.items() if key != "destination"))
            ): sample.value
            for family in families
            for sample in family.samples
        }

    def wait_for(self, name: str, is_so: Callable[[float], bool]) -> float:
        """Wait until a figure is so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            with contextlib.suppress(OSError, KeyError):
                figure = self.metrics()[name]
                if is_so(figure):
                    return figure
            assert time.monotonic() < deadline, self.said()
            assert self.process.poll() is None, self.said()
            time.sleep(0.05)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Tell it to end; give the exit code."""
        self.process.send_signal(number)
        code: int = self.process.wait(PATIENCE_SECONDS)
        return code


@pytest.fixture
def start(flowemf_command: Any) -> Iterator[Callable[..., Service]]:
    """Start services that end with the test, over a log of ten lines."""
    (flowemf_command.directory / "app.log").write_bytes(lines(*range(10)))
    started: list[Service] = []

    def start_one(*arguments: str, **options: Any) -> Service:
        started.append(Service(flowemf_command, *arguments, **options))
        return started[-1]

    yield start_one
    for service in started:
        if service.process.poll() is None:
            service.process.kill()
        service.process.communicate()


def received(server: CloudWatchServer) -> Counter[float]:
    """Count how often each number arrived."""
    return Counter({value: count for (_, _, value), count in server.values().items()})


def append(start_directory: Path, *numbers: int) -> None:
    """Write on."""
    with (start_directory / "app.log").open("ab") as log:
        log.write(lines(*numbers))


# --- Doing well, and badly --------------------------------------------------------------------------------------------


def test_how_a_run_is_doing_can_be_scraped(start: Callable[..., Service], server: CloudWatchServer) -> None:
    """Lag, spool, last acceptance and counts; a second address is not needed for that."""
    service = start("--endpoint-url", server.endpoint_url)
    service.wait_for("flowemf_datapoints_total accepted", lambda count: count == 10)
    found = service.metrics()
    assert abs(found["flowemf_last_acceptance_timestamp_seconds"] - time.time()) < PATIENCE_SECONDS
    assert found["flowemf_newest_event_timestamp_seconds"] <= time.time()
    assert found["flowemf_spool_limit_bytes"] == 1e9
    assert found["flowemf_records_total metric"] == 10
    assert service.wait_for("flowemf_lag_seconds", lambda lag: lag == 0) == 0
    assert service.end() == 0
    assert received(server) == Counter(map(float, range(10)))


def test_a_destination_that_is_away_is_waited_for(start: Callable[..., Service], server: CloudWatchServer) -> None:
    """The run goes on, says so once, and again when it is over; everything arrives once."""
    server.answers = [THROTTLING] * 3
    service = start("--endpoint-url", server.endpoint_url)
    service.wait_for("flowemf_destination_up", lambda up: up == 0)
    assert service.metrics()["flowemf_spool_requests"] == 1
    append(service.directory, 10, 11)
    service.wait_for("flowemf_datapoints_total accepted", lambda count: count == 12)
    assert service.end() == 0
    said = service.said()
    assert said.count("metrics: takes nothing (throttled: Throttling: said the server") == 1
    assert said.count("metrics: takes requests again, after ") == 1
    once = Counter(map(float, range(12)))
    assert {value: count for value, count in received(server).items() if value > 9} == {10: 1, 11: 1}
    assert set(received(server)) == set(once)


def test_wrong_credentials_end_the_run_before_anything_was_accepted(
    start: Callable[..., Service], server: CloudWatchServer
) -> None:
    """Exit 2: nobody should find out a month later."""
    server.answers = [DENIED] * 5
    service = start("--endpoint-url", server.endpoint_url)
    assert service.process.wait(PATIENCE_SECONDS) == 2
    assert "the identity needs the permission cloudwatch:PutMetricData" in service.said()
    assert "mend the configuration" in service.said()
    assert len(server.requests) == 1


def test_a_full_spool_is_said_and_nothing_is_lost(start: Callable[..., Service], server: CloudWatchServer) -> None:
    """Reading stops; when there is room it goes on."""
    server.answers = [THROTTLING] * 2
    service = start("--endpoint-url", server.endpoint_url, "--max-spool", "100B")
    service.wait_for("flowemf_reading", lambda reading: reading == 0)
    append(service.directory, *range(10, 20))
    service.wait_for("flowemf_datapoints_total accepted", lambda count: count == 20)
    assert service.end() == 0
    assert "bytes wait for it, as many as --max-spool allows; nothing more is read" in service.said()
    assert "there is room again; reading goes on" in service.said()


def test_the_log_may_be_json(start: Callable[..., Service], server: CloudWatchServer) -> None:
    """One object a line until the closing summary, each with its time and its event."""
    server.answers = [THROTTLING] * 2
    service = start("--endpoint-url", server.endpoint_url, "--log-json")
    service.wait_for("flowemf_datapoints_total accepted", lambda count: count == 10)
    assert service.end() == 0
    events = [json.loads(line) for line in service.said().splitlines() if line.startswith("{")]
    assert [each["event"] for each in events] == ["away", "back"]
    assert all(each["timestamp"] and each["message"] and each["level"] == "warning" for each in events)


def test_the_end_of_the_input_is_not_the_end_of_the_delivery(flowemf_command: Any, server: CloudWatchServer) -> None:
    """What was piped in is brought to a destination that was away; then the run ends by itself."""
    server.answers = [THROTTLING] * 2
    command = ("replay", "--to", "metrics", "--follow", "--endpoint-url", server.endpoint_url)
    finished = flowemf_command(*command, stdin=lines(1, 2, 3))
    assert finished.returncode == 0, finished.stderr.decode()
    assert b"3 accepted" in finished.stderr


# --- Endings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name)
def test_signals_leave_a_checkpoint_from_which_the_next_run_goes_on(
    start: Callable[..., Service], server: CloudWatchServer, number: signal.Signals
) -> None:
    """Even if nothing could be delivered: what was read waits in the checkpoint."""
    away = start("--endpoint-url", f"http://127.0.0.1:{free_port()}", "--checkpoint", "c.sqlite3")
    away.wait_for("flowemf_spool_requests", lambda waiting: waiting == 1)
    assert away.end(number) == 3
    assert "run the same command again" in away.said()
    [destination] = contents(away.directory / "c.sqlite3").destinations
    assert (destination.unfinished_datapoints, destination.in_flight_batches) == (10, 0)


def test_a_closed_terminal_leaves_a_checkpoint_too(start: Callable[..., Service], server: CloudWatchServer) -> None:
    """The process leads a session on a terminal of its own, which goes away."""
    ours, theirs = pty.openpty()
    service = start(
        *("--endpoint-url", server.endpoint_url),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=lambda: (os.setsid(), fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)),
    )
    os.close(theirs)
    service.wait_for("flowemf_datapoints_total accepted", lambda count: count == 10)
    os.close(ours)
    assert service.process.wait(PATIENCE_SECONDS) in (0, -signal.SIGHUP)
    append(service.directory, 10)
    again = start("--endpoint-url", server.endpoint_url)
    again.wait_for("flowemf_datapoints_total accepted", lambda count: count == 1)
    assert again.end() == 0
    assert received(server) == Counter(map(float, range(11)))


def test_a_process_that_ignores_hangups_goes_on(start: Callable[..., Service], server: CloudWatchServer) -> None:
    """As nohup wants it."""
    service = start(
        "--endpoint-url", server.endpoint_url, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    service.wait_for("flowemf_datapoints_total accepted", lambda count: count == 10)
    service.process.send_signal(signal.SIGHUP)
    append(service.directory, 10)
    service.wait_for("flowemf_datapoints_total accepted", lambda count: count == 11)
    assert service.end() == 0


def test_kills_while_following_lose_nothing_and_double_only_what_is_reported(
    start: Callable[..., Service], server: CloudWatchServer
) -> None:
    """Killed in the midst of requests, five times; what may have been taken twice stands in the account."""
    written = 10
    for round_number in range(5):
        server.answers = [Answer(after_seconds=0.05)] * 2
        service = start("--endpoint-url", server.endpoint_url)
        service.wait_for("flowemf_records_total metric", lambda _: True)
        append(service.directory, *range(written, written + 5))
        written += 5
        time.sleep(0.03 * round_number)
        service.process.kill()
        service.process.wait(PATIENCE_SECONDS)
    server.answers = []
    service = start("--endpoint-url", server.endpoint_url, "--json")
    service.wait_for("flowemf_records_total metric", lambda _: True)
    service.wait_for("flowemf_lag_seconds", lambda lag: lag == 0 and set(received(server)) >= set(range(written)))
    service.process.send_signal(signal.SIGTERM)
    output, _ = service.process.communicate(timeout=PATIENCE_SECONDS)
    [account] = json.loads(output)["destinations"]
    assert set(received(server)) == set(map(float, range(written)))
    assert received(server).total() - written <= account["all_runs"]["sent_again"]


# --- Contradictions ---------------------------------------------------------------------------------------------------


def test_nothing_is_remembered_where_nobody_wants_it(start: Callable[..., Service], server: CloudWatchServer) -> None:
    """What waits is kept in a place of its own meanwhile; the next run sends everything again."""
    for times in (1, 2):
        service = start("--endpoint-url", server.endpoint_url, "--no-checkpoint")
        service.wait_for("flowemf_datapoints_total accepted", lambda count: count == 10)
        assert service.end() == 0
        assert "checkpoint:" not in service.said()
        assert received(server) == Counter({float(number): times for number in range(10)})
    assert not list((service.directory / "state").glob("**/*.sqlite3"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--max-spool", "1GB"), "--max-spool has no meaning without --follow"),
        (("--listen", "9464"), "--listen has no meaning without --follow"),
        (("--log-json",), "--log-json has no meaning without --follow"),
        (("--flush-interval", "5"), "--flush-interval has no meaning without --follow"),
        (("--follow", "--dry-run"), "--dry-run ends by itself and --follow does not"),
        (("--follow", "--max-spool", "much"), "'much' is no size"),
        (("--follow", "--listen", "here"), "'here' is no address"),
        (("--follow", "--max-spool", "9" * 400), "9' is no size"),
        (("--follow", "--listen", "70000"), "'70000' is no address"),
        (("--follow", "--listen", "9" * 5000), "9' is no address"),
        (("--follow", "--retry-for", "5"), "--retry-for has no meaning with --follow"),
    ],
)
def test_options_without_a_meaning_are_refused(flowemf_command: Any, arguments: tuple[str, ...], said: str) -> None:
    """With what to do instead."""
    finished = flowemf_command("replay", "app.log", "--to", "metrics", *arguments)
    assert finished.returncode == 2
    assert said in " ".join(finished.stderr.decode().split())


def test_an_address_that_is_taken_is_a_matter_of_configuration(flowemf_command: Any) -> None:
    """Said before anything is read."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        finished = flowemf_command("replay", "app.log", "--to", "local", "--follow", "--listen", str(port))
    assert finished.returncode == 2
    assert f"--listen 127.0.0.1:{port}" in finished.stderr.decode()


def test_a_second_run_on_the_checkpoint_says_so(
    start: Callable[..., Service], server: CloudWatchServer, flowemf_command: Any
) -> None:
    """And ends with 3; looking is possible meanwhile, forgetting is not."""
    service = start("--endpoint-url", server.endpoint_url, "--checkpoint", "c.sqlite3")
    service.wait_for("flowemf_datapoints_total accepted", lambda count: count == 10)
    second = flowemf_command(
        *("replay", "app.log", "--to", "metrics", "--endpoint-url", server.endpoint_url, "--checkpoint", "c.sqlite3")
    )
    assert second.returncode == 3
    assert b"another run is using this checkpoint" in second.stderr
    shown = flowemf_command("checkpoint", "show", "--checkpoint", "c.sqlite3")
    assert shown.returncode == 0
    assert b"app.log" in shown.stdout
    reset = flowemf_command("checkpoint", "reset", "--yes", "--checkpoint", "c.sqlite3")
    assert reset.returncode == 3
    assert b"another run is using this checkpoint" in reset.stderr
    assert service.end() == 0
