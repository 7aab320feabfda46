"""What the tests of the command line share: logs, and the command as somebody runs it who has set it up.

Nothing goes in; fixtures come out.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from command_process import COMMAND, Finished, Flowemf, write_demo_log
from loopback_cloudwatch import CloudWatch

__all__ = ["COMMAND", "CloudWatch", "Finished", "Flowemf"]


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
