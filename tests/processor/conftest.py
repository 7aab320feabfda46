"""What the processor's tests share: files in a directory, the feeling of being nobody, services on loopback."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from cloudwatch_server import CloudWatchServer
    from handler_services import Services

    from flowemf_processor.sinks.metrics import MetricsSink


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """Give a directory that every user may enter."""
    directory = Path(tempfile.mkdtemp(prefix="flowemf-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def as_nobody() -> Callable[[], contextlib.AbstractContextManager[None]]:
    """Give a context in which permissions count: the superuser becomes another user, who is none stays who he is."""

    @contextlib.contextmanager
    def unprivileged() -> Iterator[None]:
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(user)

    return unprivileged


@pytest.fixture
def sink(server: CloudWatchServer) -> MetricsSink:
    """Give the sink that a user gets, connected to it."""
    from flowemf_processor.sinks.metrics import connect

    return connect(endpoint_url=server.endpoint_url, region="us-east-1")


@pytest.fixture
def aws() -> Iterator[Services]:
    """Run the services that a handler meets."""
    from handler_services import services

    with services() as running:
        yield running


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """Start Spark, once for a file of tests."""
    from flowemf_processor.engines.spark.engine import SparkEngine

    with SparkEngine("local[2]") as engine:
        engine.session()
        yield engine
