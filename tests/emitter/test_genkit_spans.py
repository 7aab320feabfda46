"""What a span of Genkit stands for, and what is read of it: spans of the SDK go in, with Genkit's attributes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider

from flowemf._collecting.genkit_spans import ending, starting
from flowemf._collecting.vocabulary import Kind, Started, Status

USAGE = {"inputTokens": 11.0, "outputTokens": 7.0, "totalTokens": 18.0}
OUTPUT = json.dumps({"message": {"role": "model", "content": [{"text": "said"}]}, "usage": USAGE, "custom": {}})
TOKENS = {"InputTokens": 11, "OutputTokens": 7, "TokensUsed": 18}


def action(subtype: str, **more: Any) -> dict[str, Any]:
    return {"genkit:type": "action", "genkit:metadata:subtype": subtype, **more}


@pytest.mark.parametrize(
    ("attributes", "kind", "name"),
    [
        (action("model"), Kind.GENERATION, "span"),
        (action("flow", **{"genkit:metadata:flow:name": "given"}), Kind.FLOW, "given"),
        (action("flow"), Kind.FLOW, "span"),
        (action("tool.v2"), Kind.TOOL, ""),
        (action("tool"), Kind.TOOL, ""),
        (action("embedder"), Kind.TOOL, ""),
        (action("retriever"), Kind.TOOL, ""),
        (action("executable-prompt"), Kind.TOOL, ""),
        (action("background-model"), Kind.TOOL, ""),
        ({"genkit:type": "action"}, Kind.TOOL, ""),
        ({"genkit:type": "util"}, Kind.UTIL, ""),
        ({"genkit:type": "flowStep"}, Kind.UTIL, ""),
        (action("flow", **{"genkitx:ignore-trace": "true"}), Kind.PREVIEW, ""),
        (action("model", **{"genkitx:ignore-trace": "True"}), Kind.PREVIEW, ""),
        (action("model", **{"genkitx:ignore-trace": "false"}), Kind.GENERATION, "span"),
    ],
    ids=str,
)
def test_what_a_span_stands_for(attributes: dict[str, Any], kind: Kind, name: str) -> None:
    """Flows and models write lines; other actions may fail a flow; Genkit's own steps repeat what models say."""
    started = starting("span", attributes)
    assert started is not None
    assert (started.kind, started.name) == (kind, name)


def test_a_span_that_has_said_nothing_yet_is_asked_again_later() -> None:
    """Before Genkit 0.9 the attributes come right after the start."""
    assert starting("span", {}) is None


def ended_span(attributes: dict[str, Any], characters: int | None = None) -> ReadableSpan:
    limits = SpanLimits(max_span_attribute_length=characters)
    span = TracerProvider(span_limits=limits).get_tracer("genkit-tracer").start_span("span")
    span.set_attributes(attributes)
    span.end()
    assert isinstance(span, ReadableSpan)
    return span._readable_span()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(
    ("state", "status"),
    [("success", Status.SUCCESS), ("error", Status.ERROR), (None, Status.CANCELLED), ("new in 2027", None)],
)
def test_the_state_says_how_it_ended(state: str | None, status: Status | None) -> None:
    """Genkit leaves the state of what was cancelled open; a word that nobody knows leaves it to the span's status."""
    attributes = action("flow") if state is None else action("flow", **{"genkit:state": state})
    assert ending(Started(Kind.FLOW, "f"), ended_span(attributes)).status is status


def test_the_usage_of_a_model_and_of_nothing_else_is_read() -> None:
    """A flow that returns what a model said has the same output."""
    span = ended_span(action("model", **{"genkit:state": "success", "genkit:output": OUTPUT}))
    assert ending(Started(Kind.GENERATION, "m"), span).tokens == TOKENS
    assert ending(Started(Kind.FLOW, "f"), span).tokens == {}


@pytest.mark.parametrize(
    ("characters", "tokens", "is_truncated"),
    [
        (None, TOKENS, False),
        (len(OUTPUT) + 1, TOKENS, False),
        (len(OUTPUT), TOKENS, False),
        (len(OUTPUT) - 1, {}, True),
        (20, {}, True),
    ],
)
def test_a_limit_of_the_sdk_is_noticed(characters: int | None, tokens: dict[str, int], is_truncated: bool) -> None:
    """A value of exactly the limit's length may be whole; one that is cut has lost its usage, and that is told."""
    span = ended_span(action("model", **{"genkit:state": "success", "genkit:output": OUTPUT}), characters)
    ended = ending(Started(Kind.GENERATION, "m"), span)
    assert (ended.tokens, ended.is_truncated) == (tokens, is_truncated)
