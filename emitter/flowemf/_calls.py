"""One running flow, one running generation: from their start to their end.

The moments of a call come in; lines are written of them, with durations.
"""

from __future__ import annotations

from flowemf._collecting import nesting
from flowemf._context import FlowSpan, current_flow, running_flow
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _contextvars import Token

    from flowemf._events.lines import Lines
    from flowemf._open_calls import Call, OpenCalls
    from flowemf._tracing.spans import Traced

_UNKNOWN_MS = float("nan")
# Who wants to know which calls are open, for as long as anybody does: a Lambda invocation, which may run out of time.
watcher: OpenCalls | None = None


def watch(by: OpenCalls | None) -> OpenCalls | None:
    """Let somebody know of the calls that start from now on.

    Args:
        by: who; None for nobody.

    Returns:
        Who was there before, to be put back.
    """
    global watcher
    before, watcher = watcher, by
    return before


def watcher_of(call: Call) -> OpenCalls | None:
    """Let whoever watches know of a call that starts; give them, to be asked before its end is written."""
    found = watcher  # once: another thread may be ending the invocation
    if found is not None:
        found.add(call)
    return found


class Flow:
    """A running flow: what `with flow(...) as f` gives.

    Attributes:
        flow_id: the identifier that its lines carry; None where nothing is written.
        parent_flow_id: the identifier of the flow around it, if there is one.
    """

    __slots__ = ("_lines", "_name", "_span", "_started_ms", "_token", "_traced", "_watcher", "done")

    def __init__(self, lines: Lines | None, name: object) -> None:
        self.done = False
        self._lines = lines if lines is not None and lines.flows_enabled else None
        self._name = name
        self._span: FlowSpan | None = None
        self._traced: Traced | None = None
        self._watcher: OpenCalls | None = None

    @property
    def flow_id(self) -> str | None:
        """The identifier that this flow's lines carry."""
        return None if self._span is None else self._span.flow_id

    @property
    def parent_flow_id(self) -> str | None:
        """The identifier of the flow around this one."""
        return None if self._span is None else self._span.parent_flow_id

    def start(self) -> None:
        """Write the start line and start the clock."""
        around = None if self._lines is None else running_flow()
        if around is not None and around is not current_flow.get() and around.name == self._name:
            self._lines = None  # a framework's flow of this name is directly around: it is the same one
            self._span = around
        if self._lines is not None:
            self._span = FlowSpan(around, self._name)
            self._token: Token[FlowSpan | None] = current_flow.set(self._span)
            if self._lines.tracing is not None:
                self._traced = self._lines.tracing.start_flow(self._name, self._span.flow_id)
            self._lines.flow_started(self._name, self._span)
            self._started_ms = _now(self._lines)
            if watcher is not None:
                self._watcher = watcher_of(self)

    def pause(self) -> None:
        """Leave the flow for as long as a generator's consumer works."""
        if self._lines is not None:
            _reset(self._token)
            if self._traced is not None:
                self._traced.pause()

    def resume(self) -> None:
        """Come back into the flow."""
        if self._lines is not None:
            self._token = current_flow.set(self._span)
            if self._traced is not None:
                self._traced.resume()

    def end(self, error: BaseException | None) -> None:
        """Stop the clock and write the end line."""
        self.done = True
        if self._lines is not None:
            if self._watcher is None or self._watcher.take(self):
                self.write_end(error)
            if self._traced is not None and self._lines.tracing is not None:
                self._lines.tracing.end_flow(self._traced, error)
            _reset(self._token)

    def write_end(self, error: BaseException | None) -> None:
        """Write the end line, and leave everything else as it is: the call may go on."""
        lines: Lines = self._lines  # type: ignore[assignment] # no other call is watched, or has an end of its own
        lines.flow_ended(self._name, _elapsed(self._started_ms, _now(lines)), error, self._span)


class Generation:
    """A running model generation: what `with generation(...) as g` gives."""

    __slots__ = (
        "_error",
        "_first_token_ms",
        "_lines",
        "_measured",
        "_model_id",
        "_read",
        "_resolved_model_id",
        "_started_ms",
        "_traced",
        "_usage",
        "_watcher",
        "done",
    )

    def __init__(self, lines: Lines | None, model_id: object) -> None:
        self.done = False
        self._lines = lines if lines is not None and lines.models_enabled else None
        self._model_id = model_id
        self._resolved_model_id: str | None = None
        self._first_token_ms: float | None = None
        self._usage: dict[str, object] = {}
        self._error: str | None = None
        self._read = False
        self._measured: nesting.Measured | None = None
        self._traced: Traced | None = None
        self._watcher: OpenCalls | None = None

    def record_usage(
        self,
        *,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cache_read_tokens: int | None = None,
        cache_write_tokens: int | None = None,
        reasoning_tokens: int | None = None,
        total_tokens: int | None = None,
        resolved_model_id: str | None = None,
    ) -> None:
        """Note the tokens that the model reported; a later call replaces the numbers that it gives.

        Args:
            input_tokens: tokens of the input, those read from and written to the cache included.
            output_tokens: tokens of the output, reasoning included.
            cache_read_tokens: the part of the input that came from the cache.
            cache_write_tokens: the part of the input that was written to the cache.
            reasoning_tokens: the part of the output that was reasoning.
            total_tokens: the total as reported; without it, input + output is written as TokensUsed.
            resolved_model_id: the model that really answered; a property of the line.
        """
        given = {
            names.TOKENS_USED: total_tokens,
            names.INPUT_TOKENS: input_tokens,
            names.OUTPUT_TOKENS: output_tokens,
            names.CACHE_READ_TOKENS: cache_read_tokens,
            names.CACHE_WRITE_TOKENS: cache_write_tokens,
            names.REASONING_TOKENS: reasoning_tokens,
        }
        self._usage.update((metric, value) for metric, value in given.items() if value is not None)
        if resolved_model_id is not None:
            self._resolved_model_id = resolved_model_id

    def record_response(self, response: object) -> None:
        """Note what a response says that it used, which model answered, and whether it is an error.

        It takes what the clients of Amazon Bedrock (Converse and InvokeModel), OpenAI, Anthropic and Google return, the
        responses of Genkit, LangChain and LiteLLM, as objects or as dictionaries, and the usage alone. Of a stream it
        takes the event that carries the usage; each event may be given, and the later numbers replace the earlier ones.
        No prompt, no output and no error message is read, and no stream is consumed. A response without a usage that is
        known is counted as `usage_not_found`.

        Args:
            response: what the client returned.
        """
        if self._lines is None:
            return
        found = self._lines.read_response(response)
        self._read = True
        self._usage.update(found.tokens)
        self._resolved_model_id = found.model or self._resolved_model_id
        self._error = found.error or self._error

    def first_token(self) -> None:
        """Note that the first token has arrived; only the first call counts."""
        if self._lines is not None and self._first_token_ms is None:
            self._first_token_ms = _elapsed(self._started_ms, _now(self._lines))

    def start(self) -> None:
        """Start the clock."""
        if self._lines is not None:
            self._measured = nesting.begin_explicit()
            if self._measured is None:
                self._lines = None  # a framework's span around it measures this call
                return
            if self._lines.tracing is not None:
                self._traced = self._lines.tracing.start_generation(self._model_id)
            self._started_ms = _now(self._lines)
            if watcher is not None:
                self._watcher = watcher_of(self)

    def pause(self) -> None:
        """Leave the generation for as long as a generator's consumer works."""
        if self._measured is not None:
            self._measured.leave()
        if self._traced is not None:
            self._traced.pause()

    def resume(self) -> None:
        """Come back into the generation."""
        if self._measured is not None:
            self._measured.enter()
        if self._traced is not None:
            self._traced.resume()

    def end(self, error: BaseException | None) -> None:
        """Stop the clock and write the line."""
        self.done = True
        if self._lines is not None:
            measured = self._measured_until(_now(self._lines))
            failure = self._error if error is None else error
            if self._watcher is None or self._watcher.take(self):
                if self._read and not self._usage and failure is None:
                    self._lines.usage_not_found()
                self._lines.generation(self._model_id, measured, failure, self._resolved_model_id)
            if self._traced is not None and self._lines.tracing is not None:
                self._lines.tracing.end_generation(self._traced, failure, measured, self._resolved_model_id)
            nesting.end(self._measured)

    def write_end(self, error: BaseException) -> None:
        """Write the line with what is known by now, and leave everything else as it is: the call may go on."""
        lines: Lines = self._lines  # type: ignore[assignment] # no other call is watched
        lines.generation(self._model_id, self._measured_until(_now(lines)), error, self._resolved_model_id)

    def _measured_until(self, now_ms: float) -> dict[str, object]:
        return {
            names.GENERATION_DURATION: _elapsed(self._started_ms, now_ms),
            names.TIME_TO_FIRST_TOKEN: self._first_token_ms,
            **self._usage,
        }


def _now(lines: Lines) -> float:
    try:
        return lines.monotonic_ms()
    except Exception as problem:  # the clock may be a stranger's
        lines.failed(problem)
        return _UNKNOWN_MS


def _elapsed(start_ms: float, end_ms: float) -> float:
    # Microseconds are what the clock is good for. `round` would take four times as long: it works on decimal digits.
    return ((end_ms - start_ms) * 1000 + 0.5) // 1 / 1000


def _reset(token: Token[FlowSpan | None]) -> None:
    try:
        current_flow.reset(token)
    except ValueError:
        return  # ended in another context than it began in, as some frameworks do: nothing to put back here
