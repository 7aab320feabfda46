"""The spans that are measured: one that is none of our business, and those that write a line.

A tracer and the context around the span go in; the span is opened and ended with the attributes that its source sets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Tracer

KILOBYTE = 1000
MODEL = "googleai/gemini-flash"
TOTAL_TOKENS = 128
_USAGE = {"inputTokens": 100.0, "outputTokens": 20.0, "totalTokens": 128.0, "thoughtsTokens": 8.0}
_USAGE |= {"cachedContentTokens": 64.0}
# Prose with quotation marks and line breaks, which JSON escapes: what a model says, and not what is quickest to read.
_SAID = 'The kitchen said "no" twice, and then\nit said "yes": bread takes flour, water and {salt}. '


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of span.

    Attributes:
        label: what the tables call it.
        scope: the instrumentation that it comes from.
        around: the attributes of the span around it.
        emit: opens and ends one.
        writes: whether it is a call of a model, which writes a line.
    """

    label: str
    scope: str
    around: Mapping[str, str]
    emit: Callable[[Tracer, Context], None]
    writes: bool = True


def output(size_bytes: int) -> str:
    """Write what a model returns as Genkit does, in so many bytes: the message first, the usage behind it."""

    def text(characters: int) -> str:
        said = (_SAID * (characters // len(_SAID) + 1))[:characters]
        message = {"role": "model", "content": [{"text": said}]}
        document = {"message": message, "finishReason": "stop", "latencyMs": 812.4, "usage": _USAGE, "custom": {}}
        return json.dumps(document, separators=(",", ":"))

    size = size_bytes
    while len(text(size)) > size_bytes:
        size -= max(1, len(text(size)) - size_bytes) // 2 + 1
    return text(size)


def _unrelated(tracer: Tracer, around: Context) -> None:
    attributes = {"http.request.method": "GET", "url.path": "/things", "server.address": "example.com"}
    span = tracer.start_span("GET /things", around, SpanKind.CLIENT, attributes)
    span.set_attribute("http.response.status_code", 200)
    span.end()


def _genkit(size_bytes: int) -> Callable[[Tracer, Context], None]:
    said = output(size_bytes)
    path = "/{answer,t:action,s:flow}/{generate,t:util}/{" + MODEL + ",t:action,s:model}"
    start = {
        "genkit:name": MODEL,
        "genkit:path": path,
        "genkit:qualifiedPath": path,
        "genkit:type": "action",
        "genkit:metadata:subtype": "model",
        "genkit:input": json.dumps({"messages": [{"role": "user", "content": [{"text": _SAID * 5}]}], "config": {}}),
    }

    def emit(tracer: Tracer, around: Context) -> None:
        span = tracer.start_span(MODEL, around, attributes=start)
        span.set_attribute("genkit:output", said)
        span.set_attribute("genkit:state", "success")
        span.end()

    return emit


def _gen_ai(tracer: Tracer, around: Context) -> None:
    start = {"gen_ai.operation.name": "chat", "gen_ai.request.model": MODEL, "gen_ai.provider.name": "aws.bedrock"}
    span = tracer.start_span("chat " + MODEL, around, SpanKind.CLIENT, start)
    span.set_attributes(
        {
            "gen_ai.response.model": MODEL + "-001",
            "gen_ai.response.finish_reasons": ("stop",),
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 28,
            "gen_ai.usage.cache_read.input_tokens": 64,
        }
    )
    span.end()


UNRELATED, GEN_AI, SHORT, LONG = "unrelated", "gen_ai", "genkit-1-kb", "genkit-100-kb"
_REQUEST = {"http.request.method": "GET", "http.route": "/answer"}
_FLOW = {"genkit:type": "action", "genkit:metadata:subtype": "flow", "genkit:metadata:flow:name": "answer"}
KINDS = {
    UNRELATED: Kind(
        "an unrelated span (HTTP client)", "opentelemetry.instrumentation.httpx", _REQUEST, _unrelated, writes=False
    ),
    GEN_AI: Kind("a gen_ai span, a line", "example.instrumentation", _REQUEST, _gen_ai),
    SHORT: Kind("a Genkit model, 1 KB output, a line", "genkit-tracer", _FLOW, _genkit(KILOBYTE)),
    LONG: Kind("a Genkit model, 100 KB output, a line", "genkit-tracer", _FLOW, _genkit(100 * KILOBYTE)),
}
