"""Finds out what went wrong in a span: what the explicit API would have been given as the exception.

The status, the events and the attributes of a span go in, with what went wrong inside it; an exception, or a text that
begins with the most certain name of it, comes out. No other event and no other attribute is read.
"""

from __future__ import annotations

import sys

from opentelemetry.trace import StatusCode

from flowemf._error_types.cancellation import is_cancellation
from flowemf._error_types.vocabulary import by_code, by_status_name
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from opentelemetry.sdk.trace import ReadableSpan

    from flowemf._collecting.vocabulary import Ended

_EXCEPTION = "exception"
_EXCEPTION_TYPE = "exception.type"
_EXCEPTION_MESSAGE = "exception.message"
_ERROR_TYPE = "error.type"
ERROR = StatusCode.ERROR  # by itself: an attribute of an enumeration takes a while
_OK = StatusCode.OK
_CANCELLED = frozenset(("asyncio.exceptions.CancelledError", "CancelledError", "GeneratorExit"))
_VAGUE = (names.ERROR_GENERIC, names.ERROR_UNKNOWN)


class Failure:
    """What is known of one failure.

    Attributes:
        codes: names of it, the most certain first: a code, a class, a status.
        message: what it says; empty where it says nothing.
        exception: the exception itself, where it was being handled when the span ended.
    """

    __slots__ = ("codes", "exception", "message")

    def __init__(self, codes: tuple[str, ...], message: str, exception: BaseException | None) -> None:
        self.codes = codes
        self.message = message
        self.exception = exception

    def remembered(self, inside: Failure | None) -> Failure:
        """Give the same for the span around: without the exception, which must not be kept alive.

        Args:
            inside: the last failure inside it, whose names go along where this one only passes it on.
        """
        more = inside.codes if inside is not None and _wraps(self, inside) else ()
        return Failure((*self.codes, *more), self.message, None)


def current_exception(before: int) -> BaseException | None:
    """Give the exception that is being handled, unless it was so already when the span started.

    Args:
        before: the identity of the exception that was being handled then; 0 where none was.
    """
    error = sys.exc_info()[1]
    return None if error is None or id(error) == before else error


def is_cancelled(span: ReadableSpan, error: BaseException | None) -> bool:
    """Tell whether the work of a span was stopped from outside.

    OpenTelemetry records no `BaseException`: a cancelled span looks like one that succeeded, but for the exception that
    is passing through while it ends.
    """
    if error is not None and is_cancellation(error):
        return span.status.status_code is not _OK
    return span.status.status_code is ERROR and any(kind in _CANCELLED for kind, _ in _exceptions(span))


def failure_of(span: ReadableSpan, ended: Ended | None, error: BaseException | None) -> Failure:
    """Gather what a span says about its failure.

    Args:
        span: the span.
        ended: what its translator says; None where the span is neither a flow nor a generation.
        error: the exception that is being handled.
    """
    exceptions = list(_exceptions(span))
    description = span.status.description or ""
    said = [] if ended is None else [*ended.error_codes]
    attributes: Mapping[str, object] = span.attributes or {}
    given = attributes.get(_ERROR_TYPE)
    classes = [kind for kind, _ in exceptions]
    prefix = description.partition(":")[0].strip()
    codes = [given, *classes, *said, prefix if by_status_name(description) else ""]
    messages = [text for _, text in exceptions] + [description, "" if ended is None else ended.error_message]
    known = tuple(dict.fromkeys(code for code in codes if isinstance(code, str) and code))
    message = next((text for text in messages if text), "")
    return Failure(known, message, error if _is_the_same(error, known) else None)


def as_error(failure: Failure, inside: Failure | None, error_type: Callable[[object], str]) -> BaseException | str:
    """Make what `Lines` takes as an error of a failure.

    The order: what the span itself names; the exception; what it wraps, where the failure around it is a wrapper's; the
    words of its message.

    Args:
        failure: the span's own failure.
        inside: the last one of a span inside it.
        error_type: names the type of an error, as the monitor's settings say.
    """
    if failure.exception is not None:
        return failure.exception
    code = _certain(failure, error_type)
    if code is None and inside is not None and _wraps(failure, inside):
        code = _certain(inside, error_type)
    code = code or next(iter(failure.codes), "")
    if failure.message.startswith(code):
        return failure.message or code
    return f"{code}: {failure.message}" if failure.message else code


def _certain(failure: Failure, error_type: Callable[[object], str]) -> str | None:
    """Find the first name that says what it was; `ValidationException` says clearly that it was something else."""
    for code in failure.codes:
        if error_type(code) not in _VAGUE or by_code(code) is not None:
            return code
    return None


def _wraps(outer: Failure, inner: Failure) -> bool:
    """Tell whether a failure passes another one on: Genkit's does, and whoever repeats its message."""
    is_wrapper = any(code.rpartition(".")[2] == "GenkitError" for code in outer.codes)
    return is_wrapper or bool(inner.message and inner.message in outer.message)


def _is_the_same(error: BaseException | None, codes: tuple[str, ...]) -> bool:
    """Tell whether the exception that is being handled is the one that the span names."""
    return error is not None and any(code.rpartition(".")[2] == type(error).__name__ for code in codes)


def _exceptions(span: ReadableSpan) -> Iterator[tuple[str, str]]:
    """Give class and message of each exception that was recorded, the last one first."""
    for event in reversed(span.events):
        if event.name == _EXCEPTION:
            attributes = event.attributes or {}
            kind, message = attributes.get(_EXCEPTION_TYPE), attributes.get(_EXCEPTION_MESSAGE)
            yield (kind if isinstance(kind, str) else ""), (message if isinstance(message, str) else "")
