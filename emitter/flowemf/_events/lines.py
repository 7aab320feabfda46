"""Turns events into lines: finds the shape, fills it in, and hands the line to the sink.

Flow starts and ends, generations and custom values go in; whole lines leave through the sink. Nothing is raised: what
cannot be written is counted.
"""

from __future__ import annotations

from flowemf import _context
from flowemf._encoding.shapes import Shape, built_in_rows
from flowemf._encoding.text import member_text
from flowemf._encoding.values import LEAST, MOST, REFUSALS, amount, number
from flowemf._error_types.cancellation import is_cancellation
from flowemf._errors import ConfigurationError
from flowemf._events.custom import CustomMetric
from flowemf._events.shortcuts import ShortGenerations
from flowemf._events.writer import Writer
from flowemf._output.outlet import finish_of, open_outlet
from flowemf._redaction.redactor import Redactor
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowemf._context import FlowSpan
    from flowemf._events.bulk import Bulk
    from flowemf._events.shortcuts import Shortcut
    from flowemf._generations.usage import Usage
    from flowemf._output.outlet import Outlet
    from flowemf._settings import Settings
    from flowemf._tally import Tally
    from flowemf._tracing.spans import Tracing

# These caches are emptied when they are full: a program that keeps inventing names stays within its memory.
_MOST_CUSTOM_METRICS = 512
_MOST_SHORTCUTS = 1024

_INTERNAL = "internal_error"
_NO_DURATION = "duration_missing"
_NO_USAGE = "usage_not_found"
_NO_MAPPING = "dimensions_not_a_mapping"
_PROBLEMS = {
    _NO_MAPPING: "the dimensions of a metric are no mapping; it was written without: pass a dictionary",
    _NO_USAGE: "a response without a usage that flowemf knows was recorded: give its numbers to record_usage(...)",
    _NO_DURATION: "a flow or a generation ended without a usable duration; it was counted without one",
}


class Lines:
    """Writes the lines of one monitor.

    Attributes:
        flows_enabled: whether flows are written at all.
        models_enabled: whether generations are written at all.
        monotonic_ms: the clock for durations.
        redactor: cleans texts as the settings say.
        tracing: opens spans; None where none are wanted.
    """

    __slots__ = (
        "_custom_metrics",
        "_emit",
        "_emit_end",
        "_ends",
        "_error_type",
        "_has_shortcuts",
        "_settings",
        "_shapes",
        "_short",
        "_sink",
        "_starts",
        "_tally",
        "_writer",
        "flows_enabled",
        "models_enabled",
        "monotonic_ms",
        "redactor",
        "tracing",
    )

    def __init__(self, settings: Settings, tally: Tally) -> None:
        self.flows_enabled = settings.enable_flow_metrics and not settings.disabled
        self.models_enabled = settings.enable_model_metrics and not settings.disabled
        self.monotonic_ms: Callable[[], float] = settings.clock.monotonic_ms
        self._settings = settings
        self._shapes: dict[tuple[str, ...], Shape] = {}
        self._custom_metrics: dict[object, CustomMetric] = {}
        self._tally = tally
        self.redactor = Redactor(settings.redact, tally)
        self._error_type: Callable[[object], str] = self._first_error_type
        self.tracing: Tracing | None = None
        if settings.enable_xray_tracing and not settings.disabled:
            from flowemf._tracing.opening import open_tracing

            self.tracing = open_tracing(self, tally)
        self._sink = None if settings.disabled else _opened(settings, tally)
        self._writer = Writer(settings, tally, self.redactor, self._sink)
        self._short = ShortGenerations(self._writer, self.redactor)
        self._emit = self._writer.emit_at_once if settings.metric_buffer_size == 1 else self._writer.emit
        self._emit_end = self._emit if settings.sample_rate == 1 else self._writer.emit_sampled
        self._has_shortcuts = settings.metric_buffer_size == 1 and settings.sample_rate == 1
        self._starts: dict[str, Shortcut] = {}
        self._ends: dict[str, Shortcut] = {}
        tally.dropped_line = self._dropped_line

    # --- Events. A flow without a span of its own belongs to the one that runs here and now, if any does.

    def flow_started(self, name: object, span: FlowSpan | None = None) -> None:
        """Write the line of a flow's start."""
        if not self.flows_enabled:
            return
        try:
            write = self._starts.get(name) if type(name) is str else None
            if write is not None:
                write(1, span)
                return
            text = self._writer.text(name)
            self._emit(self._shape(_STARTED, names.EVENT_FLOW_START), (text,), (1,), _of(span))
            self._shorten(self._starts, _STARTED, (text,))
        except Exception as problem:
            self.failed(problem)

    def flow_ended(
        self, name: object, duration_ms: object, error: BaseException | None, span: FlowSpan | None = None
    ) -> None:
        """Write the line of a flow's end, whichever it is."""
        if error is None:
            self.flow_completed(name, duration_ms, span)
        elif is_cancellation(error):
            self.flow_cancelled(name, duration_ms, span)
        else:
            self.flow_failed(name, duration_ms, error, span)

    def flow_completed(self, name: object, duration_ms: object, span: FlowSpan | None = None) -> None:
        """Write the end line of a flow that succeeded."""
        if type(name) is not str or type(duration_ms) is not float or not LEAST <= duration_ms <= MOST:
            self._flow_end(_COMPLETED, name, _SUCCESS, duration_ms, _of(span))
            return
        try:
            write = self._ends.get(name)
            if write is not None:
                write(duration_ms, span)
                return
            self._flow_end(_COMPLETED, name, _SUCCESS, duration_ms, _of(span))
            self._shorten(self._ends, _COMPLETED, (name, *_SUCCESS))
        except Exception as problem:
            self.failed(problem)

    def flow_cancelled(self, name: object, duration_ms: object, span: FlowSpan | None = None) -> None:
        """Write the end line of a flow that was stopped from outside."""
        self._flow_end(_CANCELLED, name, (names.STATUS_CANCELLED,), duration_ms, _of(span))

    def flow_failed(self, name: object, duration_ms: object, error: object, span: FlowSpan | None = None) -> None:
        """Write the end line of a flow that failed."""
        if not self.flows_enabled:
            return
        fixed = (names.STATUS_ERROR, self._error_type(error))
        self._flow_end(_ERROR, name, fixed, duration_ms, _of(span) + _context.error_message(error, self.redactor))

    def generation(
        self,
        model_id: object,
        measured: Mapping[str, object],
        error: object,
        resolved_model_id: object,
        own: str | None = None,
    ) -> None:
        """Write the line of a generation.

        Args:
            model_id: the model that was asked for.
            measured: metric -> value; None where it is not known.
            error: what went wrong; None where nothing did.
            resolved_model_id: the model that answered, if it is known.
            own: the encoded properties of the flow that it belongs to; None: of the one that runs here and now.
        """
        if not self.models_enabled:
            return
        try:
            own = _of(None) if own is None else own
            if error is not None or not self._short.write(model_id, measured, resolved_model_id, own):
                self._generation(model_id, measured, error, resolved_model_id, own)
        except Exception as problem:
            self.failed(problem)

    def custom(
        self,
        name: object,
        value: object,
        unit: object,
        dimensions: Mapping[str, object] | None,
        resolution: object,
        namespace: object,
    ) -> None:
        """Write the line of one value of the application's own."""
        if self._sink is None:
            return
        try:
            try:
                keys, texts = (tuple(dimensions), tuple(dimensions.values())) if dimensions else ((), ())
            except AttributeError:
                keys, texts = (), ()
                self._count((_NO_MAPPING,))
            plain = self._checked(number, value)
            metric = self._custom_metric((name, unit, resolution, namespace, keys))
            for problem in metric.problems:
                self._tally.count(*problem)
            if metric.shape is not None and plain is not None:
                written = tuple([self._writer.text(texts[position]) for position in metric.positions])
                self._emit(metric.shape, written, (plain,), _of(None))
        except Exception as problem:
            self.failed(problem)

    def read_response(self, response: object) -> Usage:
        """Read what a model's response says about itself."""
        from flowemf._generations.usage import Usage, read

        try:
            return read(response)
        except Exception as problem:
            self.failed(problem)
            return Usage({}, None, None)

    def usage_not_found(self) -> None:
        """Count a response that says nothing about its tokens."""
        self._count((_NO_USAGE,))

    def error_type(self, error: object) -> str:
        """Name the type of an error, as the settings say."""
        return self._error_type(error)

    def failed(self, problem: Exception) -> None:
        """Count a bug of ours, or an argument that nobody foresaw."""
        self._tally.count(_INTERNAL, f"an event could not be written: {type(problem).__name__}: {problem}")

    def count(self, reason: str, explanation: str) -> None:
        """Count what an integration could not collect; see `Tally.count`."""
        self._tally.count(reason, explanation)

    def in_bulk(self) -> Bulk:
        """Give the way to write what was put together elsewhere, with the same settings and counts."""
        from flowemf._events.bulk import Bulk

        writer = self._writer
        return Bulk(self._settings, self._tally, self._sink, writer.dimension, writer.series, self.redactor)

    # --- How

    def _first_error_type(self, error: object) -> str:
        """Load what names errors when the first one comes: a millisecond that most programs need not spend at start."""
        from flowemf._error_types.classifier import Classifier

        self._error_type = Classifier(self._settings.error_types, self._tally).error_type
        return self._error_type(error)

    def _dropped_line(self, lines: int) -> bytes:
        """Make the line that reports how many lines were dropped."""
        try:
            shape = self._shape((names.LINES_DROPPED,), names.EVENT_DROPPED)
            line = self._writer.line(shape, (lines,))
            finish = finish_of(self._settings)
            return line if finish is None else finish(line)
        except Exception as problem:
            self.failed(problem)
            return b""

    def _shorten(self, shortcuts: dict[str, Shortcut], metrics: tuple[str, ...], dimensions: tuple[str, ...]) -> None:
        """Find a short way for the next event of this kind, for the flow whose name comes first."""
        shape = self._shapes.get(metrics)
        if self._has_shortcuts and shape is not None:
            found = self._writer.shortcut(shape, dimensions)
            if found is not None:
                if len(shortcuts) >= _MOST_SHORTCUTS:
                    shortcuts.clear()
                shortcuts[dimensions[0]] = found

    def _flow_end(
        self, metrics: tuple[str, ...], name: object, fixed: tuple[str, ...], duration_ms: object, own: str
    ) -> None:
        if not self.flows_enabled:
            return
        try:
            texts = (name if type(name) is str else self._writer.text(name), *fixed)
            if type(duration_ms) is float and LEAST <= duration_ms <= MOST:  # the usual case, without four calls
                plain: int | float | None = duration_ms
            else:
                plain = self._checked(amount, duration_ms)
            emit = self._emit if metrics[0] is names.FLOW_ERROR else self._emit_end
            if plain is None:
                self._count((_NO_DURATION,))
                emit(self._shape(metrics[:1], names.EVENT_FLOW_END), texts, (1,), own)
            else:
                shape = self._shapes.get(metrics) or self._shape(metrics, names.EVENT_FLOW_END)
                emit(shape, texts, (1, plain), own)
        except Exception as problem:
            self.failed(problem)

    def _generation(
        self, model_id: object, measured: Mapping[str, object], error: object, resolved_model_id: object, own: str
    ) -> None:
        known: dict[str, int | float] = {_GENERATION_COUNT: 1}
        dimensions: tuple[str, ...] = (model_id if type(model_id) is str else self._writer.text(model_id),)
        if isinstance(error, BaseException) and is_cancellation(error):
            own += _WAS_CANCELLED
        elif error is not None:
            known[names.GENERATION_ERROR] = 1
            dimensions = (*dimensions, self._error_type(error))
            own += _context.error_message(error, self.redactor)
        self._add_measured(known, measured)
        if self._settings.prices is not None:
            cost = self._settings.prices.cost(dimensions[0], resolved_model_id, known, self._tally)
            if cost is not None:
                known[names.ESTIMATED_COST] = cost
        own += self._short.resolved(resolved_model_id)
        emit = self._emit if names.GENERATION_ERROR in known else self._emit_end
        metrics = tuple(known)
        shape = self._shapes.get(metrics) or self._shape(metrics, names.EVENT_GENERATION)
        emit(shape, dimensions, tuple(known.values()), own)
        if error is None and self._has_shortcuts and self._settings.prices is None:
            self._short.learn(shape, dimensions, measured)

    def _add_measured(self, known: dict[str, int | float], measured: Mapping[str, object]) -> None:
        """Add the numbers that CloudWatch takes, and the total where nobody has reported one."""
        for metric, value in measured.items():
            kind = type(value)
            if (kind is int or kind is float) and LEAST <= value <= MOST:  # type: ignore[operator]
                known[metric] = value  # type: ignore[assignment] # the usual case, without four calls
            elif value is not None:
                plain = self._checked(amount, value)
                if plain is not None:
                    known[metric] = plain
        if _GENERATION_DURATION not in known:
            self._count((_NO_DURATION,))
        if _TOKENS_USED not in known and (_INPUT_TOKENS in known or _OUTPUT_TOKENS in known):
            total = self._checked(amount, known.get(_INPUT_TOKENS, 0) + known.get(_OUTPUT_TOKENS, 0))
            if total is not None:
                known[_TOKENS_USED] = total

    def _checked(self, check: Callable[[object], tuple[int | float | None, str]], value: object) -> int | float | None:
        plain, reason = check(value)
        if plain is None:
            self._tally.count(reason, REFUSALS[reason])
        return plain

    def _shape(self, metrics: tuple[str, ...], event: str) -> Shape:
        shape = self._shapes.get(metrics)
        if shape is None:
            settings = self._settings
            custom = tuple(key for key, _ in settings.custom_dimensions)
            shape = Shape(event, settings.namespace, built_in_rows(metrics), custom, settings.rollups)
            self._shapes[metrics] = shape
        return shape

    def _custom_metric(self, asked: tuple[object, object, object, object, tuple[object, ...]]) -> CustomMetric:
        key = (asked, type(asked[2]))  # as a resolution, True is equal to 1 and still wrong
        try:
            known = self._custom_metrics.get(key)
        except TypeError:  # something that cannot be hashed cannot be looked up, nor be right
            return CustomMetric(self._settings, *asked)
        if known is None:
            if len(self._custom_metrics) >= _MOST_CUSTOM_METRICS:
                self._custom_metrics.clear()
            known = self._custom_metrics[key] = CustomMetric(self._settings, *asked)
        return known

    def _count(self, changes: Sequence[str]) -> None:
        for change in changes:
            self._tally.count(change, _PROBLEMS[change])


# By themselves: each generation asks for all of them.
_GENERATION_COUNT, _GENERATION_DURATION = names.GENERATION_COUNT, names.GENERATION_DURATION
_TOKENS_USED, _INPUT_TOKENS, _OUTPUT_TOKENS = names.TOKENS_USED, names.INPUT_TOKENS, names.OUTPUT_TOKENS
_STARTED = (names.FLOW_STARTED,)
_SUCCESS = (names.STATUS_SUCCESS,)
_COMPLETED = (names.FLOW_COMPLETED, names.FLOW_DURATION)
_CANCELLED = (names.FLOW_CANCELLED, names.FLOW_DURATION)
_ERROR = (names.FLOW_ERROR, names.FLOW_DURATION)
_WAS_CANCELLED = member_text(names.GENERATION_STATUS, f'"{names.STATUS_CANCELLED}"')


def _of(span: FlowSpan | None) -> str:
    """Give the encoded properties of a flow; without one, of the flow that runs here."""
    found = span or _context.running_flow()
    return "" if found is None else found.encoded


def _opened(settings: Settings, tally: Tally) -> Outlet:
    try:
        return open_outlet(settings, tally)
    except OSError as problem:
        remedy = f"choose a file that can be written ({problem.strerror or problem})"
        raise ConfigurationError("sink", "cannot be opened", settings.sink, remedy) from problem
