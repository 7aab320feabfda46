"""Runs what docs/scale.md says, as far as that needs no account: each command, and the program for clusters."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest
from cloudwatch_server import CloudWatchServer
from s3_servers import moto

from flowemf_processor.engines.spark import cutting, portions

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
VALUES = {1.5, 2.5, 4.5}

pytestmark = [pytest.mark.requires_system("java"), pytest.mark.xdist_group("spark"), pytest.mark.timeout(300)]


def metric_line(value: float) -> str:
    """Write a line of now."""
    directive = {"Namespace": "Shop", "Dimensions": [[]], "Metrics": [{"Name": "Latency"}]}
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": metadata, "Latency": value}) + "\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Give the page's logs and its program."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "app.log").write_text("".join(map(metric_line, sorted(VALUES))))
    [program] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "replay_on_spark.py").write_text(program.replace("/tmp/", f"{tmp_path}/"))
    return tmp_path


def run(command: str, directory: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the page as it is printed."""
    here = Path(sys.executable).parent
    functions = f'flowemf() {{ {shlex.quote(sys.executable)} -m flowemf_processor "$@"; }}'
    return subprocess.run(
        ["bash", "-c", f"{functions}; {command}"],
        cwd=directory,
        env={
            **os.environ,
            "XDG_STATE_HOME": str(directory / "state"),
            "PATH": f"{here}:{os.environ['PATH']}",
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_SUBMIT_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",  # Java starts in half the time
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.startswith("flowemf replay")])
def test_each_command_gives_all_values(command: str, directory: Path, server: CloudWatchServer) -> None:
    """It ends well, says what it says without Spark, and nothing of Spark's or Java's own."""
    finished = run(command, directory, AWS_ENDPOINT_URL=server.endpoint_url)
    assert finished.returncode == 0, finished.stderr
    said = finished.stderr.splitlines()
    assert said[0].startswith("read: 3 lines in 1 source")
    assert re.match(r"flowemf replay: (done|dry run: )", said[-1])
    assert len(said) <= 5, said
    if "--dry-run" in command:
        [request] = [json.loads(line) for line in finished.stdout.splitlines()]
        assert set(request["MetricData"][0]["Values"]) == VALUES
        assert server.requests == []
    else:
        assert finished.stdout == ""
        assert ({value for _, _, value in server.values()} == VALUES) == ("--to metrics" in command)
        assert (directory / "flowemf.duckdb").exists() == ("--to local" in command)


def test_the_program_for_clusters_keeps_its_checkpoint_in_s3(directory: Path, server: CloudWatchServer) -> None:
    """Started by spark-submit, as there; the second run finds the checkpoint and sends nothing."""
    [command] = [each for each in COMMANDS if each.startswith("spark-submit")]
    with moto() as s3:
        objects = boto3.client("s3", endpoint_url=s3)
        for bucket in ("my-logs", "my-state"):
            objects.create_bucket(Bucket=bucket)
        objects.put_object(Bucket="my-logs", Key="chat/a.log", Body=(directory / "logs" / "app.log").read_bytes())
        places = {"AWS_ENDPOINT_URL": server.endpoint_url, "AWS_ENDPOINT_URL_S3": s3}
        first = run(command, directory, **places)
        assert first.returncode == 0, first.stdout + first.stderr
        (directory / "flowemf-checkpoint.sqlite3").unlink()  # the disk of the first driver
        second = run(command, directory, **places)
    # spark-submit gives out what a program writes to standard error on its standard output.
    assert "flowemf replay: done" in first.stdout
    assert "flowemf replay: nothing new: an earlier run has delivered these" in second.stdout
    assert {value for _, _, value in server.values()} == VALUES
    assert server.values().total() == len(VALUES)


def test_the_benchmark_runs_and_its_figures_are_those_of_the_page(tmp_path: Path) -> None:
    """With a small log; what it prints are the rows of the page's table."""
    [command] = [each for each in COMMANDS if "benchmarks/scale.py" in each]
    finished = run(f"{command} --lines 2000 --rounds 1", ROOT)
    assert finished.returncode == 0, finished.stderr
    table = finished.stdout.split("core-seconds a GB")[1]
    rows = [line.rpartition(line[24:])[0].strip() for line in table.splitlines() if line.strip()]
    assert rows == re.findall(r"^\| (one process|start of Spark|Spark, .*?) \|", PAGE, re.MULTILINE)


def test_the_price_follows_from_the_figures() -> None:
    """By the page's own formula, from the page's own table and prices."""
    rows = dict(re.findall(r"^\| (one process|Spark, .*?) \|.*\| ([\d.]+) \|$", PAGE, re.MULTILINE))
    core_hour, memory_hour = map(float, re.findall(r"\$([\d.]+) for a (?:vCPU|GB)-hour", PAGE))
    core_with_memory = core_hour + 2 * memory_hour
    gigabyte = float(rows["Spark, further replays"]) / 3600 * core_with_memory
    assert f"${core_with_memory:.6f} an hour, and a GB of plain log ${gigabyte:.4f}" in PAGE
    assert f"a terabyte for ${gigabyte * 1000:.1f}0" in PAGE


def test_sizes_on_the_page_are_those_of_the_code() -> None:
    """Written in the units that people use."""
    assert cutting.STRETCH_BYTES == 64 << 20
    assert "larger than 128 MB is cut into stretches of 64 MB" in PAGE
    assert portions.PORTION_BYTES == portions.REQUEST_BYTES == 256 << 20
    assert "about 256 MB of logs at first, then as much as gives 256 MB of requests" in PAGE
