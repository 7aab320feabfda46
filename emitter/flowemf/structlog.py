"""The application's log lines and ours in one stream: in order, and each of them whole.

structlog's event dictionaries and the standard library's log records go in; lines of JSON leave through the sink of the
default monitor, and through standard output where there is none or where it is a collector of metrics. An event with
`flowemf.fields(...)` leaves as an EMF document.

`configure_logging()` sets up everything for an application that has no log pipeline yet. Whoever has one adds the
parts:

    structlog.configure(
        processors=[merge_contextvars, flowemf.structlog.add_context, ..., flowemf.structlog.Renderer()],
        logger_factory=flowemf.structlog.LoggerFactory(),
    )
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import TYPE_CHECKING, Any

from flowemf import _context, _default
from flowemf._errors import ConfigurationError
from flowemf._events.log_events import Metadata, metric_lines, plain_line
from flowemf._output.outlet import NETWORK, STDOUT, open_sink
from flowemf._tally import Tally
from flowemf_schemas import names

try:
    import structlog
except ImportError as missing:
    raise ImportError("flowemf.structlog needs structlog, which is not installed: pip install structlog") from missing

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from types import TracebackType

    from flowemf._output.outlet import Outlet

    EventDict = MutableMapping[str, Any]

__all__ = ["LoggerFactory", "Renderer", "SinkHandler", "SinkLogger", "add_context", "configure_logging", "exceptions"]

_tally = Tally()  # the lines of the application are no events of a monitor


# --- The parts of a pipeline


def add_context(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Add what belongs to the current request: a processor.

    The identifiers of the flow around the event and of its trace, and whatever `flowemf.bind` bound; the event's own
    members stay. For the other direction nothing is needed: what structlog's context variables hold is on our lines.

    >>> import flowemf
    >>> flowemf.bind(tenant="acme")
    >>> add_context(None, "info", {"event": "asked"})
    {'event': 'asked', 'tenant': 'acme'}
    """
    for name, value in _context.current().items():
        event.setdefault(name, value)
    return event


class Renderer:
    """Turns an event into one line of JSON: the last processor.

    An event that carries `flowemf.fields(...)` becomes an EMF document, with the checks of every other line of ours:
    metrics and dimensions as `fields` made them, whatever a processor did to them, and the other members redacted and
    of bounded length. Any other event is the application's own and stays as it is. What has no JSON form is written as
    its text. A line beyond what CloudWatch Logs takes for an event (1 MB,
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html) is shortened and says so.

    >>> Renderer()(None, "info", {"event": "asked", "tokens": 12})
    '{"event": "asked", "tokens": 12}'
    """

    def __call__(self, _logger: object, _method: str, event: EventDict) -> str:
        """Render one event; without a newline at its end."""
        metadata = event.get(names.AWS)
        if isinstance(metadata, Metadata):
            return metric_lines(metadata, event)
        return plain_line(event)


class SinkLogger:
    """Writes finished lines through the sink: what `LoggerFactory` gives structlog."""

    def msg(self, message: str | bytes) -> None:
        """Write one line.

        Args:
            message: what the last processor gave, without a newline at its end.
        """
        data = message if isinstance(message, bytes) else message.encode("utf-8", "backslashreplace")
        _sink().write(data + b"\n", _tally)

    log = debug = info = warn = warning = err = error = exception = critical = fatal = failure = msg


class LoggerFactory:
    """Makes structlog's loggers write through the sink of the default monitor."""

    def __call__(self, *_arguments: object) -> SinkLogger:
        """Make a logger; the arguments of `structlog.get_logger` are of no use here."""
        return SinkLogger()


class SinkHandler(logging.Handler):
    """A handler of the standard library that writes through the sink of the default monitor."""

    def emit(self, record: logging.LogRecord) -> None:
        """Format a record and write it."""
        try:
            SinkLogger().msg(self.format(record))
        except Exception:
            self.handleError(record)


def _sink() -> Outlet:
    monitor = _default.configured()
    bulk = None if monitor is None else monitor.lines.in_bulk()
    # A collector of metrics takes no other lines.
    if bulk is None or bulk.sink is None or str(bulk.settings.sink).startswith(NETWORK):
        return open_sink(STDOUT)
    return bulk.sink


def _described(
    exc_info: tuple[type[BaseException], BaseException, TracebackType | None],
) -> dict[str, str]:
    """Describe an exception by its class, its message and its traceback as one text."""
    kind, error, _ = exc_info
    lines = traceback.TracebackException(*exc_info).format()
    return {"type": kind.__name__, "message": _text_of(error), "traceback": "".join(lines).rstrip()}


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return ""


exceptions = structlog.processors.ExceptionRenderer(_described)
"""Replaces `exc_info` by the member `exception` with `type`, `message` and `traceback`: a processor."""


# --- The whole pipeline


def configure_logging(level: int | str = logging.INFO) -> None:
    """Set up JSON log lines for an application that has no log pipeline yet.

    Events of structlog and records of the standard library's `logging` become lines of JSON with the members `event`,
    `level`, `timestamp` (ISO 8601, UTC) and, where they apply, `logger`, `exception`, `stack`, what context variables
    hold and what `flowemf.bind` bound. They leave through the sink of the default monitor, in order with its lines. A
    further call changes the level. Of the handlers of the root logger, those that write to a standard stream are
    replaced, so that nothing is written twice; others stay.

    >>> configure_logging("WARNING")

    Args:
        level: the lowest level that is written: one of `logging`'s numbers or names.

    Raises:
        ConfigurationError: there is no such level.
    """
    lowest = _level(level)
    before: list[Any] = [structlog.contextvars.merge_contextvars, add_context, structlog.processors.add_log_level]
    after: list[Any] = [structlog.processors.StackInfoRenderer(), exceptions, Renderer()]
    timestamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    structlog.configure(
        processors=[*before, timestamp, *after],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=LoggerFactory(),
        cache_logger_on_first_use=False,  # or a later call could not change the level
    )
    of_records = [*before, structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder(), timestamp]
    _take_over_records(lowest, of_records, after)


def _level(level: int | str) -> int:
    number = logging.getLevelName(level.upper()) if isinstance(level, str) else level
    if not isinstance(number, int) or isinstance(number, bool):
        raise ConfigurationError("level", "is no log level", level, "use DEBUG, INFO, WARNING, ERROR or CRITICAL")
    return number


def _take_over_records(lowest: int, before: list[Any], after: list[Any]) -> None:
    handler = SinkHandler()
    processors = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *after]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=processors))
    root = logging.getLogger()
    for known in list(root.handlers):
        if isinstance(known, SinkHandler) or _writes_to_standard_stream(known):
            root.removeHandler(known)
    root.addHandler(handler)
    root.setLevel(lowest)


def _writes_to_standard_stream(handler: logging.Handler) -> bool:
    streams = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    # The Lambda runtime puts a handler of its own on the root logger, which writes to standard output.
    return getattr(handler, "stream", None) in streams or type(handler).__name__.startswith("LambdaLoggerHandler")
