"""Writes what a command gives into a file: whole, or not at all.

The name of a file and what writes it go in; a file that was written beside and renamed comes out.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from flowemf_processor.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MODE = 0o666


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a file to write beside the one that is meant; it takes its place when this block ends without an error.

    Args:
        path: where the content is to be in the end. What is no ordinary file, such as a device, gets it copied.

    Yields:
        The path to write to, absolute.

    Raises:
        ConfigurationError: it cannot be written there.
    """
    target = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow a link that is to be replaced
    is_special = target.exists() and not target.is_file()
    try:
        with tempfile.TemporaryDirectory(
            prefix=f".{target.name}-", dir=None if is_special else target.parent
        ) as beside:
            new = Path(beside, "new")
            yield new
            if is_special:
                target.write_bytes(new.read_bytes())
            else:
                new.chmod(_MODE & ~_umask())
                new.replace(target)
    except OSError as error:
        raise ConfigurationError(
            f"{path}: cannot be written ({error.strerror or error}); name another file with -o"
        ) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
