"""A monitor: settings and the lines written with them, as an application and an integration see them.

Settings and events go in; each event leaves as whole lines through the sink. Nothing is raised once the settings are
accepted.
"""

from __future__ import annotations

import os

from flowemf import _context
from flowemf._events.lines import Lines
from flowemf._instrument import GenerationBlock, flow_block
from flowemf._settings import resolve
from flowemf._tally import Tally
from flowemf._tracing import context as _trace_context
from flowemf_schemas import names, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypedDict, TypeVar, overload

    from typing_extensions import Unpack

    from flowemf._instrument import FlowBlock
    from flowemf._settings import Arguments

    class Measured(TypedDict, total=False):
        """The keyword arguments of `record_generation` beside the duration."""

        tokens_used: int | None
        input_tokens: int | None
        output_tokens: int | None
        cache_read_tokens: int | None
        cache_write_tokens: int | None
        reasoning_tokens: int | None
        time_to_first_token_ms: float | None
        error: BaseException | str | None
        resolved_model_id: str | None
        response: object

    F = TypeVar("F", bound=Callable[..., Any])
else:

    def overload(function):
        """Stand in for `typing.overload`, which costs 10 ms to import."""
        return function


class Monitor:
    r"""Writes the metrics of flows and generations; independent of every other monitor.

    It takes the same settings as `flowemf.configure`, which makes the default monitor.

    >>> monitor = Monitor("MyApp/GenKit", sink=print, custom_dimensions={"Team": "ai"})
    >>> monitor.on_flow_start("chat")  # doctest: +ELLIPSIS
    b'{"_aws":{"Timestamp":...,"Team":"ai","FlowName":"chat","FlowStarted":1,...}\n'

    Raises:
        ConfigurationError: a setting is wrong.
    """

    __slots__ = ("lines", "tally")

    def __init__(self, namespace: str | None = None, **settings: Unpack[Arguments]) -> None:
        self.tally = Tally()
        _trace_context.inherit(os.environ)
        self.lines = Lines(resolve({"namespace": namespace, **settings}, os.environ), self.tally)

    # --- What an application uses

    @overload
    def flow(self, name: F) -> F: ...

    @overload
    def flow(self, name: str | None = None) -> FlowBlock: ...  # noqa: F811 - ruff does not know our overload

    def flow(self, name: Any = None) -> Any:  # noqa: F811
        """Measure a flow; see `flowemf.flow`."""
        return flow_block(lambda: self.lines, name)

    def generation(self, model_id: str) -> GenerationBlock:
        """Measure a model generation; see `flowemf.generation`."""
        return GenerationBlock(lambda: self.lines, model_id)

    def metric(
        self,
        name: str,
        value: float,
        unit: str = units.NONE,
        dimensions: Mapping[str, str] | None = None,
        *,
        resolution: int = 60,
        namespace: str | None = None,
    ) -> None:
        """Write one value of a metric of your own; see `flowemf.metric`."""
        self.lines.custom(name, value, unit, dimensions, resolution, namespace)

    def fields(
        self, metrics: Mapping[str, Any], dimensions: Mapping[str, str] | None = None, *, namespace: str | None = None
    ) -> dict[str, Any]:
        """Give keywords for a log call, so that the event carries metrics; see `flowemf.fields`."""
        from flowemf._events.log_events import fields

        try:
            return fields(self.lines.in_bulk(), metrics, dimensions, namespace)
        except Exception as problem:
            self.lines.failed(problem)
            return {}

    def bind(self, **properties: object) -> None:
        """Add properties to the lines of this thread or task; see `flowemf.bind`."""
        _context.bind(properties, self.tally, self.lines.redactor)

    def unbind(self, *property_names: str) -> None:
        """Remove bound properties; see `flowemf.unbind`."""
        _context.unbind(property_names)

    def stats(self) -> dict[str, int]:
        """Count what was written, and what was left out or changed, by reason; see `flowemf.stats`."""
        return self.tally.as_dict()

    # --- The hooks, for those who measure by themselves

    def on_flow_start(self, name: str) -> None:
        """Write that a flow has started.

        Args:
            name: the flow's name.
        """
        self.lines.flow_started(name)

    def on_flow_end(self, name: str, duration_ms: float) -> None:
        """Write that a flow has succeeded.

        Args:
            name: the flow's name.
            duration_ms: how long it took, in milliseconds.
        """
        self.lines.flow_completed(name, duration_ms)

    def on_flow_error(self, name: str, duration_ms: float, error: BaseException | str | None = None) -> None:
        """Write that a flow has failed.

        Args:
            name: the flow's name.
            duration_ms: how long it took, in milliseconds.
            error: the exception, or a class name, an error code or a message; its type becomes the dimension ErrorType,
                its text, cleaned of secrets, the property error_message.
        """
        self.lines.flow_failed(name, duration_ms, error)

    def on_flow_cancelled(self, name: str, duration_ms: float) -> None:
        """Write that a flow was cancelled.

        Args:
            name: the flow's name.
            duration_ms: how long it took, in milliseconds.
        """
        self.lines.flow_cancelled(name, duration_ms)

    def record_generation(  # noqa: PLR0913 - it takes what the caller has
        self,
        model_id: str,
        *,
        duration_ms: float,
        tokens_used: int | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cache_read_tokens: int | None = None,
        cache_write_tokens: int | None = None,
        reasoning_tokens: int | None = None,
        time_to_first_token_ms: float | None = None,
        error: BaseException | str | None = None,
        resolved_model_id: str | None = None,
        response: object = None,
    ) -> None:
        """Write a generation at once, for those who have measured it already.

        It opens no span (`enable_xray_tracing`): whoever measures by themselves traces by themselves.

        Args:
            model_id: the model or alias that was asked for.
            duration_ms: how long it took, in milliseconds.
            tokens_used: the reported total; without it, input + output is written as TokensUsed.
            input_tokens: tokens of the input, cached ones included.
            output_tokens: tokens of the output, reasoning included.
            cache_read_tokens: the part of the input that came from the cache.
            cache_write_tokens: the part of the input that was written to the cache.
            reasoning_tokens: the part of the output that was reasoning.
            time_to_first_token_ms: from the start to the first token, in milliseconds.
            error: what went wrong; None where nothing did.
            resolved_model_id: the model that really answered; a property of the line.
            response: what the model's client returned, as `Generation.record_response` takes it; what is given beside
                it goes before what it says.
        """
        measured: dict[str, object] = {
            names.GENERATION_DURATION: duration_ms,
            names.TIME_TO_FIRST_TOKEN: time_to_first_token_ms,
            names.TOKENS_USED: tokens_used,
            names.INPUT_TOKENS: input_tokens,
            names.OUTPUT_TOKENS: output_tokens,
            names.CACHE_READ_TOKENS: cache_read_tokens,
            names.CACHE_WRITE_TOKENS: cache_write_tokens,
            names.REASONING_TOKENS: reasoning_tokens,
        }
        if response is not None and self.lines.models_enabled:
            found = self.lines.read_response(response)
            measured = {**found.tokens, **{metric: value for metric, value in measured.items() if value is not None}}
            error = found.error if error is None else error
            resolved_model_id = resolved_model_id or found.model
            if not found.tokens and error is None:
                self.lines.usage_not_found()
        self.lines.generation(model_id, measured, error, resolved_model_id)

    # The same as a hook, beside those of flows.
    on_generate = record_generation
