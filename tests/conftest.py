"""Rules for every test: a neutral environment, one hypothesis profile, system parts, and AWS on loopback.

The caller's environment and each test's markers come in; tests that depend on neither the caller's AWS account nor a
program that happens to be installed come out.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from account_server import AccountServer
    from cloudwatch_server import CloudWatchServer
    from command_process import Flowemf
    from loopback_cloudwatch import CloudWatch

# The caller's settings and credentials must change no result, and no test may reach a real account.
for name in [name for name in os.environ if name.startswith(("AWS_", "FLOWEMF_"))]:
    del os.environ[name]
for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS", "PYTHONWARNINGS"):
    os.environ.pop(name, None)
os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    AWS_DEFAULT_REGION="us-east-1",
    AWS_EC2_METADATA_DISABLED="true",
)

# Shared machines stall: only pytest-timeout judges how long an example may take.
hypothesis.settings.register_profile(
    "flowemf", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("flowemf")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker `requires_system`."""
    config.addinivalue_line(
        "markers",
        "requires_system(program, *alternatives): needs one of these programs; "
        "skips visibly where all are missing, fails instead where CI is set",
    )
    config.addinivalue_line(
        "markers", "oldest: installs a pinned old release with pip, which takes a while; -m 'not oldest' leaves it out"
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose system part is missing; under CI fail it, since `.ci/run` installs every part."""
    for marker in item.iter_markers("requires_system"):
        if any(shutil.which(program) for program in marker.args):
            continue
        reason = f"needs the program {' or '.join(marker.args)}, and none is on the PATH"
        if os.environ.get("CI"):
            pytest.fail(f"{reason}; add its package to system_parts in .ci/run", pytrace=False)
        pytest.skip(reason)


@pytest.fixture
def server() -> Iterator[CloudWatchServer]:
    """Give a CloudWatch on loopback that keeps what PutMetricData brings."""
    from cloudwatch_server import CloudWatchServer

    with CloudWatchServer() as started:
        yield started


@pytest.fixture
def account() -> Iterator[AccountServer]:
    """Give an account on loopback, without log groups."""
    from account_server import AccountServer

    with AccountServer() as started:
        yield started


@pytest.fixture
def flowemf_command(tmp_path: Path) -> Flowemf:
    """Give the command, in a directory of its own."""
    from command_process import Flowemf

    return Flowemf(tmp_path)


@pytest.fixture(scope="session")
def cloudwatch_server() -> Iterator[CloudWatch]:
    """Start moto behind a recorder once."""
    from loopback_cloudwatch import CloudWatch

    server = CloudWatch()
    yield server
    server.stop()


@pytest.fixture
def cloudwatch(cloudwatch_server: CloudWatch) -> Iterator[CloudWatch]:
    """Give an empty CloudWatch; at the end, every request that arrived must have been inside every limit."""
    from flowemf_schemas.request_rules import examine_metric_request

    cloudwatch_server.forget()
    yield cloudwatch_server
    problems = [examine_metric_request(request) for request in cloudwatch_server.requests]
    assert not any(problems), problems
