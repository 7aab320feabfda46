"""A CloudWatch that says yes to everything, in a process of its own so that its work is nobody's.

Requests come in; an empty answer goes out at once, and where a file is named, each request is added to it as it came.

    python benchmarks/delivering/server.py [FILE]
"""

from __future__ import annotations

import contextlib
import gzip
import socketserver
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: 2\r\n\r\n{}"


class _Connection(socketserver.StreamRequestHandler):
    kept: Path | None = None

    def handle(self) -> None:
        while self.rfile.readline():
            fields = dict(line.lower().split(b": ", 1) for line in iter(self._line, b""))
            body = self.rfile.read(int(fields[b"content-length"]))
            if self.kept is not None:
                _keep(body, self.kept, is_zipped=fields.get(b"content-encoding") == b"gzip")
            self.wfile.write(_ANSWER)

    def _line(self) -> bytes:
        return self.rfile.readline().rstrip(b"\r\n")


def _keep(body: bytes, kept: Path, *, is_zipped: bool) -> None:
    with kept.open("ab") as file:
        file.write((gzip.decompress(body) if is_zipped else body) + b"\n")


@contextlib.contextmanager
def running(kept: Path | None = None) -> Iterator[str]:
    """Start the server.

    Args:
        kept: the file to add the requests to; None forgets them.

    Yields:
        The URL at which it listens.
    """
    command = [sys.executable, __file__, *([str(kept)] if kept else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def main() -> None:
    """Serve until the process is ended."""
    _Connection.kept = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    socketserver.ThreadingTCPServer.daemon_threads = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Connection) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
