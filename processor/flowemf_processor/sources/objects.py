"""Logs in object stores.

A URL goes in; sources come out, one for each object, known again by their URL and version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_processor.errors import ConfigurationError
from flowemf_processor.sources.ahead import made_ahead
from flowemf_processor.sources.compression import MAGIC_BYTES, MAX_EXPANSION, PIECE_BYTES, codec_of, decompressed

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from flowemf_processor.sources.stored_object import ObjectStore, StoredObject


class ObjectSource:
    """An object, compressed or not.

    Args:
        store: where it is.
        found: what the store says of it.
        max_expansion: how many times its size it may have when decompressed.
    """

    rewindable = True
    size_bytes = None  # what is stored may be compressed, and asking costs a request for each object

    def __init__(self, store: ObjectStore, found: StoredObject, *, max_expansion: int = MAX_EXPANSION) -> None:
        self._store = store
        self._found = found
        self._max_expansion = max_expansion
        self.name = found.url

    @property
    def identities(self) -> Sequence[str]:
        """Its URL with its version; and without, since a log that is uploaded again may have grown."""
        return f"object:{self._found.url}#{self._found.version}", f"object:{self._found.url}"

    @property
    def stored_bytes(self) -> int | None:
        """How large it is as it is stored."""
        return self._found.size_bytes

    @property
    def is_immutable(self) -> bool:
        """Whether its version never stands for other bytes."""
        return self._store.versions_are_certain

    def pieces(self) -> Iterator[bytes]:
        """Give its bytes, decompressed, from the beginning; the next are on their way while these are used."""
        return made_ahead(decompressed(_small(self._store.stored(self._found)), max_expansion=self._max_expansion))

    def is_divisible(self) -> bool:
        """Tell whether it holds no compressed data; costs a request.

        Raises:
            TryAgainLaterError: it cannot be read.
        """
        first = self.stretch(0, min(MAGIC_BYTES, self._found.size_bytes or 0))
        return codec_of(b"".join(first)) is None

    def stretch(self, start_bytes: int, end_bytes: int) -> Iterator[bytes]:
        """Give what is stored from one place up to another; the next are on their way while these are used."""
        return made_ahead(_small(self._store.stretch(self._found, start_bytes, end_bytes)))


def _small(pieces: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
    for piece in pieces:
        yield from (piece[start : start + PIECE_BYTES] for start in range(0, len(piece), PIECE_BYTES))


def open_objects(
    url: str, *, max_expansion: int = MAX_EXPANSION, s3_endpoint_url: str | None = None
) -> list[ObjectSource]:
    """Turn a URL into sources.

    Args:
        url: an object, a pattern, or a prefix, of which all objects below it are meant.
        max_expansion: how many times its compressed size a log may have.
        s3_endpoint_url: where `s3://` is, if not at AWS.

    Returns:
        One source for each object.

    Raises:
        ConfigurationError: there is no such object, it may not be read, or the package for the store is missing.
        TryAgainLaterError: the store cannot be reached.
    """
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
