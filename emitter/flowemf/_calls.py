"""One running flow, one running generation: from their start to their end.

The moments of a call come in; lines are written of them, with durations.
"""

from __future__ import annotations

from flowemf._context import FlowSpan, current_flow
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _contextvars import Token

    from flowemf._lines import Lines

_UNKNOWN_MS = float("nan")


class Flow:
    """A running flow: what `with flow(...) as f` gives.

    Attributes:
        flow_id: the identifier that its lines carry; None where nothing is written.
        parent_flow_id: the identifier of the flow around it, if there is one.
    """

    __slots__ = ("_lines", "_name", "_span", "_started_ms", "_token", "done")

    def __init__(self, lines: Lines | None, name: object) -> None:
        self.done = False
        self._lines = lines if lines is not None and lines.flows_enabled else None
        self._name = name
        self._span: FlowSpan | None = None

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
        if self._lines is not None:
            self._span = FlowSpan(current_flow.get())
            self._token: Token[FlowSpan | None] = current_flow.set(self._span)
            self._lines.flow_started(self._name, self._span)
            self._started_ms = _now(self._lines)

    def pause(self) -> None:
        """Leave the flow for as long as a generator's consumer works."""
        if self._lines is not None:
            _reset(self._token)

    def resume(self) -> None:
        """Come back into the flow."""
        if self._lines is not None:
            self._token = current_flow.set(self._span)

    def end(self, error: BaseException | None) -> None:
        """Stop the clock and write the end line."""
        self.done = True
        if self._lines is not None:
            duration_ms = _elapsed(self._started_ms, _now(self._lines))
            self._lines.flow_ended(self._name, duration_ms, error, self._span)
            _reset(self._token)


class Generation:
    """A running model generation: what `with generation(...) as g` gives."""

    __slots__ = ("_first_token_ms", "_lines", "_model_id", "_resolved_model_id", "_started_ms", "_usage", "done")

    def __init__(self, lines: Lines | None, model_id: object) -> None:
        self.done = False
        self._lines = lines if lines is not None and lines.models_enabled else None
        self._model_id = model_id
        self._resolved_model_id: str | None = None
        self._first_token_ms: float | None = None
        self._usage: dict[str, object] = {}

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

    def first_token(self) -> None:
        """Note that the first token has arrived; only the first call counts."""
        if self._lines is not None and self._first_token_ms is None:
            self._first_token_ms = _elapsed(self._started_ms, _now(self._lines))

    def start(self) -> None:
        """Start the clock."""
        if self._lines is not None:
            self._started_ms = _now(self._lines)

    def pause(self) -> None:
        """Do nothing: only flows have a context to leave."""

    def resume(self) -> None:
        """Do nothing: only flows have a context to come back to."""

    def end(self, error: BaseException | None) -> None:
        """Stop the clock and write the line."""
        self.done = True
        if self._lines is not None:
            duration_ms = _elapsed(self._started_ms, _now(self._lines))
            measured = {
                names.GENERATION_DURATION: duration_ms,
                names.TIME_TO_FIRST_TOKEN: self._first_token_ms,
                **self._usage,
            }
            self._lines.generation(self._model_id, measured, error, self._resolved_model_id)


def _now(lines: Lines) -> float:
    try:
        return lines.monotonic_ms()
    except Exception as problem:  # the clock may be a stranger's
        lines.failed(problem)
        return _UNKNOWN_MS


def _elapsed(start_ms: float, end_ms: float) -> float:
    return round(end_ms - start_ms, 3)


def _reset(token: Token[FlowSpan | None]) -> None:
    try:
        current_flow.reset(token)
    except ValueError:
        return  # ended in another context than it began in, as some frameworks do: nothing to put back here
