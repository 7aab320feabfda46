"""Reads the spans of Genkit for Python.

The name and the attributes of a span go in; what it stands for, how it ended and its numbers come out. Genkit gives
each action a span: flows, models, tools, embedders. Its own steps (`util`) repeat what the models said. Of the
attributes that hold prompts and answers only the output of a model is touched, and nothing but its usage is taken.
"""

from __future__ import annotations

from threading import current_thread

from flowemf._collecting.genkit_tokens import tokens_of
from flowemf._collecting.span_attributes import attributes_of
from flowemf._collecting.usage_text import usage_in
from flowemf._collecting.vocabulary import Ended, Kind, Started, Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import ReadableSpan

SCOPE = "genkit-tracer"

# By themselves: before Python 3.12 an attribute of an enumeration takes as long as a call.
_A_FLOW, _A_GENERATION = Kind.FLOW, Kind.GENERATION

_TYPE, _ACTION = "genkit:type", "action"
_SUBTYPE, _FLOW, _MODEL = "genkit:metadata:subtype", "flow", "model"
_FLOW_NAME = "genkit:metadata:flow:name"
_STATE = "genkit:state"
_STATUS = {"success": Status.SUCCESS, "error": Status.ERROR, None: Status.CANCELLED}
_OUTPUT = "genkit:output"
# The developer UI renders prompts while somebody types, and runs what they click on in a thread of its own.
_PREVIEW = "genkitx:ignore-trace"
_DEVELOPERS_THREAD = "genkit-reflection-server"

_A_PREVIEW = Started(Kind.PREVIEW)
_A_STEP = Started(Kind.UTIL)
# Embedders, retrievers, prompts and tools write no line, but a flow may fail because one of them did.
_ANOTHER_ACTION = Started(Kind.TOOL)


def starting(name: str, attributes: Mapping[str, object]) -> Started | None:
    """Tell what kind of span begins. Before Genkit 0.9 that is said right after the start, and None until then."""
    kind = attributes.get(_TYPE)
    if kind is None:
        return None
    preview = attributes.get(_PREVIEW)
    if (preview is not None and str(preview).lower() == "true") or current_thread().name == _DEVELOPERS_THREAD:
        return _A_PREVIEW
    if kind != _ACTION:
        return _A_STEP
    action = attributes.get(_SUBTYPE)
    if action == _MODEL:
        return Started(_A_GENERATION, name)
    if action == _FLOW:
        given = attributes.get(_FLOW_NAME)
        return Started(_A_FLOW, given if isinstance(given, str) else name)
    return _ANOTHER_ACTION


def ending(started: Started, span: ReadableSpan) -> Ended:
    """Read the facts of a flow or a generation. Genkit leaves the state of what was cancelled open."""
    attributes = attributes_of(span)
    status = _STATUS.get(attributes.get(_STATE))
    output = attributes.get(_OUTPUT) if started.kind is _A_GENERATION else None
    if not isinstance(output, str):
        return Ended(status)
    is_whole = len(output) != _most_characters(span)
    usage = usage_in(output, whole=is_whole)
    tokens = {} if usage is None else tokens_of(usage, started.name)
    return Ended(status, tokens=tokens, is_truncated=usage is None and not is_whole)


def _most_characters(span: ReadableSpan) -> int | None:
    """Give the length at which OpenTelemetry cuts the values of this span's attributes, None where it doesn't.

    https://opentelemetry.io/docs/specs/otel/common/#attribute-limits
    """
    return getattr(span._attributes, "max_value_len", None)
