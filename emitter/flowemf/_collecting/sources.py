"""Which translator reads the spans of which instrumentation.

The name of an instrumentation scope goes in; a translator comes out, or None for scopes that are never of interest.
To read another framework in a way of its own is to write a translator and to add a row.
"""

from __future__ import annotations

from flowemf._collecting import gen_ai_spans, genkit_spans, own_spans, pydantic_ai_spans, strands_spans
from flowemf._tracing.spans import SCOPE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowemf._collecting.vocabulary import Translator

# Whoever is not named here is read by the gen_ai conventions.
BY_SCOPE: dict[str, Translator] = {
    SCOPE: own_spans,
    genkit_spans.SCOPE: genkit_spans,
    "pydantic-ai": pydantic_ai_spans,
    "strands.telemetry.tracer": strands_spans,
}
ANYBODY: Translator = gen_ai_spans
