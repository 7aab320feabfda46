"""Attaches the span processor to tracer providers, and takes it off again.

A provider goes in; from then on its spans are watched, those that its sampler drops included.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from flowemf._collecting import nesting
from flowemf._collecting.processor import Collector
from flowemf._collecting.sampler import RecordingSampler
from flowemf._errors import ConfigurationError
from flowemf._tracing.provider import provider

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowemf._events.lines import Lines
    from flowemf._tally import Tally

# https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration
_DISABLED_VARIABLE = "OTEL_SDK_DISABLED"
_DISABLED = (
    "otel_sdk_disabled",
    f"OpenTelemetry opens no spans, so nothing is collected from them: unset {_DISABLED_VARIABLE}",
)


class Attached:
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
            _change_sampler(chosen, RecordingSampler)

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
