"""Collects flows and generations from OpenTelemetry spans: Genkit and every source of gen_ai spans.

`install()` attaches one span processor to the tracer provider; from then on what frameworks trace becomes the same
lines as those of `flowemf.flow` and `flowemf.generation`. docs/automatic-collection.md says what is collected from
whom.

    import flowemf
    from flowemf.integrations import otel

    flowemf.configure("MyApp/GenKit")
    otel.install()
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from flowemf import _default
from flowemf._collecting import nesting
from flowemf._errors import ConfigurationError
from flowemf._tally import Tally

try:
    from opentelemetry import trace
    from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

    from flowemf._collecting.processor import Collector
    from flowemf._tracing.provider import provider
except ImportError as missing:
    raise ImportError(
        f"flowemf.integrations.otel needs opentelemetry-sdk, which is not installed: pip install 'flowemf[otel]' "
        f"({missing})"
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind, TraceState
    from opentelemetry.util.types import Attributes

    from flowemf._events.lines import Lines
    from flowemf._monitor import Monitor

__all__ = ["install", "uninstall"]

# https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration
_DISABLED_VARIABLE = "OTEL_SDK_DISABLED"
_DISABLED = (
    "otel_sdk_disabled",
    f"OpenTelemetry opens no spans, so nothing is collected from them: unset {_DISABLED_VARIABLE}",
)
_DROP = Decision.DROP
_RECORD_ONLY = Decision.RECORD_ONLY

_attached: _Attached | None = None
_chosen: Monitor | None = None


def install(monitor: Monitor | None = None, *, tracer_provider: trace.TracerProvider | None = None) -> None:
    """Collect flows and generations from spans from now on.

    Call it once, after `flowemf.configure` and after the application has set a tracer provider of its own, if it does;
    before or after the frameworks are imported. Where there is no provider, one is made and set, with X-Ray identifiers
    where opentelemetry-sdk-extension-aws is installed, and the exporters that OTEL_TRACES_EXPORTER names. Spans that
    the provider's sampler drops are counted too, and are exported as little as before.

    >>> install()
    >>> install()  # once more changes nothing
    >>> uninstall()

    Args:
        monitor: the monitor to write through; default: the one that `flowemf.configure` made, whenever it did. A later
            call with another monitor takes the place of the first.
        tracer_provider: a provider of OpenTelemetry's SDK, where spans do not go through the global one. Several may be
            installed, one after the other.

    Raises:
        ConfigurationError: the tracer provider takes no span processors.
    """
    global _attached, _chosen  # noqa: PLW0603 - of the process, like the global tracer provider
    _chosen = monitor or _chosen
    known = _chosen or _default.configured()
    attached = _attached or _Attached(_find_lines)
    attached.attach(tracer_provider, Tally() if known is None else known.tally)
    _attached = attached


def uninstall() -> None:
    """Stop collecting; for tests. A provider that was made stays."""
    global _attached, _chosen
    attached, _attached, _chosen = _attached, None, None
    if attached is not None:
        attached.detach()


def _find_lines() -> Lines | None:
    return _default.found_lines() if _chosen is None else _chosen.lines


class _Attached:
    """One processor, on as many providers as there are: what is open in one of them may be around what another opens.

    Args:
        find_lines: gives the lines of the monitor to write through.
    """

    def __init__(self, find_lines: Callable[[], Lines | None]) -> None:
        self._collector = Collector(find_lines)
        self._providers: list[Any] = []
        nesting.watch(self._collector.live)

    def attach(self, given: trace.TracerProvider | None, tally: Tally) -> None:
        """Watch the spans of a provider; of one that is watched already, nothing changes.

        Args:
            given: the provider; None for the application's, which is made and set where there is none.
            tally: where it is counted that there will be no spans.

        Raises:
            ConfigurationError: the provider takes no span processors.
        """
        chosen: Any = provider(tally, may_export_nothing=True) if given is None else given
        if not hasattr(chosen, "add_span_processor"):
            remedy = "set or pass a TracerProvider of opentelemetry.sdk.trace"
            raise ConfigurationError("tracer_provider", "takes no span processors", type(chosen).__name__, remedy)
        if os.environ.get(_DISABLED_VARIABLE, "").strip().lower() == "true":
            tally.count(*_DISABLED)
        if not any(chosen is known for known in self._providers):
            self._providers.append(chosen)
            chosen.add_span_processor(self._collector)
            _change_sampler(chosen, _RecordingSampler)

    def detach(self) -> None:
        """Watch nothing any more."""
        self._collector.is_active = False
        nesting.watch(None)
        for each in self._providers:
            _change_sampler(each, lambda sampler: getattr(sampler, "decides", sampler))
            _remove(each, self._collector)
        self._providers.clear()


def _change_sampler(chosen: Any, change: Callable[[Any], Any]) -> None:
    """Change the sampler of a provider, and of the tracers that it has made: each of them holds it by itself."""
    if getattr(chosen, "sampler", None) is not None:
        chosen.sampler = change(chosen.sampler)
        for tracer in list(getattr(chosen, "_tracers", {}).values()):
            tracer.sampler = change(tracer.sampler)


def _remove(chosen: Any, collector: Collector) -> None:
    """Let a provider forget the processor, for which the SDK has no way; left in its place it does nothing."""
    several = getattr(chosen, "_active_span_processor", None)
    processors = getattr(several, "_span_processors", None)
    if several is not None and isinstance(processors, tuple):
        several._span_processors = tuple(each for each in processors if each is not collector)


class _RecordingSampler(Sampler):
    """Decides as another sampler does, but records what that drops: span processors see it, and no exporter does.

    The trace flags stay unsampled, so that exporters and child spans see no difference. The SDK's own
    `AlwaysRecordSampler` loses the attributes that a span is started with, and with them what it is.
    """

    def __init__(self, decides: Sampler) -> None:
        self.decides = decides

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decide as the other does, and record in any case."""
        result = self.decides.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        if result.decision is not _DROP:
            return result
        return SamplingResult(_RECORD_ONLY, attributes, result.trace_state)

    def get_description(self) -> str:
        """Describe the other one: it decides."""
        return self.decides.get_description()
