"""What the walk through the guide shares: a log of the demo, the command, and a CloudWatch on loopback.

Nothing goes in; fixtures come out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_process import Flowemf, write_demo_log
from loopback_cloudwatch import CloudWatch


@pytest.fixture(scope="session")
def guide_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let the sample application write the log that every section is tried against."""
    return write_demo_log(tmp_path_factory.mktemp("guide") / "app.log", events=400, seed=5)


@pytest.fixture
def flowemf_command(tmp_path: Path) -> Flowemf:
    """Give the command, in a directory of its own."""
    return Flowemf(tmp_path)


@pytest.fixture(scope="session")
def guide_cloudwatch_server() -> Iterator[CloudWatch]:
    """Start a CloudWatch once."""
    server = CloudWatch()
    yield server
    server.stop()


@pytest.fixture
def cloudwatch(guide_cloudwatch_server: CloudWatch) -> CloudWatch:
    """Give an empty CloudWatch."""
    guide_cloudwatch_server.forget()
    return guide_cloudwatch_server
