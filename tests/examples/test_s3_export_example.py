"""The script about exports to S3, against a bucket as CloudWatch Logs fills it, served by moto."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from command_process import write_demo_log
from example_programs import EXAMPLES, ROOT, run, table
from s3_servers import client, moto

URL = "s3://my-exports/chat/"
STREAMS = 3


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[str]:
    """Give the endpoint of a server that has the export of a log group of three streams, and a test object of AWS's."""
    lines = write_demo_log(tmp_path / "app.log", events=300, seed=7).read_text("utf-8").splitlines()
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    with moto() as endpoint:
        s3 = client(endpoint)
        s3.create_bucket(Bucket="my-exports")
        s3.put_object(Bucket="my-exports", Key="chat/aws-logs-write-test", Body=b"Permission Check Successful")
        for stream in range(STREAMS):
            text = "".join(f"{now}Z {line}\n" for line in lines[stream::STREAMS])
            key = f"chat/7f1d2c0e-task/chat-chat-{stream}/000000.gz"
            s3.put_object(Bucket="my-exports", Key=key, Body=gzip.compress(text.encode()))
        yield endpoint


def test_the_script_checks_stores_answers_and_reports(bucket: str, tmp_path: Path) -> None:
    """With the command of the table; what was stored is not read a second time."""
    assert URL in table()["s3_export"]
    command = table()["s3_export"].replace("examples/", f"{ROOT}/examples/")
    first = run(command, cwd=tmp_path, AWS_ENDPOINT_URL_S3=bucket)
    said, answered = first.stderr.decode(), first.stdout.decode()
    assert f"in {STREAMS + 1} sources" in said
    assert re.findall(r"(\d+) metric", said) == ["300", "300"]
    assert re.findall(r"(\d+) rejected", said) == ["0", "0"]
    assert "FlowName" in answered
    assert "ModelID" in answered
    assert "<html" in (tmp_path / "chat.html").read_text("utf-8")
    replay = f"flowemf replay {URL} --to local --database chat.duckdb"
    assert replay.replace(URL, '"$export_url"') in (EXAMPLES / "s3_export" / "look.sh").read_text("utf-8")
    again = run(replay, cwd=tmp_path, AWS_ENDPOINT_URL_S3=bucket).stderr.decode()
    assert re.findall(r"(\d+) metric", again) == ["0"]


def test_the_script_says_how_to_call_it(tmp_path: Path) -> None:
    """Without a bucket it does nothing."""
    with pytest.raises(AssertionError, match=re.escape("usage: sh look.sh s3://BUCKET/PREFIX/")):
        run(f"sh {ROOT}/examples/s3_export/look.sh", cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []
