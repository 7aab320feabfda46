"""Measures LangChain's models and chains, as a callback that every run gets.

What LangChain says about its runs goes in; a generation line for each call of a model, and a flow for the outermost
chain, agent or graph, leave through the default monitor.

    import flowemf
    from flowemf.integrations import langchain

    flowemf.configure("MyApp/GenKit")
    langchain.install()

The flow has the name of the run: `chain.with_config(run_name="answer")`. What runs inside it is no flow of its own, and
inside a flow of the application's nothing is: its name says more. A model that is called by itself is a generation
without a flow. `ModelID` is the name that the model was made with. An answer from LangChain's cache is no generation,
since no model was asked. Where opentelemetry-instrumentation-genai-langchain is switched on and
`flowemf.integrations.otel` watches its spans, those are counted, and nothing here.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from flowemf import _default
from flowemf._collecting import collected, nesting
from flowemf._context import FlowSpan, running_flow

try:
    from langchain_core.callbacks import BaseCallbackHandler
    from langchain_core.tracers.context import register_configure_hook
except ImportError as missing:
    raise ImportError(
        "flowemf.integrations.langchain needs langchain-core, which is not installed: "
        f"pip install langchain-core ({missing})"
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowemf._collecting.collected import Collected
    from flowemf._collecting.nesting import Measured
    from flowemf._events.lines import Lines

__all__ = ["install", "uninstall"]

_INSTRUMENTATION = "opentelemetry.instrumentation.genai.langchain"
# Where chat models and completion models of LangChain keep the name, in the order of how sure it is.
_MODEL_NAMES = ("model_name", "model_id", "model", "azure_deployment", "deployment_name", "repo_id")
# Runs whose end nobody has told, such as those of tasks that were cancelled, are forgotten when there are so many.
_MOST_RUNS = 10_000


class _RunningFlow:
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


class _Runs:
    """The runs that are open, each with the flow that it belongs to; None where it belongs to none of ours."""

    def __init__(self) -> None:
        self._flows: OrderedDict[object, _RunningFlow | None] = OrderedDict()

    def add(self, run: object, flow: _RunningFlow | None) -> None:
        """Note a run that begins."""
        self._flows[run] = flow
        if len(self._flows) > _MOST_RUNS:
            self._flows.popitem(last=False)

    def flow_of(self, run: object) -> _RunningFlow | None:
        """Give the flow that a run belongs to."""
        return self._flows.get(run)

    def remove(self, run: object) -> _RunningFlow | None:
        """Forget a run that is over."""
        return self._flows.pop(run, None)


class _Callback(BaseCallbackHandler):
    """What LangChain calls; in the context of the run, since what the run calls has to know that it is measured."""

    run_inline = True

    def __init__(self) -> None:
        self.active = False
        self._runs = _Runs()
        self._calls: OrderedDict[object, tuple[Collected, Measured | None]] = OrderedDict()

    @property
    def ignore_retriever(self) -> bool:
        """Whether retrievers are of no interest."""
        return True

    # --- Models

    def on_chat_model_start(
        self, serialized: Any, messages: Any, *, run_id: Any, parent_run_id: Any = None, **more: Any
    ) -> None:
        """Begin a generation."""
        del messages
        self._begin(serialized, run_id, parent_run_id, more)

    def on_llm_start(
        self, serialized: Any, prompts: Any, *, run_id: Any, parent_run_id: Any = None, **more: Any
    ) -> None:
        """Begin a generation."""
        del prompts
        self._begin(serialized, run_id, parent_run_id, more)

    def on_llm_new_token(self, token: Any, *, run_id: Any, **more: Any) -> None:
        """Note a part of the answer."""
        message = getattr(more.get("chunk"), "message", None)
        self._heard(run_id, is_token=bool(token or getattr(message, "tool_call_chunks", None)))

    def on_stream_event(self, event: Any, *, run_id: Any, **_: Any) -> None:
        """Note a part of the answer, as newer streams tell of it."""
        kind = event.get("event") if isinstance(event, dict) else None
        self._heard(run_id, is_token=kind == "content-block-delta")

    def on_llm_end(self, response: Any, *, run_id: Any, **_: Any) -> None:
        """Write the line of a generation that was answered."""
        call = self._over(run_id)
        if call is None:
            return
        try:
            told, is_cached = _answered(response)
            if is_cached:
                return
            call.read(told)
        except Exception as problem:
            call.failed(problem)
        call.finish()

    def on_llm_error(self, error: Any, *, run_id: Any, **_: Any) -> None:
        """Write the line of a generation that failed, or was left."""
        call = self._over(run_id)
        if call is not None:
            call.finish(error)

    def _begin(self, serialized: Any, run_id: Any, parent_run_id: Any, more: Any) -> None:
        try:
            if not self.active or _is_traced():
                return
            flow = self._runs.flow_of(parent_run_id)
            call = collected.begin(_asked_for(serialized, more), None if flow is None else flow.span)
            if call is not None:
                self._calls[run_id] = call, nesting.begin()
                if len(self._calls) > _MOST_RUNS:
                    self._forget_oldest()
        except Exception as problem:
            collected.failed(problem)

    def _heard(self, run_id: Any, *, is_token: bool) -> None:
        found = self._calls.get(run_id)
        if found is not None:
            call, measured = found
            call.heard(is_token=is_token)
            if is_token:  # what the model calls has begun, and the application goes on in this context between parts
                nesting.end(measured)

    def _forget_oldest(self) -> None:
        _, (call, measured) = self._calls.popitem(last=False)
        nesting.end(measured)
        call.abandon()

    def _over(self, run_id: Any) -> Collected | None:
        call, measured = self._calls.pop(run_id, (None, None))
        nesting.end(measured)
        return call

    # --- Chains, agents, graphs and tools

    def on_chain_start(
        self, serialized: Any, inputs: Any, *, run_id: Any, parent_run_id: Any = None, **more: Any
    ) -> None:
        """Begin a flow, if nothing is around it."""
        del inputs
        try:
            if not self.active or _is_traced():
                return
            flow = self._runs.flow_of(parent_run_id)
            lines = _default.found_lines() if parent_run_id is None else None
            if lines is not None and lines.flows_enabled and running_flow() is None:
                flow = _RunningFlow(lines, str(more.get("name") or (serialized or {}).get("name") or "chain"))
            self._runs.add(run_id, flow)
        except Exception as problem:
            collected.failed(problem)

    def on_chain_end(self, outputs: Any, *, run_id: Any, parent_run_id: Any = None, **_: Any) -> None:
        """End the flow."""
        del outputs
        self._end(run_id, parent_run_id, None)

    def on_chain_error(self, error: Any, *, run_id: Any, parent_run_id: Any = None, **_: Any) -> None:
        """End the flow with an error, or as cancelled."""
        self._end(run_id, parent_run_id, error)

    def on_tool_start(
        self, serialized: Any, input_str: Any, *, run_id: Any, parent_run_id: Any = None, **_: Any
    ) -> None:
        """Note which flow a tool belongs to: it may ask models."""
        del serialized, input_str
        self._runs.add(run_id, self._runs.flow_of(parent_run_id))

    def on_tool_end(self, output: Any, *, run_id: Any, **_: Any) -> None:
        """Forget a tool."""
        del output
        self._runs.remove(run_id)

    def on_tool_error(self, error: Any, *, run_id: Any, **_: Any) -> None:
        """Forget a tool."""
        del error
        self._runs.remove(run_id)

    def _end(self, run_id: Any, parent_run_id: Any, error: Any) -> None:
        try:
            flow = self._runs.remove(run_id)
            if flow is not None and parent_run_id is None:
                flow.end(error)
        except Exception as problem:
            collected.failed(problem)


_callback = _Callback()
# LangChain gives the callback in this variable to every run.
_variable: ContextVar[_Callback | None] = ContextVar("flowemf_langchain", default=_callback)
_is_registered = False


def install() -> None:
    """Measure every run that LangChain begins from now on; calling it again changes nothing.

    >>> install()
    >>> uninstall()
    """
    global _is_registered  # noqa: PLW0603 - LangChain is one for the process
    if not _is_registered:
        register_configure_hook(_variable, inheritable=True)
        _is_registered = True
    _callback.active = True


def uninstall() -> None:
    """Measure no run any more that begins from now on."""
    _callback.active = False  # LangChain has no way to take a hook back


def _is_traced() -> bool:
    """Tell whether an instrumentation opens spans for the same runs, and those are watched."""
    module = sys.modules.get(_INSTRUMENTATION)
    if module is None or nesting.watched is None:
        return False
    return bool(module.LangChainInstrumentor().is_instrumented_by_opentelemetry)


def _asked_for(serialized: Mapping[str, Any] | None, arguments: Mapping[str, Any]) -> str:
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


def _answered(result: Any) -> tuple[object, bool]:
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
