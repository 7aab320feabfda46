"""Keeps spans that a sampler drops visible to span processors, and out of every export.

The provider's own sampler goes in; one comes out that decides the same, except that "drop" becomes "record only": the
trace flags stay unsampled, so that exporters and child spans see no difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind, TraceState
    from opentelemetry.util.types import Attributes

_DROP = Decision.DROP
_RECORD_ONLY = Decision.RECORD_ONLY


class RecordingSampler(Sampler):
    """Records what another sampler drops.

    The SDK's own `AlwaysRecordSampler` loses the attributes that a span is started with, and with them what it is.
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
