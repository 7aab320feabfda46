"""The CloudWatch agent, or anything that takes lines over TCP or UDP, as a target, and where it is.

Batches of whole lines go in, from the background thread only: it waits while the agent is away, and meanwhile lines
gather in its queue. A line that was not wholly handed over is sent again from its beginning on the next connection.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Generation_CloudWatch_Agent.html
"""

from __future__ import annotations

import errno
import socket
from _thread import allocate_lock

from flowemf._errors import ConfigurationError
from flowemf._output.outlet import AGENT, NETWORK, STDOUT, TCP, UDP
from flowemf._output.target import Target, lines_within

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from typing import Any

    from flowemf._tally import Tally

DEFAULT_PORT = 25888
# The largest payload of a UDP datagram over IPv4 (https://www.rfc-editor.org/rfc/rfc768).
MOST_DATAGRAM_BYTES = 65_507

_AWAY = "agent_unreachable"
_TOO_LARGE = "datagram_too_large"
_CONNECT_SECONDS = 2.0
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 10.0
_NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)
_ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - the library's default names the agent on this machine so
_ON_STDOUT = ("lambda", "local")


def address_of(setting: str, source: str) -> tuple[str, int]:
    """Read an address.

    >>> address_of("tcp://127.0.0.1:25888", "sink")
    ('127.0.0.1', 25888)
    >>> address_of("udp://[::1]", "sink")
    ('::1', 25888)

    Args:
        setting: "tcp://host:port" or "udp://host:port"; without a port 25888, the agent's.
        source: where it came from.

    Returns:
        Host and port.

    Raises:
        ConfigurationError: it is no address.
    """
    rest = setting[len(TCP) :]
    host, _, port = rest.partition("]:") if rest.startswith("[") else rest.partition(":")
    host = host.strip("[]")
    number = int(port) if port.isascii() and port.isdecimal() else 0 if port else DEFAULT_PORT
    if not setting.startswith(NETWORK) or not host or any(sign in host for sign in "/ @?#") or not 0 < number < 65_536:
        raise ConfigurationError(
            source, "is no address", setting, "write tcp://host:port, such as tcp://127.0.0.1:25888"
        )
    return host, number


def agent_target(setting: str) -> Target:
    """Make the target for an address; nothing is connected yet."""
    kind = _DatagramTarget if setting.startswith(UDP) else _StreamTarget
    return kind(setting, *address_of(setting, "sink"))


class _RemoteTarget(Target):
    """What both protocols share: a connection that comes and goes, and the pauses between the attempts."""

    __slots__ = ("_host", "_name", "_pause", "_pause_seconds", "_port", "_socket")

    kind = socket.SOCK_STREAM

    def __init__(self, name: str, host: str, port: int) -> None:
        self._name = name
        self._host = host
        self._port = port
        self._socket: socket.socket | None = None
        self._begin()

    def _begin(self) -> None:
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        # To pause is to wait for this lock, which nobody releases but who is in a hurry.
        self._pause = allocate_lock()
        self._pause.acquire()

    def put(self, lines: Sequence[bytes], tally: Tally) -> None:
        """Send the lines, however long it takes."""
        rest = list(lines)
        while rest:
            rest = rest[self._sent(rest, tally) :]

    def let_go(self) -> None:
        """Close this process's end of the connection; a later line makes another."""
        self._hang_up()
        self._begin()

    def hurry(self) -> None:
        """Try again now."""
        try:
            self._pause.release()
        except RuntimeError:
            return  # somebody else is in a hurry, too

    def _sent(self, lines: Sequence[bytes], tally: Tally) -> int:
        """Send some of the lines, and give their number; pause where that cannot be done now."""
        try:
            sent = self._send(self._socket or self._connected(), lines, tally)
        except OSError as problem:
            self._wait_for_it(tally, problem)
            return 0
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        return sent

    def _send(self, connection: socket.socket, lines: Sequence[bytes], tally: Tally) -> int:
        """Send some of the lines, and give their number; raise OSError when the connection is of no use any more."""
        raise NotImplementedError

    def _connected(self) -> socket.socket:
        problem: OSError | None = None
        for family, kind, protocol, _, address in socket.getaddrinfo(self._host, self._port, type=self.kind):
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(_CONNECT_SECONDS)
                connection.connect(address)
                connection.settimeout(None)
            except OSError as refusal:
                connection.close()
                problem = refusal
            else:
                self._socket = connection
                return connection
        raise problem or OSError(errno.EADDRNOTAVAIL, "the host has no address")

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _wait_for_it(self, tally: Tally, problem: OSError) -> None:
        self._hang_up()
        explanation = f"{self._name} cannot be reached ({problem}); lines wait in the queue until it can"
        tally.count(_AWAY, explanation)
        self._pause.acquire(True, self._pause_seconds)
        self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_PAUSE_SECONDS)


class _StreamTarget(_RemoteTarget):
    """An agent that is connected with over TCP."""

    __slots__ = ()

    joined_bytes = 65_536

    def _send(self, connection: socket.socket, lines: Sequence[bytes], tally: Tally) -> int:
        data = b"".join(lines)
        sent = 0
        try:
            if _has_gone(connection):
                raise ConnectionResetError(errno.ECONNRESET, "the agent has closed the connection")
            while sent < len(data):
                sent += connection.send(data[sent:] if sent else data, _NO_SIGNAL)
        except OSError:
            whole = lines_within(lines, sent)
            tally.lines_written += whole
            if not whole:
                raise
            self._hang_up()
            return whole
        tally.lines_written += len(lines)
        return len(lines)


class _DatagramTarget(_RemoteTarget):
    """An agent that gets a datagram for each line. Few of those that are lost are known to be: no other is counted."""

    __slots__ = ()

    kind = socket.SOCK_DGRAM

    def _send(self, connection: socket.socket, lines: Sequence[bytes], tally: Tally) -> int:
        line = lines[0]
        try:
            if len(line) > MOST_DATAGRAM_BYTES:
                raise OSError(errno.EMSGSIZE, f"a line of {len(line)} bytes is longer than a datagram may be")
            connection.send(line)
            # On this machine the answer that nobody listens is here already: then the line waits.
            refused = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if refused:
                raise OSError(refused, errno.errorcode.get(refused, "refused"))
        except OSError as problem:
            if problem.errno != errno.EMSGSIZE:
                raise
            tally.count(_TOO_LARGE, f"a line was left out: {problem.strerror}; use tcp:// instead")
        else:
            tally.lines_written += 1
        return 1


def _has_gone(connection: socket.socket) -> bool:
    """Tell whether the other side has closed: the first write after that would seem to succeed, and be lost."""
    if not hasattr(socket, "MSG_DONTWAIT"):
        return False
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False


# --- What `sink="agent"` means on this machine, asked of aws-embedded-metrics with its own configuration
# (AWS_EMF_AGENT_ENDPOINT, AWS_EMF_ENVIRONMENT, AWS_EMF_LOG_GROUP_NAME, AWS_EMF_SERVICE_NAME). No network is asked: its
# search for the metadata of EC2 is left out, since every machine with an agent is treated alike.


def discover(source: str) -> tuple[str, str]:
    """Find the agent.

    Args:
        source: where the setting came from.

    Returns:
        The sink, "stdout" or an address, and the log group for its lines, empty where it needs none.

    Raises:
        ConfigurationError: aws-embedded-metrics is not installed, or its endpoint is no address.
    """
    try:
        from aws_embedded_metrics.config import get_config
        from aws_embedded_metrics.environment.default_environment import DefaultEnvironment
        from aws_embedded_metrics.environment.lambda_environment import LambdaEnvironment
    except ImportError:
        remedy = "pip install 'flowemf[agent]', or name its address: sink='tcp://127.0.0.1:25888'"
        raise ConfigurationError(source, "needs aws-embedded-metrics, which is not installed", AGENT, remedy) from None
    settings = get_config()
    chosen = (settings.environment or "").lower()
    if chosen in _ON_STDOUT or (not chosen and _answer(LambdaEnvironment().probe())):
        return STDOUT, ""
    endpoint = settings.agent_endpoint or f"{TCP}{_ANY_ADDRESS}:{DEFAULT_PORT}"
    address_of(endpoint, "AWS_EMF_AGENT_ENDPOINT")  # the library would quietly dial its default instead
    return endpoint.replace(_ANY_ADDRESS, "127.0.0.1"), DefaultEnvironment().get_log_group_name()


def _answer(question: Coroutine[Any, Any, bool]) -> bool:
    """Run a coroutine that awaits nothing; one that would wait is answered with no."""
    try:
        question.send(None)
    except StopIteration as answer:
        return bool(answer.value)
    question.close()
    return False
