"""Reads the spans of strands-agents, which has nothing but a name for a span that starts.

The name of a span goes in; what it stands for comes out. At the end they are spans of the gen_ai conventions:
https://strandsagents.com/latest/documentation/docs/user-guide/observability-evaluation/traces/
"""

from __future__ import annotations

from flowemf._collecting.gen_ai_spans import ending
from flowemf._collecting.vocabulary import Kind, Started

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ending", "starting"]

# Older releases call the span of the model otherwise.
_GENERATIONS = frozenset(("chat", "Model invoke"))
_FLOWS = ("invoke_agent ", "invoke_swarm", "invoke_graph")
_TOOLS = ("execute_tool ", "Tool: ")


def starting(name: str, attributes: Mapping[str, object]) -> Started | None:
    """Tell what kind of span begins, by its name."""
    del attributes  # they are set right after the start
    if name in _GENERATIONS:
        return Started(Kind.GENERATION)
    if name.startswith(_FLOWS):
        return Started(Kind.FLOW, name.removeprefix("invoke_agent ").strip())
    return Started(Kind.TOOL) if name.startswith(_TOOLS) else None
