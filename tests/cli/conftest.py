"""What the tests of the command line share: the command as a real process, and a CloudWatch that answers on loopback.

Nothing goes in; fixtures come out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_process import COMMAND, Finished, Flowemf, write_demo_log
from loopback_cloudwatch import CloudWatch

from flowemf_schemas.request_rules import examine_metric_request

__all__ = ["COMMAND", "CloudWatch", "Finished", "Flowemf"]


@pytest.fixture
def flowemf_command(tmp_path: Path) -> Flowemf:
    """Give the command."""
    return Flowemf(tmp_path)


@pytest.fixture
def with_variables(tmp_path: Path) -> Callable[..., Flowemf]:
    """Give the command with other environment variables."""
    return lambda **variables: Flowemf(tmp_path, variables)


@pytest.fixture
def signed_in(with_variables: Callable[..., Flowemf], cloudwatch: CloudWatch) -> Flowemf:
    """Give the command with credentials for the CloudWatch on loopback."""
    return with_variables(
        AWS_ACCESS_KEY_ID="testing",
        AWS_SECRET_ACCESS_KEY="testing",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ENDPOINT_URL=cloudwatch.endpoint_url,
    )


@pytest.fixture(scope="session")
def demo_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let the sample application write a log, once for all tests that only read it."""
    return write_demo_log(tmp_path_factory.mktemp("demo-log") / "app.log", events=400, seed=3)


@pytest.fixture(scope="session")
def cloudwatch_server() -> Iterator[CloudWatch]:
    """Start the server once."""
    server = CloudWatch()
    yield server
    server.stop()


@pytest.fixture
def cloudwatch(cloudwatch_server: CloudWatch) -> Iterator[CloudWatch]:
    """Give an empty CloudWatch; at the end, every request that arrived must have been inside every limit."""
    cloudwatch_server.forget()
    yield cloudwatch_server
    problems = [examine_metric_request(request) for request in cloudwatch_server.requests]
    assert not any(problems), problems
