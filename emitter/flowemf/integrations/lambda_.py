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

from flowemf import _default
from flowemf._calls import Flow
from flowemf._instrument import name_of, wrapper_for
from flowemf.integrations._lambda_invocation import FUNCTION_NAME, Invocation

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
        flow_name = name or os.environ.get(FUNCTION_NAME) or own_name
        if found is None:
            return Flow(_default.found_lines(), flow_name)  # counts that nothing is measured yet
        return Invocation(found, flow_name, runtime)

    @wraps(function)
    def invoke(*args: Any, **kwargs: Any) -> Any:
        # The runtime passes the event and its context, after its object to a method.
        runtime = args[-1] if len(args) > 1 else kwargs.get("context")
        return wrapper_of(function, lambda: new_call(runtime))(*args, **kwargs)

    return invoke
