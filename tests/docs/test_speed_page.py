"""Runs what docs/reading.md says of speed: the commands, with one process and with two, over a log large enough."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

from flowemf_processor.pipeline.elsewhere import CHUNK_BYTES

PAGE = (Path(__file__).parents[2] / "docs" / "reading.md").read_text(encoding="utf-8")


def commands() -> list[list[str]]:
    """Give the commands of the section."""
    [block] = re.findall(r"## Speed\n.*?```bash\n(.*?)```", PAGE, re.DOTALL)
    return [line.split()[1:] for line in block.splitlines()]


def run(command: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a command."""
    started = [sys.executable, "-m", "flowemf_processor", *command]
    return subprocess.run(started, cwd=directory, capture_output=True, text=True, check=False, timeout=120)


def test_the_commands_say_the_same_with_one_process_and_with_two(tmp_path: Path) -> None:
    """Every line is accounted for, and no finding moves."""
    directive = {"Namespace": "App", "Dimensions": [["Op"]], "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}]}
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    good = json.dumps({"_aws": metadata, "Op": "x", "Latency": 5, "text": "x" * 20_000}).encode()
    bad = good.replace(b'"Milliseconds"', b'"ms"')
    lines = [good] * (5 * CHUNK_BYTES // 2 // len(good))
    lines[10] = lines[-10] = bad
    (tmp_path / "app.log").write_bytes(b"\n".join(lines) + b"\n")
    assert len(commands()) == 2
    for command in commands():
        place = command.index("--jobs")
        one = run([*command[:place], *command[place + 2 :]], tmp_path)
        two = run(command, tmp_path)
        assert (two.returncode, two.stderr.splitlines()[0]) == (one.returncode, one.stderr.splitlines()[0])
        assert (two.stdout == one.stdout) == ("check" in command)  # requests are cut at the borders of chunks
        assert two.stdout
