"""What the tests of the examples share: flowemf installed as a user installs it, and the container made of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from clean_environments import Environment, build_wheel, new_environment
from container_service import FOLDER, LONG_HEADERS, Image, Service, build


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel once."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def image(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Follow the Dockerfile, with the wheel of this tree in place of the published one."""
    environment: Environment = new_environment(tmp_path_factory.mktemp("container-environment"))
    environment.install("--no-index", str(wheel))
    return build(FOLDER / "Dockerfile", tmp_path_factory.mktemp("container"), environment)


@pytest.fixture
def start_service(image: Image, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start containers, and end them after the test."""
    started: list[Service] = []

    def start(before: Sequence[str] = (), **changed: str) -> Service:
        logs = tmp_path / f"container-{len(started)}"
        logs.mkdir()
        started.append(Service(image, logs, before, **changed))
        return started[-1]

    yield start
    for each in started:
        each.kill()


@pytest.fixture(scope="session")
def outputs(image: Image, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Give what the service writes of an answer and a failure with long properties.

    "whole" is below 16 KB, by the image's own setting; "cut" is longer, and would be cut there.
    """
    written = {}
    for name, changed in (("whole", {}), ("cut", {"FLOWEMF_MAX_LINE_BYTES": "1048576"})):
        service = Service(image, tmp_path_factory.mktemp(name), **changed)
        try:
            for question in ("How long?", ""):
                service.ask("/chat", {"question": question}, **LONG_HEADERS)
            written[name] = service.stop()
        finally:
            service.kill()
    return written


@pytest.fixture(params=["task-definition.json", "task-definition-awslogs.json"])
def task(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Give each task definition."""
    found: dict[str, Any] = json.loads((FOLDER / request.param).read_text("utf-8"))
    return found
