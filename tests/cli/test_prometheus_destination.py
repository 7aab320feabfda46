"""`flowemf replay --to prometheus`: a real Prometheus scrapes a real process, and promtool reads the file."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from metric_lines import document
from prometheus_client.parser import text_string_to_metric_families
from replaying import text_of

PATIENCE_SECONDS = 60
COMPLETED = "app_flow_completed_total"


def lines(count: int, flow: str = "chat") -> bytes:
    """Write lines as the emitter does, with its roll-ups."""
    one = document(
        {"FlowCompleted": 1},
        dimensions={"FlowName": flow, "Status": "Success"},
        sets=[["FlowName", "Status"], ["FlowName"], []],
    )
    duration = document(
        {"FlowDuration": 250},
        dimensions={"FlowName": flow, "Status": "Success"},
        sets=[["FlowName", "Status"], ["FlowName"], []],
        unit="Milliseconds",
    )
    return text_of([one, duration] * count)


def free_port() -> int:
    """Find a port that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with contextlib.suppress(OSError):
            if is_so():
                return
        assert time.monotonic() < deadline
        time.sleep(0.05)


def samples(text: str) -> dict[str, float]:
    """Read what is shown of the log's metrics, summed over labels."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if not sample.name.startswith("flowemf_"):
                found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


def scraped(port: int) -> dict[str, float]:
    """Scrape a run."""
    return samples(_page(port))


@pytest.fixture
def directory(flowemf_command: Any) -> Path:
    """Give the directory of a log of five flows."""
    (flowemf_command.directory / "app.log").write_bytes(lines(5))
    found: Path = flowemf_command.directory
    return found


@contextlib.contextmanager
def following(command: Any, port: int, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `flowemf replay --follow --to prometheus`."""
    process = command.start(
        *("replay", "app.log", "--to", "prometheus", "--follow", "--flush-interval", "0.1"),
        *("--listen", str(port), *arguments),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_SECONDS)


# --- The file ---------------------------------------------------------------------------------------------------------


def test_the_file_goes_on_where_it_was_left(flowemf_command: Any, directory: Path) -> None:
    """A run every hour by cron, as node_exporter's textfile collector wants it: a counter never falls."""
    arguments = (
        "replay",
        "app.log",
        "--to",
        "prometheus",
        "--prometheus-file",
        "app.prom",
        "--checkpoint",
        "c.sqlite3",
    )
    for count in (5, 5, 8):
        if count == 8:
            with (directory / "app.log").open("ab") as log:
                log.write(lines(3))
        finished = flowemf_command(*arguments)
        assert finished.returncode == 0, finished.stderr.decode()
        found = samples((directory / "app.prom").read_text())
        assert (found[COMPLETED], found["app_flow_duration_seconds_count"]) == (count, count)
    assert [each.name for each in directory.glob("app.prom*")] == ["app.prom"]
    said = flowemf_command(*arguments).stderr.decode()
    assert "nothing new" in said
    assert "to repeat it, use --no-checkpoint (the sums are then those of that run alone)" in said


@pytest.mark.requires_system("promtool")
def test_promtool_has_nothing_against_the_file(flowemf_command: Any, demo_log: Path) -> None:
    """Prometheus's own linter, over everything that the emitter writes."""
    finished = flowemf_command("replay", demo_log, "--to", "prometheus", "--prometheus-file", "demo.prom")
    assert finished.returncode == 0, finished.stderr.decode()
    with (flowemf_command.directory / "demo.prom").open("rb") as file:
        checked = subprocess.run(["promtool", "check", "metrics"], stdin=file, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "needs a place to show the sums at: --prometheus-file FILE, or --listen PORT with --follow"),
        (("--follow",), "needs a place to show the sums at"),
        (("--prometheus-file", "app.txt"), "node_exporter reads files that end in .prom only; name it app.prom"),
        (("--prometheus-file", "no/app.prom"), "there is no directory no; make it first"),
        (("--prometheus-file", "app.prom", "--relative-error", "0.1"), "--relative-error has no meaning"),
    ],
)
def test_what_would_show_nothing_is_refused(
    flowemf_command: Any, directory: Path, arguments: tuple[str, ...], said: str
) -> None:
    """Before anything is read."""
    finished = flowemf_command("replay", "app.log", "--to", "prometheus", *arguments)
    assert finished.returncode == 2
    assert said in " ".join(finished.stderr.decode().split())


def test_what_is_left_out_is_said(flowemf_command: Any, directory: Path) -> None:
    """In words, with the metric that met it first, and in the account."""
    (directory / "app.log").write_bytes(text_of([document({"A-B": 1}), document({"A.B": 1})]))
    finished = flowemf_command("replay", "app.log", "--to", "prometheus", "--prometheus-file", "app.prom", "--json")
    assert finished.returncode == 4
    assert b"prometheus: App A.B is left out: another metric has this name in Prometheus already" in finished.stderr
    [account] = json.loads(finished.stdout)["destinations"]
    assert account["reasons"] == {"name-taken": 1}


# --- The address ------------------------------------------------------------------------------------------------------


def test_a_killed_run_shows_no_counter_that_falls(flowemf_command: Any, directory: Path) -> None:
    """What it had shown is there at once in the next run, and nothing is added twice."""
    port = free_port()
    with following(flowemf_command, port) as process:
        wait_for(lambda: scraped(port).get(COMPLETED) == 5)
        process.kill()
        process.wait(PATIENCE_SECONDS)
    with (directory / "app.log").open("ab") as log:
        log.write(lines(2))
    shown: set[float | None] = set()
    with following(flowemf_command, port):
        wait_for(lambda: shown.add(scraped(port).get(COMPLETED)) or 7 in shown)
        time.sleep(0.3)
        shown.add(scraped(port).get(COMPLETED))
    assert {count for count in shown if count is not None} <= {5, 7}


def test_two_destinations_share_a_process_and_an_address(flowemf_command: Any, directory: Path) -> None:
    """Each in a thread, with one checkpoint file and one lock."""
    port = free_port()
    with following(flowemf_command, port, "--to", "local", "--database", "m.duckdb", "--checkpoint", "c.sqlite3"):
        wait_for(lambda: scraped(port).get(COMPLETED) == 5)
        for destination in ("local", "prometheus"):
            up = f'flowemf_destination_up{{destination="{destination}"}} 1.0'
            wait_for(lambda up=up: up in _page(port))


def _page(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


@pytest.mark.requires_system("prometheus")
def test_a_real_prometheus_scrapes_it(flowemf_command: Any, directory: Path, tmp_path: Path) -> None:
    """Sums over all labels are right, quantiles come out of the buckets, and the run itself is watched."""
    port, its_port = free_port(), free_port()
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
        "scrape_configs:\n"
        f"- {{job_name: flowemf, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n"
    )
    command = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    with (
        following(flowemf_command, port),
        (tmp_path / "prometheus.log").open("wb") as log,
        subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{its_port}"], cwd=tmp_path, stdout=log, stderr=log
        ) as prometheus,
    ):
        try:

            def asked(query: str) -> float | None:
                address = f"http://127.0.0.1:{its_port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
                with urllib.request.urlopen(address, timeout=10) as answer:
                    result = json.load(answer)["data"]["result"]
                return float(result[0]["value"][1]) if result else None

            wait_for(lambda: asked(f"sum({COMPLETED})") == 5)
            with (directory / "app.log").open("ab") as more:
                more.write(lines(3, "search"))
            wait_for(lambda: asked(f"sum({COMPLETED})") == 8)
            assert asked(f'sum({COMPLETED}{{flow_name="search",status="Success"}})') == 3
            quantile = asked("histogram_quantile(0.5, sum by (le) (app_flow_duration_seconds_bucket))")
            assert quantile is not None
            assert 0.16 < quantile <= 0.32
            assert asked('flowemf_destination_up{destination="prometheus"}') == 1
        finally:
            prometheus.terminate()
