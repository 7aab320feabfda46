"""Measures the invocations of an AWS Lambda function: each is a flow, with nothing left unwritten when it freezes.

The handler goes in, and does what it always did; its result and its exceptions come out as they are.

    import flowemf
    from flowemf.integrations.lambda_ import handler

    flowemf.configure("MyApp/GenKit")

    @handler
    def lambda_handler(event, context):
        ...

docs/lambda.md says which lines that gives, and what happens at a timeout.
"""

from __future__ import annotations

import os
from _thread import allocate_lock, start_new_thread

from flowemf import _default
from flowemf._calls import Flow, watch
from flowemf._instrument import name_of, wrapper_for
from flowemf._open_calls import OpenCalls
from flowemf._output import endings as _endings
from flowemf._output.signals import leave_to_the_program
from flowemf._output.waiting import wait_until
from flowemf.integrations._requests import Request
from flowemf_schemas import names, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, overload

    from flowemf._instrument import Running
    from flowemf._monitor import Monitor

    F = TypeVar("F", bound=Callable[..., Any])
else:
    from flowemf._default import overload

__all__ = ["handler"]

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
_FUNCTION_NAME = "AWS_LAMBDA_FUNCTION_NAME"
_FUNCTION_VERSION = "AWS_LAMBDA_FUNCTION_VERSION"
_INITIALIZATION_TYPE = "AWS_LAMBDA_INITIALIZATION_TYPE"
_TRACE = "_X_AMZN_TRACE_ID"
_ON_DEMAND = "on-demand"
# Environments that were made before somebody asked: nobody waits for them.
_MADE_AHEAD = frozenset(("provisioned-concurrency", "lambda-managed-instances"))

# Nobody tells a function that its time is up (https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html),
# so it is watched. Enough to write what is open into standard output, and to wait for a busy interpreter:
_MARGIN_MS = 200.0
# Of a short time, so much at most: a function with a second has 0.9 of it before it counts as too slow.
_SHARE = 0.1
# What the process needs for itself, to hand over its answer.
_RESERVE_SECONDS = 0.02
# No function may run for longer than 15 minutes, but a stand-in for its context may say anything.
_LONGEST_MS = 86_400_000.0

_LATE = (
    "invocation_late",
    "an invocation ended after it had been counted as a timeout, shortly before its time was up; it counts once",
)
_LEFT = (
    "invocation_unwritten",
    "lines were still waiting when an invocation ended; they are written when the next one wakes the environment",
)

_is_first = True


@overload
def handler(name: F) -> F: ...  # noqa: D103 - ruff does not know our overload


@overload
def handler(name: str | None = None, *, monitor: Monitor | None = None) -> Callable[[F], F]: ...  # noqa: D103, F811


def handler(name: Any = None, *, monitor: Monitor | None = None) -> Any:  # noqa: F811
    """Measure each invocation of a Lambda function: a decorator, with or without parentheses.

    An invocation is a flow. Its lines carry `request_id`, `function_version` and `trace_id`; what the handler binds is
    forgotten when it returns. The first invocation of an environment also writes the metric ColdStart. When the handler
    returns, everything has been written, or counted as waiting after two seconds or the time that the invocation has
    left. When the function is about to run out of time, 200 ms before (10 % of a time below two seconds), every flow
    and every generation that is still open is counted as failed, with ErrorType Timeout; should it end after all, it is
    not counted again.

    >>> @handler
    ... def lambda_handler(event, context):
    ...     return {"statusCode": 200}
    >>> lambda_handler({}, None)
    {'statusCode': 200}

    Args:
        name: the flow's name. Without it the name of the Lambda function (AWS_LAMBDA_FUNCTION_NAME), and outside of
            Lambda that of the Python function.
        monitor: the monitor to write through. Without it the default one at the time of each invocation.

    Returns:
        The decorated function where one was passed; else a decorator. Coroutine functions and generators of both kinds
        are measured to their end, for runtimes that take them.
    """
    if callable(name):
        return _measured(name, None, monitor)
    return lambda function: _measured(function, name, monitor)


def _measured(function: Callable[..., Any], name: str | None, monitor: Monitor | None) -> Callable[..., Any]:
    from functools import wraps

    own_name = name_of(function)
    wrapper_of = wrapper_for(function)

    def new_call(runtime: object) -> Running:
        found = monitor or _default.configured()
        flow_name = name or os.environ.get(_FUNCTION_NAME) or own_name
        if found is None:
            return Flow(_default.found_lines(), flow_name)  # counts that nothing is measured yet
        return _Invocation(found, flow_name, runtime)

    @wraps(function)
    def invoke(*args: Any, **kwargs: Any) -> Any:
        # The runtime passes the event and its context, after its object to a method.
        runtime = args[-1] if len(args) > 1 else kwargs.get("context")
        return wrapper_of(function, lambda: new_call(runtime))(*args, **kwargs)

    return invoke


class _Invocation:
    """One invocation. None of its methods raises.

    Args:
        monitor: writes its lines.
        name: the flow's name.
        runtime: the context object that the handler was called with, or anything else.
    """

    __slots__ = ("_deadline", "_flow", "_monitor", "_name", "_request", "_runtime")

    def __init__(self, monitor: Monitor, name: str, runtime: object) -> None:
        self._monitor = monitor
        self._name = name
        self._runtime = runtime
        self._request = Request(monitor)
        self._flow = Flow(monitor.lines, name)
        self._deadline: _Deadline | None = None

    def start(self) -> None:
        """Bind what belongs to it, start the flow, and watch the time."""
        try:
            self._request.bind(self._properties(), self._traceparent())
            remaining_ms, lines = self._remaining_ms(), self._monitor.lines
            if remaining_ms and (lines.flows_enabled or lines.models_enabled):
                self._deadline = _Deadline(remaining_ms, lines.failed)
        except Exception as problem:
            self._monitor.lines.failed(problem)
        self._flow.start()
        self._count_cold_start()

    def pause(self) -> None:
        """Leave it for as long as a generator's consumer works."""
        self._flow.pause()

    def resume(self) -> None:
        """Come back."""
        self._flow.resume()

    def end(self, error: BaseException | None) -> None:
        """End the flow, forget what was bound, and wait until everything has been written."""
        self._flow.end(error)
        try:
            if self._deadline is not None:
                self._deadline.over()
                if self._deadline.told:
                    self._monitor.tally.count(*_LATE)
            self._request.forget()
            if not _endings.flush(self._patience_seconds()):
                self._monitor.tally.count(*_LEFT)
        except Exception as problem:
            self._monitor.lines.failed(problem)

    def _properties(self) -> dict[str, object]:
        found = {
            names.REQUEST_ID: self._fact("aws_request_id"),
            names.FUNCTION_VERSION: self._fact("function_version") or os.environ.get(_FUNCTION_VERSION),
        }
        return {name: text for name, text in found.items() if text}

    def _fact(self, name: str) -> str | None:
        found = self._read(name)
        return found if isinstance(found, str) else None

    def _traceparent(self) -> object:
        """Ask the context for the trace that it has in W3C's form, where the runtime did not say X-Ray's."""
        if os.environ.get(_TRACE):
            return None
        fields = self._asked("w3c")
        return fields.get("traceparent") if isinstance(fields, dict) else None

    def _remaining_ms(self) -> float | None:
        found = self._asked("get_remaining_time_in_millis")
        return float(found) if type(found) in (int, float) and 0 <= found < _LONGEST_MS else None

    def _read(self, name: str) -> Any:
        try:
            return getattr(self._runtime, name, None)
        except Exception:  # a stand-in for the context
            return None

    def _asked(self, method_name: str) -> Any:
        try:
            return self._read(method_name)()
        except Exception:  # no context of the runtime's, or a stand-in that knows less
            return None

    def _patience_seconds(self) -> float:
        remaining_ms = self._remaining_ms()
        if remaining_ms is None:
            return _endings.PATIENCE_SECONDS
        return max(0.0, min(_endings.PATIENCE_SECONDS, remaining_ms / 1000 - _RESERVE_SECONDS))

    def _count_cold_start(self) -> None:
        global _is_first  # noqa: PLW0603 - of the environment, which is this process
        if not _is_first:
            return
        _is_first = False
        made = os.environ.get(_INITIALIZATION_TYPE) or _ON_DEMAND
        if made in _MADE_AHEAD:
            return
        function_name = os.environ.get(_FUNCTION_NAME) or self._name
        self._monitor.bind(**{names.INITIALIZATION_TYPE: made})
        self._monitor.metric(names.COLD_START, 1, units.COUNT, {names.FUNCTION_NAME: function_name})
        self._monitor.unbind(names.INITIALIZATION_TYPE)


class _Deadline:
    """The time of one invocation, from now on.

    Args:
        remaining_ms: how much there is left, in milliseconds.
        failed: takes a mistake of ours.

    Attributes:
        told: whether the time has run out and the ends of what was open have been written.
    """

    __slots__ = ("_before", "_failed", "_margin_ms", "_open", "_over", "_telling", "told")

    def __init__(self, remaining_ms: float, failed: Callable[[Exception], None]) -> None:
        self._margin_ms = min(_MARGIN_MS, remaining_ms * _SHARE)
        self._failed = failed
        self._open = OpenCalls()
        self._telling = False
        self.told = False
        # To wait for the invocation's end is to wait for this lock; whoever ends it releases it.
        self._over = allocate_lock()
        self._over.acquire()
        self._before = watch(self._open)
        start_new_thread(self._wait, ((remaining_ms - self._margin_ms) / 1000,))

    def over(self) -> None:
        """Stop watching; where the time has just run out, wait until that has been told."""
        watch(self._before)
        self._over.release()
        if self._telling:
            wait_until(lambda: self.told, self._margin_ms / 1000)

    def _wait(self, seconds: float) -> None:
        leave_to_the_program()
        if self._over.acquire(True, seconds):
            return
        self._telling = True
        try:
            self._open.end_all(
                TimeoutError(f"still running {self._margin_ms:.0f} ms before the function's time was up")
            )
            _endings.flush(max(0.0, self._margin_ms / 1000 - _RESERVE_SECONDS))
        except Exception as problem:
            self._failed(problem)
        self.told = True
