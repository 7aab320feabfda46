"""What the processor's tests share: files in a directory, and the feeling of being nobody."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


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
