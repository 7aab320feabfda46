"""An agent of strands-agents, measured by one call: each invocation is a flow, each call of its model a generation.

Its model is defined here and needs no network; put `BedrockModel(model_id=...)` in its place. Run it with
`python examples/strands_agent.py`, or keep its log and look at the metrics in it:

    pip install 'flowemf[otel]' strands-agents
    python examples/strands_agent.py > app.log
    flowemf check app.log
    flowemf report app.log
"""

from collections.abc import AsyncIterator
from typing import Any

from strands import Agent, tool
from strands.models.model import Model

import flowemf

flowemf.configure("MyApp/Agents")
flowemf.install()


# --- What a model provider would bring


class Scripted(Model):
    """A model that asks a tool about the weather, and then answers."""

    def __init__(self) -> None:
        """Name the model: this is what ModelID says."""
        self.config = {"model_id": "scripted-model"}

    def get_config(self) -> dict[str, str]:
        """Tell how it is set up."""
        return self.config

    def update_config(self, **_: Any) -> None:
        """Have nothing to set."""

    def structured_output(self, *_: Any, **__: Any) -> Any:
        """Have no structured output."""
        raise NotImplementedError

    async def stream(self, messages: list[Any], *_: Any, **__: Any) -> AsyncIterator[Any]:
        """Speak in the events of a stream, as Bedrock does."""
        asked = any("toolResult" in part for message in messages for part in message["content"])
        yield {"messageStart": {"role": "assistant"}}
        if asked:
            yield {"contentBlockDelta": {"delta": {"text": "Take an umbrella."}}}
        else:
            yield {"contentBlockStart": {"start": {"toolUse": {"name": "weather", "toolUseId": "1"}}}}
            yield {"contentBlockDelta": {"delta": {"toolUse": {"input": '{"place": "Bergen"}'}}}}
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "end_turn" if asked else "tool_use"}}
        usage = {"inputTokens": 40 if asked else 25, "outputTokens": 5, "totalTokens": 45 if asked else 30}
        yield {"metadata": {"usage": usage, "metrics": {"latencyMs": 12}}}


# --- The application


@tool
def weather(place: str) -> str:
    """Tell the weather.

    Args:
        place: where.
    """
    if place != "Bergen":
        raise LookupError(place)
    return "rain"


agent = Agent(model=Scripted(), name="travel-advisor", tools=[weather], callback_handler=None)
print(agent("What shall I take along to Bergen?"))
