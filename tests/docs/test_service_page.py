"""Runs what docs/service.md says: each command against a real CloudWatch on loopback, each table against the code."""

from __future__ import annotations

import configparser
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cloudwatch_server import CloudWatchServer
from metric_lines import document
from prometheus_client import CollectorRegistry
from replaying import text_of

from flowemf_processor.checkpoints.store import KEPT_PER_LOG
from flowemf_processor.cli.output.streams import sized
from flowemf_processor.cli.replay.follow_log import STATUS_SECONDS
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.core.prometheus import BUCKETS_SECONDS, REASONS, family_of
from flowemf_processor.pipeline.spooling import LONGEST_PAUSE_SECONDS
from flowemf_processor.pipeline.vitals import MAX_SPOOL_BYTES, Vitals
from flowemf_processor.sinks.exposition import VitalsMetrics
from flowemf_processor.sources.watch import FLUSH_SECONDS

PAGE = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
PATIENCE_SECONDS = 60


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: CloudWatchServer) -> Path:
    """Give a machine: where the page says /var, this directory has it."""
    for place in ("var/log/chat", "var/lib/node_exporter", "var/lib/flowemf"):
        (tmp_path / place).mkdir(parents=True)
    log = text_of([document({"Latency": 1}, timestamp_ms=int(time.time() * 1000))])
    (tmp_path / "var/log/chat/app.log").write_bytes(log)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint_url)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def words(command: str, home: Path) -> list[str]:
    """Give a command of the page as it runs here."""
    here = command.replace("/var/", f"{home}/var/").replace("--listen 9464", "--listen 0")
    _, *arguments = shlex.split(here)
    return [sys.executable, "-m", "flowemf_processor", *arguments]


def run(command: str, home: Path) -> str:
    """Run a command; one that follows is told to end once it has delivered. Give all that it said."""
    process = subprocess.Popen(
        words(command, home), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if "--follow" in command:
        time.sleep(2.5)
        process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, said
    return said


def test_every_command_runs(home: Path, server: CloudWatchServer) -> None:
    """In the order of the page, on one machine."""
    follow, jsonly, show, show_json, reset_one, reset_all, prometheus, file = COMMANDS
    assert "1 accepted" in run(follow, home)
    run(jsonly, home)
    assert "app.log" in run(show, home)
    assert '"lines":1' in run(show_json, home)
    assert "forgotten of metrics" in run(f"{reset_one} --yes", home)
    run(reset_all, home)
    assert "0 destinations" in run(show, home)
    assert "1 accepted" in run(prometheus, home)
    run(file, home)
    assert "app_latency_total 1.0" in (home / "var/lib/node_exporter/chat.prom").read_text()
    assert sum(server.values().values()) == 1


def test_the_unit_for_systemd_starts_what_runs(home: Path) -> None:
    """Its command is one of ours, and what it prevents is our code for a wrong configuration."""
    [text] = re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL)
    unit = configparser.ConfigParser()
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(text)
    service = unit["Service"]
    assert "1 accepted" in run(service["ExecStart"], home)
    assert service["RestartPreventExitStatus"] == "2"


def test_the_table_of_figures_has_every_figure() -> None:
    """And no other."""
    ledger = Ledger()
    vitals = Vitals(ledger, ledger.open_destination("metrics"), 0.0, spool_limit_bytes=1)
    vitals.accepted(1.0, 1.0)
    metrics = VitalsMetrics()
    metrics.admit(vitals)
    registry = CollectorRegistry()
    registry.register(metrics)
    shown = {sample.name for family in registry.collect() for sample in family.samples}
    assert shown == set(_names())


def _names() -> list[str]:
    cells = re.findall(r"^\| (`flowemf_[^|]*) \|", PAGE, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`(flowemf_\w+)`", cell)]


def test_the_numbers_of_the_page_are_those_of_the_code() -> None:
    """Intervals, limits, buckets, names and reasons."""
    assert f"every `--flush-interval` ({FLUSH_SECONDS:.0f} s)" in PAGE
    assert f"grow to {LONGEST_PAUSE_SECONDS:.0f} s at most" in PAGE
    assert f"`--max-spool` ({sized(MAX_SPOOL_BYTES).replace('.0', '')};" in PAGE
    assert STATUS_SECONDS == 60
    assert f"the last {KEPT_PER_LOG:,} of each log" in PAGE
    assert "0.01 s, 0.02 s, 0.04 s and so on, doubling up to 163.84 s" in PAGE
    assert list(BUCKETS_SECONDS) == pytest.approx([0.01 * 2**power for power in range(15)])
    assert f"`{family_of('MyApp/GenKit', 'FlowDuration', 'Milliseconds').name}`" in PAGE
    assert all(f"(`{reason}`" in PAGE for reason in REASONS)
