"""Shows metrics to Prometheus: at an address that it scrapes, or in a file.

Collectors go in; Prometheus's text formats come out.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server, write_to_textfile

from flowemf_processor.errors import ConfigurationError, TryAgainLaterError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prometheus_client.registry import Collector


class Exposition:
    """What is shown; collectors are asked at every scrape, from another thread."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)

    def add(self, collector: Collector) -> None:
        """Show what a collector gives."""
        self._registry.register(collector)

    @contextlib.contextmanager
    def listening(self, host: str, port: int) -> Iterator[None]:
        """Answer scrapes at /metrics.

        Args:
            host: a name or address of this machine.
            port: 1 to 65535; 0 takes any that is free.

        Raises:
            ConfigurationError: nobody can listen there.
        """
        try:
            server, thread = start_http_server(port, addr=host, registry=self._registry)
        except OSError as error:
            raise ConfigurationError(
                f"--listen {host}:{port}: {error.strerror or error}; name another address or port"
            ) from error
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def write(self, path: Path) -> None:
        """Write everything to a file, whole or not at all.

        Raises:
            TryAgainLaterError: it cannot be written.
        """
        try:
            write_to_textfile(str(path), self._registry)
        except OSError as error:
            raise TryAgainLaterError(
                f"{path}: cannot be written ({error.strerror}); mend that and run again"
            ) from error
