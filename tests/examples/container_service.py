"""The container of examples/container as far as it can be had without Docker.

A Dockerfile goes in; its instructions are followed in a clean environment, and the process of its CMD comes out.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from clean_environments import Environment
from dockerfile_parse import DockerfileParser
from example_programs import EXAMPLES, PATIENCE_SECONDS

FOLDER = EXAMPLES / "container"
# Where Docker and containerd cut: https://github.com/moby/moby/blob/master/daemon/logger/copier.go
CUT_BYTES = 16 * 1024
# Two properties as long as properties get: a line with both is longer than that
LONG_HEADERS = {"x_tenant": "north " * 2000, "user_agent": "reader " * 2000}


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """Read a Dockerfile: each instruction with its value."""
    with dockerfile.open("rb") as file:
        structure = DockerfileParser(fileobj=file).structure
    return [(each["instruction"], each["value"]) for each in structure if each["instruction"] != "COMMENT"]


def variables(dockerfile: Path) -> dict[str, str]:
    """Give what a Dockerfile sets with ENV."""
    with dockerfile.open("rb") as file:
        return dict(DockerfileParser(fileobj=file).envs)


@dataclass(frozen=True)
class Image:
    """What following the instructions has made.

    Attributes:
        directory: the working directory, with the files that were copied.
        environment: the Python environment, with what was installed.
        command: CMD.
        variables: ENV.
    """

    directory: Path
    environment: Environment
    command: list[str]
    variables: dict[str, str]


def build(dockerfile: Path, directory: Path, environment: Environment) -> Image:
    """Follow COPY and RUN in their order; only what .dockerignore lets through can be copied."""
    let_through = [line[1:] for line in (FOLDER / ".dockerignore").read_text("utf-8").splitlines() if line[0] == "!"]
    command: list[str] = []
    for instruction, value in instructions(dockerfile):
        if instruction == "COPY":
            *sources, target = value.split()
            assert (target, set(sources) - set(let_through)) == ("./", set())
            for source in sources:
                shutil.copy(FOLDER / source, directory)
        elif instruction == "RUN":
            pip, install, *arguments = shlex.split(value)
            assert (pip, install) == ("pip", "install")
            environment.install(*(str(directory / each) if (directory / each).exists() else each for each in arguments))
        elif instruction == "CMD":
            command = json.loads(value)
    return Image(directory, environment, command, variables(dockerfile))


class Service:
    """A running container.

    Args:
        image: what runs.
        logs: a directory for what it writes.
        before: a command that starts it in a child of its own, such as `unshare`.
        changed: environment variables.
    """

    def __init__(self, image: Image, logs: Path, before: Sequence[str] = (), **changed: str) -> None:
        self.output, self.errors = logs / "stdout.log", logs / "stderr.log"
        settings = {**image.variables, "UVICORN_HOST": "127.0.0.1", "UVICORN_PORT": "0", **changed}
        program = image.environment.directory / "bin" / image.command[0]
        with self.output.open("wb") as output, self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [*before, str(program), *image.command[1:]],
                cwd=image.directory,
                env={**image.environment.variables, **settings},
                stdout=output,
                stderr=errors,
            )
        try:
            self.url = self._wait_for_url()
        except BaseException:
            self.kill()
            raise
        own = self.process.pid
        self._pid = int(Path(f"/proc/{own}/task/{own}/children").read_text().split()[0]) if before else own

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)

    def ask(self, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
        """Send a request; give its answer's status and content."""
        data = None if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        try:
            with urlopen(Request(self.url + path, data, named), timeout=PATIENCE_SECONDS) as answer:
                return answer.status, answer.read()
        except HTTPError as refused:
            with refused:
                return refused.code, refused.read()

    def open_stream(self, question: str) -> Any:
        """Ask for an answer, and wait for its first byte only."""
        answer = urlopen(Request(self.url + "/stream", json.dumps({"question": question}).encode()), timeout=30)
        assert answer.read(1)
        return answer

    def terminate(self) -> None:
        """Tell it to end, as ECS and Kubernetes do."""
        os.kill(self._pid, signal.SIGTERM)

    def wait(self) -> bytes:
        """Wait for its end; give all that it wrote."""
        self.process.wait(PATIENCE_SECONDS)
        return self.output.read_bytes()

    def stop(self) -> bytes:
        """Tell it to end, and wait for that."""
        self.terminate()
        return self.wait()

    def _wait_for_url(self) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := re.search(r"running on (http://[\d.:]+)", self.errors.read_text())):
            assert self.process.poll() is None, self.errors.read_text()
            assert time.monotonic() < deadline, "the service did not start"
            time.sleep(0.02)
        return found[1]
