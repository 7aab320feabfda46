"""Files of every store that fsspec knows: Google Cloud Storage, Azure, SFTP, HTTP and others.

A URL goes in; the files it means come out, and their bytes. The store's own package has to be installed.
"""

from __future__ import annotations

import glob
from typing import TYPE_CHECKING, Any

import fsspec

from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.sources.compression import PIECE_BYTES
from flowemf_processor.sources.objects import StoredObject, is_meant

if TYPE_CHECKING:
    from collections.abc import Generator


class FsspecStore:
    """The files of one of fsspec's file systems; see https://filesystem-spec.readthedocs.io.

    Args:
        url: any URL of the store.

    Raises:
        ConfigurationError: there is no such protocol, or the package that speaks it is missing.
    """

    versions_are_certain = False  # of HTTP it is the URL, of others the time at which it was written

    def __init__(self, url: str) -> None:
        protocol = url.partition("://")[0]
        try:
            self._files: Any = fsspec.filesystem(protocol)
        except ImportError as error:
            raise ConfigurationError(f"{protocol}://: {error}") from error
        except Exception as error:
            raise ConfigurationError(f"{protocol}://: {error}; check the URL and the store's settings") from error

    def find(self, url: str) -> list[StoredObject]:
        """List what a URL means: a file, those that match a pattern, or all below a folder, without hidden ones.

        Raises:
            ConfigurationError: it may not be read.
            TryAgainLaterError: the store cannot be reached.
        """
        path = self._files._strip_protocol(url)
        try:
            if self._files.isfile(path):
                return [self._described(path)]
            if glob.has_magic(path):
                found = [each for each in self._files.glob(path) if self._files.isfile(each)]
            else:
                found = self._files.find(path)
            found = [each for each in found if is_meant(each, path)]
            return [self._described(each) for each in sorted(found)]
        except FileNotFoundError:
            return []
        except PermissionError as error:
            raise ConfigurationError(f"{url}: may not be read ({error}); check the permissions") from error
        except Exception as error:  # every store has errors of its own
            raise TryAgainLaterError(f"{url}: {error}") from error

    def stored(self, found: StoredObject) -> Generator[bytes, None, None]:
        """Give the bytes of a file.

        Raises:
            TryAgainLaterError: it cannot be read.
        """
        try:
            with self._files.open(found.url, "rb") as file:
                while piece := file.read(PIECE_BYTES):
                    yield piece
        except Exception as error:  # every store has errors of its own
            raise TryAgainLaterError(str(error) or type(error).__name__) from error

    def stretch(self, found: StoredObject, start_bytes: int, end_bytes: int) -> Generator[bytes, None, None]:
        """Give the bytes of a file from one place up to another.

        Raises:
            TryAgainLaterError: it cannot be read so far.
        """
        try:
            with self._files.open(found.url, "rb") as file:
                file.seek(start_bytes)
                while start_bytes < end_bytes and (piece := file.read(min(PIECE_BYTES, end_bytes - start_bytes))):
                    start_bytes += len(piece)
                    yield piece
        except Exception as error:  # every store has errors of its own
            raise TryAgainLaterError(str(error) or type(error).__name__) from error
        if start_bytes < end_bytes:
            raise TryAgainLaterError(f"it ends after {start_bytes:,} of {end_bytes:,} bytes")

    def _described(self, path: str) -> StoredObject:
        return StoredObject(self._files.unstrip_protocol(path), self._files.ukey(path), self._files.size(path))
