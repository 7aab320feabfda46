"""Finds the trace that the current request belongs to.

What OpenTelemetry, the application, the Lambda runtime or the process's starter say goes in; the encoded properties
`trace_id` and `span_id` come out. The first of these that has a trace decides:

0. the span that a line is written about (`of_span`), where automatic collection writes it;
1. the current OpenTelemetry span, where the program has imported OpenTelemetry (it is never imported for this);
2. the W3C `traceparent` that was bound: `flowemf.bind(traceparent=request.headers.get("traceparent"))`;
3. the invocation of a Lambda function, `_X_AMZN_TRACE_ID`;
4. the environment variable TRACEPARENT, as it was when the monitor was made.

`trace_id` always has the form of X-Ray, which takes the identifiers of W3C in that form too
(https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-traceids), so that one search finds
a request wherever its trace began. `span_id` is the current OpenTelemetry span's: the others name only the caller's.
"""

from __future__ import annotations

import os
import sys
from _contextvars import ContextVar

from flowemf._encoding.text import json_string, member_text
from flowemf._redaction.redactor import clean_text
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import SpanContext

    from flowemf._tally import Tally

OPENTELEMETRY = "opentelemetry.trace"
TRACEPARENT = "traceparent"
LAMBDA_KEY = b"_X_AMZN_TRACE_ID"

_INVALID = (
    "traceparent_invalid",
    "a traceparent was left out, since it is none: bind the header of that name as it came, 00-<32 hex>-<16 hex>-01",
)
_HEX = frozenset("0123456789abcdef")
_LENGTHS = [2, 32, 16, 2]
# Encoded by hand: each event that belongs to a span names it.
_TRACE_MEMBER, _SPAN_MEMBER = member_text(names.TRACE_ID, ""), member_text(names.SPAN_ID, "")
_LAMBDA_VARIABLE = LAMBDA_KEY.decode("ascii")
# os.environ decodes on every access, which costs more than encoding a whole line. The mapping behind it does not.
environment: Mapping[bytes, bytes] | None = getattr(os.environ, "_data", None) if os.name == "posix" else None


class Remote:
    """A trace that began elsewhere.

    Attributes:
        trace_id: 32 hexadecimal digits.
        span_id: the caller's span, 16 hexadecimal digits.
        sampled: whether the caller records it.
        encoded: the property `trace_id`.
    """

    __slots__ = ("encoded", "sampled", "span_id", "trace_id")

    def __init__(self, trace_id: str, span_id: str, *, sampled: bool) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.sampled = sampled
        self.encoded = member_text(names.TRACE_ID, f'"{xray_id(trace_id)}"')


# The encoded properties of the span that a line is written about, for as long as that takes.
of_span: ContextVar[str] = ContextVar("flowemf_of_span", default="")
_carried: ContextVar[Remote | None] = ContextVar("flowemf_traceparent", default=None)
_inherited: Remote | None = None
# Whether a traceparent was ever given: nearly every event finds out here that there is nothing to look for.
given = False
_last_span: tuple[object, str] = (None, "")
_last_invocation: tuple[object, str] = (None, "")


def xray_id(trace_id: str) -> str:
    """Write a W3C trace identifier as X-Ray does.

    >>> xray_id("4efaaf4d1e8720b39541901950019ee5")
    '1-4efaaf4d-1e8720b39541901950019ee5'
    """
    return f"1-{trace_id[:8]}-{trace_id[8:]}"


def carry(traceparent: object, tally: Tally) -> None:
    """Take over the trace of a request; None where it came without one."""
    global given  # noqa: PLW0603 - see there
    remote = None if traceparent is None else parsed(traceparent)
    if traceparent is not None and remote is None:
        tally.count(*_INVALID)
    _carried.set(remote)
    given = given or remote is not None


def carried() -> Remote | None:
    """Give the trace that was taken over."""
    return _carried.get()


def carry_again(before: Remote | None) -> None:
    """Go back to the trace of before a request."""
    _carried.set(before)


def drop() -> None:
    """Forget the trace that was taken over."""
    _carried.set(None)


def inherit(variables: Mapping[str, str]) -> None:
    """Take over the trace in which the process was started.

    https://opentelemetry.io/docs/specs/otel/context/env-carriers/
    """
    global given, _inherited  # noqa: PLW0603 - of the process, as its environment is
    _inherited = parsed(variables.get(TRACEPARENT.upper(), ""))
    given = given or _inherited is not None


def members() -> str:
    """Encode what is known of the current trace: `trace_id`, and `span_id` where there is one."""
    if OPENTELEMETRY in sys.modules:
        encoded = of_span.get() or _of_current_span()
        if encoded:
            return encoded
    carried = _carried.get()
    if carried is not None:
        return carried.encoded
    return _of_invocation() or ("" if _inherited is None else _inherited.encoded)


def span_members(context: SpanContext) -> str:
    """Encode the identifiers of a span; of one in another process only its trace."""
    trace_id = f"{context.trace_id:032x}"
    encoded = f'{_TRACE_MEMBER}"1-{trace_id[:8]}-{trace_id[8:]}"'
    return encoded if context.is_remote else f'{encoded}{_SPAN_MEMBER}"{context.span_id:016x}"'


def remote() -> Remote | None:
    """Give the trace that a span of ours continues where no OpenTelemetry span is current."""
    carried = _carried.get()
    if carried is not None:
        return carried
    fields = _invocation_fields(_invocation())
    root = fields.get("Root", "").split("-")
    span_id = fields.get("Parent", "")
    if len(root) == 3 and _is_identifier(root[1] + root[2], 32) and _is_identifier(span_id, 16):
        return Remote(root[1] + root[2], span_id, sampled=fields.get("Sampled") == "1")
    return _inherited


def parsed(traceparent: object) -> Remote | None:
    """Read a `traceparent` (https://www.w3.org/TR/trace-context/#traceparent-header-field-values).

    >>> parsed("00-4efaaf4d1e8720b39541901950019ee5-53995c3f42cd8ad8-01").span_id
    '53995c3f42cd8ad8'

    Args:
        traceparent: the header as it came, text or bytes.

    Returns:
        The trace; None where the header is invalid.
    """
    text = traceparent.decode("latin-1") if isinstance(traceparent, bytes) else traceparent
    if not isinstance(text, str):
        return None
    version, *fields = parts = text.strip().split("-")
    if [len(part) for part in parts[:4]] != _LENGTHS or (version == "00" and len(parts) > 4) or version == "ff":
        return None
    trace_id, span_id, flags = fields[:3]
    valid = _is_identifier(trace_id, 32) and _is_identifier(span_id, 16) and _HEX.issuperset(version + flags)
    return Remote(trace_id, span_id, sampled=bool(int(flags, 16) & 1)) if valid else None


def _is_identifier(text: str, length: int) -> bool:
    return len(text) == length and _HEX.issuperset(text) and text.strip("0") != ""


def _of_current_span() -> str:
    global _last_span  # noqa: PLW0603 - a cache of one: a flow's lines are written within one span
    try:
        context = sys.modules[OPENTELEMETRY].get_current_span().get_span_context()
        known, encoded = _last_span
        if known is not context:
            encoded = ""
            if context.trace_id and context.span_id:
                encoded = span_members(context)
            _last_span = (context, encoded)
    except Exception:  # half imported, or a stranger's span that is none
        return ""
    return encoded


# --- The trace of a Lambda invocation
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime


def _invocation() -> str | bytes | None:
    return os.environ.get(_LAMBDA_VARIABLE) if environment is None else environment.get(LAMBDA_KEY)


def _of_invocation() -> str:
    global _last_invocation  # noqa: PLW0603 - a cache of one: the identifier changes once an invocation
    raw = _invocation()
    if raw is None:
        return ""
    known, encoded = _last_invocation
    if known != raw:
        root = _invocation_fields(raw).get("Root", "")
        encoded = member_text(names.TRACE_ID, json_string(clean_text(root, 128))) if root else ""
        _last_invocation = (raw, encoded)
    return encoded


def _invocation_fields(raw: str | bytes | None) -> dict[str, str]:
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw or ""
    return {key.strip(): value for key, _, value in (field.partition("=") for field in text.split(";"))}
