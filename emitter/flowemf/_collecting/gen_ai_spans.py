"""Reads the spans of the gen_ai conventions, which every source but Genkit follows more or less.

The name and the attributes of a span go in; what it stands for and its numbers come out. The names are written out,
since the package of constants calls them deprecated and moves them:
https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ and .../gen-ai-agent-spans/. No attribute that may hold
a prompt or an answer is read.
"""

from __future__ import annotations

from flowemf._collecting.span_attributes import attributes_of
from flowemf._collecting.span_tokens import tokens_of
from flowemf._collecting.vocabulary import Ended, Kind, Started, Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import ReadableSpan

OPERATION = "gen_ai.operation.name"
_REQUEST_MODEL = "gen_ai.request.model"
_RESPONSE_MODEL = "gen_ai.response.model"
# Seconds, under the name of the convention and under that of the metric, which pydantic-ai gives the attribute too.
_FIRST_CHUNK_SECONDS = ("gen_ai.response.time_to_first_chunk", "gen_ai.client.operation.time_to_first_chunk")
# Milliseconds: strands-agents.
_FIRST_TOKEN_MS = "gen_ai.server.time_to_first_token"  # noqa: S105 - no password
# strands-agents leaves the status of what was cancelled alone and says so here.
_CANCELLED = "strands.cancellation.type"

_GENERATIONS = frozenset(("chat", "generate_content", "text_completion"))
_NAME_OF_FLOW = {"invoke_agent": "gen_ai.agent.name", "invoke_workflow": "gen_ai.workflow.name"}
_TOOL = "execute_tool"
# By themselves: before Python 3.12 an attribute of an enumeration takes as long as a call.
_FLOW, _GENERATION = Kind.FLOW, Kind.GENERATION


def starting(name: str, attributes: Mapping[str, object]) -> Started | None:
    """Tell what kind of span begins, by its operation."""
    operation = attributes.get(OPERATION)
    return None if operation is None else _started(operation, name, attributes)


def ending(started: Started, span: ReadableSpan) -> Ended:
    """Read the facts of a flow or a generation."""
    attributes = attributes_of(span)
    status = Status.CANCELLED if _CANCELLED in attributes else None
    if started.kind is _FLOW:
        return Ended(status)
    scope = span.instrumentation_scope
    resolved, asked = attributes.get(_RESPONSE_MODEL), attributes.get(_REQUEST_MODEL)
    return Ended(
        status,
        name=asked if isinstance(asked, str) else "",
        tokens=tokens_of(attributes, "" if scope is None else scope.name),
        resolved_model_id=resolved if isinstance(resolved, str) else None,
        first_token_ms=_first_token_ms(attributes),
    )


def _started(operation: object, name: str, attributes: Mapping[str, object]) -> Started | None:
    if operation in _GENERATIONS:
        model = attributes.get(_REQUEST_MODEL)
        return Started(_GENERATION, model if isinstance(model, str) else "")
    if isinstance(operation, str) and operation in _NAME_OF_FLOW:
        given = attributes.get(_NAME_OF_FLOW[operation])
        # Agents without a name have spans that are called like the operation.
        return Started(Kind.FLOW, given if isinstance(given, str) and given else _after(operation, name))
    return Started(Kind.TOOL) if operation == _TOOL else None


def _after(operation: str, name: str) -> str:
    return name.removeprefix(operation).strip() or operation


def _first_token_ms(attributes: Mapping[str, object]) -> float | None:
    for key in _FIRST_CHUNK_SECONDS:
        seconds = attributes.get(key)
        if isinstance(seconds, (int, float)):
            return round(seconds * 1000, 3)
    milliseconds = attributes.get(_FIRST_TOKEN_MS)
    return float(milliseconds) if isinstance(milliseconds, (int, float)) else None
