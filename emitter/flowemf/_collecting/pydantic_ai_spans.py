"""Reads the spans of pydantic-ai, whose older releases don't say that an agent's run is one.

The name and the attributes of a span go in; what it stands for comes out. At the end they are spans of the gen_ai
conventions: https://ai.pydantic.dev/logfire/#opentelemetry
"""

from __future__ import annotations

from flowemf._collecting.gen_ai_spans import ending
from flowemf._collecting.gen_ai_spans import starting as _starting
from flowemf._collecting.vocabulary import Kind, Started

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ending", "starting"]

_OLDER_RUN = "agent run"
_OLDER_NAME = "agent_name"


def starting(name: str, attributes: Mapping[str, object]) -> Started | None:
    """Tell what kind of span begins; in older releases a run has no operation, only a name."""
    if name != _OLDER_RUN:
        return _starting(name, attributes)
    agent = attributes.get(_OLDER_NAME)
    return Started(Kind.FLOW, agent if isinstance(agent, str) and agent else name)
