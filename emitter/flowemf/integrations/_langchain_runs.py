"""What LangChain's callbacks say, in our words: which model was asked, what it used, which flow a run belongs to.

Arguments of callbacks go in; a model's name, a response that tells its usage, and running flows come out.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from flowemf._context import FlowSpan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowemf._events.lines import Lines

# Where chat models and completion models of LangChain keep the name, in the order of how sure it is.
_MODEL_NAMES = ("model_name", "model_id", "model", "azure_deployment", "deployment_name", "repo_id")
# Runs whose end nobody has told, such as those of tasks that were cancelled, are forgotten when there are so many.
_MOST_RUNS = 10_000


def asked_for(serialized: Mapping[str, Any] | None, arguments: Mapping[str, Any]) -> str:
    """Name the model that a run asks; of a model without a name, its class.

    Args:
        serialized: what LangChain says of the model's object.
        arguments: the callback's other arguments.
    """
    invocation = arguments.get("invocation_params") or {}
    found = next((invocation[name] for name in _MODEL_NAMES if isinstance(invocation.get(name), str)), None)
    found = found or (arguments.get("metadata") or {}).get("ls_model_name")
    identifier = (serialized or {}).get("id") or ["unknown"]
    return str(found or (serialized or {}).get("name") or arguments.get("name") or identifier[-1])


def answered(result: Any) -> tuple[object, bool]:
    """Find what tells the usage in the result of a run.

    Args:
        result: LangChain's `LLMResult`.

    Returns:
        Something to read the usage from, and whether the answer came from LangChain's cache.
    """
    generations = getattr(result, "generations", None) or [[]]
    message = getattr(generations[0][0], "message", None) if generations[0] else None
    usage = getattr(message, "usage_metadata", None)
    if usage:
        return message, usage.get("total_cost") == 0  # how LangChain marks what it kept
    output = getattr(result, "llm_output", None) or {}
    told = output.get("token_usage") or output.get("usage")
    return {"usage": told, "model": output.get("model_name") or output.get("model")}, False


class RunningFlow:
    """The outermost run of a chain or an agent: one flow.

    Args:
        lines: the way to write.
        name: what LangChain calls the run.
    """

    __slots__ = ("_lines", "_name", "_started_ms", "span")

    def __init__(self, lines: Lines, name: str) -> None:
        self._lines = lines
        self._name = name
        self.span = FlowSpan(None, name)
        lines.flow_started(name, self.span)
        self._started_ms = lines.monotonic_ms()

    def end(self, error: BaseException | None) -> None:
        """Write the end line."""
        duration_ms = round(self._lines.monotonic_ms() - self._started_ms, 3)
        self._lines.flow_ended(self._name, duration_ms, error, self.span)


class Runs:
    """The runs that are open, each with the flow that it belongs to; None where it belongs to none of ours."""

    def __init__(self) -> None:
        self._flows: OrderedDict[object, RunningFlow | None] = OrderedDict()

    def add(self, run: object, flow: RunningFlow | None) -> None:
        """Note a run that begins."""
        self._flows[run] = flow
        if len(self._flows) > _MOST_RUNS:
            self._flows.popitem(last=False)

    def flow_of(self, run: object) -> RunningFlow | None:
        """Give the flow that a run belongs to."""
        return self._flows.get(run)

    def remove(self, run: object) -> RunningFlow | None:
        """Forget a run that is over."""
        return self._flows.pop(run, None)
