"""Turns what the user wants to read into sources.

Paths, patterns and URLs go in; sources come out, each log once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_processor.errors import ConfigurationError
from flowemf_processor.sources.compression import MAX_EXPANSION
from flowemf_processor.sources.files import FileSource, NothingThere, files_at
from flowemf_processor.sources.objects import ObjectSource
from flowemf_processor.sources.standard_input import STANDARD_INPUT, SpooledInput, StandardInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flowemf_processor.ports import Source
    from flowemf_processor.sources.objects import ObjectStore
    from flowemf_processor.sources.standard_input import Spool


def open_sources(
    paths: Sequence[str],
    *,
    source_id: str | None = None,
    max_expansion: int = MAX_EXPANSION,
    s3_endpoint_url: str | None = None,
    spool: Spool | None = None,
) -> list[Source]:
    """Turn paths into sources.

    Args:
        paths: files, directories, patterns, `-` for standard input, and URLs of object stores and log groups.
        source_id: a name for standard input, under which a checkpoint knows it again.
        max_expansion: how many times its compressed size a log may have.
        s3_endpoint_url: where `s3://` is, if not at AWS.
        spool: keeps standard input for others that read it too; None where there are none.

    Returns:
        One source for each file or object, each file once. What a directory lists and cannot be read is a source too:
        reading it says why; and so is a directory without a file.

    Raises:
        ConfigurationError: there is no such file, object or log group, it may not be read, the package for its store is
            missing, or standard input is named twice.
        TryAgainLaterError: a store or a log group cannot be reached.
    """
    sources: list[Source] = []
    seen: set[tuple[int, int]] = set()
    for path in paths:
        if path == STANDARD_INPUT:
            if any(isinstance(source, StandardInput) for source in sources):
                raise ConfigurationError("standard input (-) can be read only once; name it once")
            sources.append(_standard_input(source_id, max_expansion, spool))
        elif "://" in path:
            sources += _remote(path, max_expansion, s3_endpoint_url)
        else:
            files = files_at(path)
            sources += [FileSource(file, max_expansion=max_expansion) for file in files if not _is_seen(file, seen)]
            sources += [] if files else [NothingThere(path)]
    return sources


def _standard_input(source_id: str | None, max_expansion: int, spool: Spool | None) -> StandardInput:
    if spool is None:
        return StandardInput(source_id, max_expansion=max_expansion)
    return SpooledInput(spool, source_id, max_expansion=max_expansion)


def _is_seen(path: Path, seen: set[tuple[int, int]]) -> bool:
    """Tell files apart by what they are, since one may have several names; remember this one."""
    try:
        status = path.stat()
    except OSError:
        return False
    file_id = status.st_dev, status.st_ino
    is_seen = file_id in seen
    seen.add(file_id)
    return is_seen


def _remote(url: str, max_expansion: int, s3_endpoint_url: str | None) -> Sequence[Source]:
    """Open what is not on this machine; its clients are imported only then."""
    if url.startswith("logs://"):
        from flowemf_processor.clock import SystemClock
        from flowemf_processor.sources.log_groups import open_log_group

        return [open_log_group(url, now_ms=SystemClock().now_ms())]
    return _objects(url, max_expansion, s3_endpoint_url)


def _objects(url: str, max_expansion: int, s3_endpoint_url: str | None) -> list[ObjectSource]:
    """Find the objects that a URL means: one, those that match a pattern, or all below a prefix."""
    store = _store_of(url, s3_endpoint_url)
    found = store.find(url)
    if not found:
        raise ConfigurationError(f"{url}: there is no such object, and none matches or lies below it; check the URL")
    return [ObjectSource(store, each, max_expansion=max_expansion) for each in found]


def _store_of(url: str, s3_endpoint_url: str | None) -> ObjectStore:
    if url.startswith("s3://"):
        from flowemf_processor.sources.s3 import S3Store

        return S3Store(s3_endpoint_url)
    from flowemf_processor.sources.fsspec_store import FsspecStore

    return FsspecStore(url)
