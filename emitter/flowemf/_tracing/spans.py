"""Opens OpenTelemetry spans around flows and generations, with identifiers that X-Ray takes.

Starts, ends and what is known at the end go in; spans leave through the application's tracer provider, or through one
of ours where the application has none. Nothing is raised once the monitor is made, and nothing that a secret could
stand in is copied: messages are cleaned, and there are no stack traces.
"""

from __future__ import annotations

from opentelemetry import context as contexts
from opentelemetry import trace

from flowemf._context import error_text
from flowemf._error_types.cancellation import is_cancellation
from flowemf._redaction.redactor import MESSAGE_CHARACTERS
from flowemf._tracing import context as _trace_context
from flowemf._tracing.provider import provider
from flowemf_schemas import __version__, names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from opentelemetry.context import Context

    from flowemf._events.lines import Lines
    from flowemf._tally import Tally

    Failed = Callable[[Exception], None]

SCOPE = "flowemf"
"""The instrumentation scope of our spans: whoever counts generations from spans has these in the metrics already."""

_NAME_CHARACTERS = 256

# https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ and .../gen-ai-agent-spans/, written out: the package
# of constants calls them incubating and moves them.
_OPERATION = "gen_ai.operation.name"
_CHAT = "chat"
_WORKFLOW = "invoke_workflow"
_WORKFLOW_NAME = "gen_ai.workflow.name"
_REQUEST_MODEL = "gen_ai.request.model"
_RESPONSE_MODEL = "gen_ai.response.model"
_FIRST_CHUNK_SECONDS = "gen_ai.response.time_to_first_chunk"
_ERROR_TYPE = "error.type"
_TOKENS = {
    names.INPUT_TOKENS: "gen_ai.usage.input_tokens",
    names.OUTPUT_TOKENS: "gen_ai.usage.output_tokens",
    names.CACHE_READ_TOKENS: "gen_ai.usage.cache_read.input_tokens",
    names.CACHE_WRITE_TOKENS: "gen_ai.usage.cache_creation.input_tokens",
    names.REASONING_TOKENS: "gen_ai.usage.reasoning.output_tokens",
}
# No convention has these: the key to the metric lines, and a stop from outside, which is no error.
_FLOW_ID = "flowemf.flow_id"
_CANCELLED = "flowemf.cancelled"


class Traced:
    """One open span, and the context that was current before it.

    It keeps whole contexts instead of tokens: a token can be given back only where it was taken, and OpenTelemetry logs
    an error otherwise, while frameworks end blocks in other contexts and consumers drive generators from several tasks.
    """

    __slots__ = ("_failed", "_inside", "_outside", "span")

    def __init__(self, span: trace.Span, failed: Failed) -> None:
        self.span = span
        self._failed = failed
        self._outside: Context = contexts.get_current()
        contexts.attach(trace.set_span_in_context(span, self._outside))

    def pause(self) -> None:
        """Give the consumer of a generator its own context back."""
        try:
            self._inside: Context = contexts.get_current()
            contexts.attach(self._outside)
        except Exception as problem:
            self._failed(problem)

    def resume(self) -> None:
        """Come back into the span, or into what the generator had opened within it."""
        try:
            self._outside = contexts.get_current()
            contexts.attach(self._inside)
        except Exception as problem:
            self._failed(problem)

    def close(self) -> None:
        """End the span and leave it."""
        try:
            self.span.end()
        finally:
            if trace.get_current_span() is self.span:  # it may end in another context than it began in
                contexts.attach(self._outside)


class Tracing:
    """Opens and ends the spans of one monitor.

    Args:
        lines: the monitor's lines: they clean texts, name error types and take what goes wrong.
        tally: where spans that go nowhere are counted.
    """

    __slots__ = ("_lines", "_tally", "_tracer")

    def __init__(self, lines: Lines, tally: Tally) -> None:
        self._lines = lines
        self._tally = tally
        self._tracer: trace.Tracer | None = None

    def start_flow(self, name: object, flow_id: str) -> Traced | None:
        """Open the span of a flow and make it the current one."""
        return self._start(_WORKFLOW, name, trace.SpanKind.INTERNAL, {_WORKFLOW_NAME: name, _FLOW_ID: flow_id})

    def start_generation(self, model_id: object) -> Traced | None:
        """Open the span of a generation and make it the current one."""
        return self._start(_CHAT, model_id, trace.SpanKind.CLIENT, {_REQUEST_MODEL: model_id})

    def end_flow(self, traced: Traced, error: object) -> None:
        """End the span of a flow."""
        self._end(traced, error, {})

    def end_generation(
        self, traced: Traced, error: object, measured: Mapping[str, object], resolved_model_id: object
    ) -> None:
        """End the span of a generation.

        Args:
            traced: what `start_generation` gave.
            error: what went wrong; None where nothing did.
            measured: metric -> value.
            resolved_model_id: the model that answered, if it is known.
        """
        attributes = {attribute: measured.get(metric) for metric, attribute in _TOKENS.items()}
        first_token_ms = measured.get(names.TIME_TO_FIRST_TOKEN)
        if isinstance(first_token_ms, (int, float)):
            attributes[_FIRST_CHUNK_SECONDS] = first_token_ms / 1000
        self._end(traced, error, {**attributes, _RESPONSE_MODEL: resolved_model_id})

    def _start(
        self, operation: str, name: object, kind: trace.SpanKind, attributes: Mapping[str, object]
    ) -> Traced | None:
        try:
            if self._tracer is None:
                self._tracer = provider(self._tally).get_tracer(SCOPE, __version__)
            title = f"{operation} {self._clean(name)}" if isinstance(name, str) else operation
            clean = {_OPERATION: operation, **self._attributes(attributes)}
            span = self._tracer.start_span(title, context=_parent(), kind=kind, attributes=clean)
            return Traced(span, self._lines.failed)
        except Exception as problem:
            self._lines.failed(problem)
            return None

    def _end(self, traced: Traced, error: object, attributes: Mapping[str, object]) -> None:
        try:
            try:
                traced.span.set_attributes(self._attributes(attributes))
                if isinstance(error, BaseException) and is_cancellation(error):
                    traced.span.set_attribute(_CANCELLED, True)
                elif error is not None:
                    self._record(traced.span, error)
            finally:
                traced.close()
        except Exception as problem:
            self._lines.failed(problem)

    def _record(self, span: trace.Span, error: object) -> None:
        """Note an error: the SDK's own way would copy its message as it is, and once more in a stack trace."""
        message = self._lines.redactor.clean(error_text(error), MESSAGE_CHARACTERS)
        span.set_attribute(_ERROR_TYPE, self._lines.error_type(error))
        span.set_status(trace.Status(trace.StatusCode.ERROR, message))
        if isinstance(error, BaseException):
            kind = type(error)
            text = {"exception.type": f"{kind.__module__}.{kind.__qualname__}", "exception.message": message}
            span.add_event("exception", text)

    def _attributes(self, given: Mapping[str, object]) -> dict[str, Any]:
        """Clean texts, keep numbers, leave out what is not known."""
        return {
            name: self._clean(value) if isinstance(value, str) else value
            for name, value in given.items()
            if isinstance(value, (str, int, float))
        }

    def _clean(self, text: str) -> str:
        return self._lines.redactor.clean(text, _NAME_CHARACTERS)


def _parent() -> Context | None:
    """Give the context that a new span belongs to; None where that is the current one."""
    if trace.get_current_span().get_span_context().is_valid:
        return None
    remote = _trace_context.remote()
    if remote is None:
        return None
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if remote.sampled else trace.TraceFlags.DEFAULT)
    span_context = trace.SpanContext(
        int(remote.trace_id, 16), int(remote.span_id, 16), is_remote=True, trace_flags=flags
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(span_context))
