"""Recognises the spans that flowemf itself opens (`enable_xray_tracing`): what they stand for is counted already.

The attributes of such a span go in; that it is a generation comes out, so that nothing inside it is counted again.
"""

from __future__ import annotations

from flowemf._collecting.gen_ai_spans import ending
from flowemf._collecting.gen_ai_spans import starting as _starting
from flowemf._collecting.vocabulary import Kind, Started

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ending", "starting"]


def starting(name: str, attributes: Mapping[str, object]) -> Started | None:
    """Tell whether a generation of ours begins; the flows of ours are in the context anyway."""
    started = _starting(name, attributes)
    return Started(Kind.OWN_GENERATION) if started is not None and started.kind is Kind.GENERATION else None
