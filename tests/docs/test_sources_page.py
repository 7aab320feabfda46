"""Runs what docs/reading.md says of sources: each command, against real files, pipes and servers on loopback."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from metric_lines import document
from s3_servers import client, moto

from flowemf_processor.sources.compression import FREE_BYTES, MAX_EXPANSION
from flowemf_processor.sources.followed_file import GRACE_SECONDS
from flowemf_processor.sources.log_groups import KNOWN_EVENTS, LATE_MS
from flowemf_processor.sources.watch import FLUSH_SECONDS

PAGE = (Path(__file__).parents[2] / "docs" / "reading.md").read_text(encoding="utf-8")
COMMAND = f"{shlex.quote(sys.executable)} -m flowemf_processor"
NAMES = ("files", "stdin", "endpoint", "prefix", "group", "follow", "pipe")


def commands() -> dict[str, str]:
    """Give the commands of the page about sources, each under a name of its own."""
    sections = re.findall(r"## (?:Where logs may lie|Following a log as it grows)\n(.*?)(?=\n## )", PAGE, re.DOTALL)
    blocks = [block for section in sections for block in re.findall(r"```bash\n(.*?)```", section, re.DOTALL)]
    lines = [line for block in blocks for line in block.splitlines()]
    return dict(zip(NAMES, lines, strict=True))


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a directory with the logs that the commands name, and go there."""
    now_ms = int(time.time() * 1000)
    good = json.dumps(document({"Latency": 1}, timestamp_ms=now_ms)).encode() + b"\n"
    for name, content in (("app.log", good), ("archive/a.gz", gzip.compress(good) * 2), ("services/chat.log", good)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, there: Path) -> Iterator[str]:
    """Give moto's endpoint, with a bucket and a log group of the names on the page."""
    good = (there / "app.log").read_bytes()
    with moto() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        s3 = client(url)
        s3.create_bucket(Bucket="logs")
        s3.put_object(Bucket="logs", Key="chat/1.gz", Body=gzip.compress(good))
        logs = boto3.client("logs")
        logs.create_log_group(logGroupName="/aws/ecs/chat")
        logs.create_log_stream(logGroupName="/aws/ecs/chat", logStreamName="s")
        events = [{"timestamp": int(time.time() * 1000), "message": text} for text in (good.decode().strip(), "INFO")]
        logs.put_log_events(logGroupName="/aws/ecs/chat", logStreamName="s", logEvents=events)
        yield url


def run(name: str, *, before: str = "", **variables: str) -> str:
    """Run a command of the page in a shell; give what it says to people."""
    line = re.sub(r"\bflowemf(?= )", lambda _: COMMAND, commands()[name])
    finished = subprocess.run(
        ["sh", "-c", before + line], env=os.environ | variables, capture_output=True, timeout=60, check=False
    )
    assert finished.returncode == 0, finished.stderr.decode()
    return finished.stderr.decode()


def test_files_patterns_and_directories(there: Path) -> None:
    """Compressed ones among them."""
    assert "4 lines in 3 sources" in run("files")


def test_standard_input(there: Path) -> None:
    """`zstd` itself may be missing: what it would print is piped in."""
    assert "1 line in 1 source" in run("stdin", before="zstd() { cat app.log; }; ")


def test_object_stores_and_log_groups(aws: str) -> None:
    """A bucket by option and by environment, and a group, whose filter leaves one of two events."""
    assert "1 line in 1 source" in run("endpoint", S3_URL=aws, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert "1 line in 1 source" in run("prefix")
    assert "1 metric, 0 other" in run("group")


def test_following(there: Path) -> None:
    """Until a signal comes; another directory and the local store stand in for what a test has not."""
    line = commands()["follow"].replace("/var/log/chat/", "").replace("--to metrics", "--to local")
    process = subprocess.Popen([*shlex.split(COMMAND), *shlex.split(line)[1:]], stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 60
        while not is_open(process.pid, there / "app.log"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, b"1 metric" in said) == (0, True), said.decode()


def is_open(process: int, file: Path) -> bool:
    """Tell whether a process has a file open."""
    descriptors = Path(f"/proc/{process}/fd")
    with contextlib.suppress(OSError):
        return any(each.samefile(file) for each in descriptors.iterdir() if each.exists())
    return False


def test_following_a_pipe(there: Path) -> None:
    """Until its writer ends; a shell function stands in for kubectl."""
    assert "1 metric" in run("pipe", before="kubectl() { cat app.log; }; ")


def test_the_page_says_the_numbers_of_the_code() -> None:
    """What has a number in the code has the same one on the page."""
    words = " ".join(PAGE.split())
    for text in (
        f"more than {FREE_BYTES >> 20} MB came out, and more than {MAX_EXPANSION} times",
        f"up to five minutes, or {KNOWN_EVENTS:,} events",
        "is delivered every minute",
        "for five seconds more",
    ):
        assert text in words
    assert (LATE_MS, FLUSH_SECONDS, GRACE_SECONDS) == (300_000, 60, 5)
