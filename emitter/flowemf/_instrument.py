"""Flows and generations as decorators and context managers, for functions, coroutines and generators of both kinds.

A function or a block of the user's goes in and does what it always did; its calls are started and ended around it.
"""

from __future__ import annotations

from _contextvars import ContextVar

from flowemf._calls import Flow, Generation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from collections.abc import Generator as PythonGenerator
    from types import TracebackType
    from typing import Any, Protocol, TypeVar

    from flowemf._events.lines import Lines

    class Running(Protocol):
        """Something that lasts as long as a call."""

        def start(self) -> None:
            """Begin."""
            ...

        def pause(self) -> None:
            """Leave it for as long as a generator's consumer works."""
            ...

        def resume(self) -> None:
            """Come back."""
            ...

        def end(self, error: BaseException | None) -> None:
            """End, with what went wrong."""
            ...

    F = TypeVar("F", bound=Callable[..., Any])
    FindLines = Callable[[], Lines | None]
    Wrapper = Callable[[Callable[..., Any], Callable[[], Running]], Callable[..., Any]]
    Call = Flow | Generation
    # The innermost block that is open in this context, its call, and the one around it.
    Entered = tuple["_Block", Call, "Entered | None"]

# https://docs.python.org/3/library/inspect.html#code-objects-bit-flags (inspect itself costs 15 ms to import)
_GENERATOR, _COROUTINE, _ITERABLE_COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x100, 0x200

_entered: ContextVar[Entered | None] = ContextVar("flowemf_entered", default=None)


class _Block:
    """What flow and generation have in common: one object is a decorator and a context manager, used again at will."""

    __slots__ = ("_find_lines", "_name", "_open")

    def __init__(self, find_lines: FindLines, name: object) -> None:
        self._find_lines = find_lines
        self._name = name
        self._open: list[Call] = []

    def new_call(self, function_name: str | None) -> Call:
        """Make a call that has not started."""
        raise NotImplementedError

    def __call__(self, function: F) -> F:
        """Measure each call of a function, a coroutine function or a generator function of either kind."""
        if isinstance(function, (staticmethod, classmethod)):
            inner: Any = type(function)(self(function.__func__))
            return inner  # type: ignore[no-any-return]
        return _decorated(function, self)

    def _enter(self) -> Call:
        call = self.new_call(None)
        call.start()
        self._open.append(call)
        around = _entered.get()
        while around is not None and around[1].done:  # ended in another context: don't keep it alive here
            around = around[2]
        _entered.set((self, call, around))
        return call

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the call; the exception goes on unchanged."""
        call = self._innermost()
        if call is not None:
            self._open.remove(call)
            call.end(error)

    def _innermost(self) -> Call | None:
        """Find the call that is ending, where threads and tasks share this object."""
        found = _entered.get()
        while found is not None and (found[0] is not self or found[1].done):
            found = found[2]
        if found is not None:
            _entered.set(found[2])
            return found[1]
        return self._open[-1] if self._open else None  # entered in another context, as some frameworks do

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the call; the exception goes on unchanged."""
        self.__exit__(kind, error, traceback)


class FlowBlock(_Block):
    """What `flow(name)` gives: a decorator and a context manager."""

    __slots__ = ()

    def new_call(self, function_name: str | None) -> Flow:
        """Make a call that has not started; without a name of its own it takes the function's."""
        return Flow(self._find_lines(), function_name if self._name is None else self._name)

    def __enter__(self) -> Flow:
        """Start the flow."""
        return self._enter()  # type: ignore[return-value]

    async def __aenter__(self) -> Flow:
        """Start the flow."""
        return self.__enter__()


class GenerationBlock(_Block):
    """What `generation(model_id)` gives: a decorator and a context manager."""

    __slots__ = ()

    def new_call(self, function_name: str | None) -> Generation:
        """Make a call that has not started."""
        del function_name  # a model's name cannot be guessed
        return Generation(self._find_lines(), self._name)

    def __enter__(self) -> Generation:
        """Start the generation."""
        return self._enter()  # type: ignore[return-value]

    async def __aenter__(self) -> Generation:
        """Start the generation."""
        return self.__enter__()


def _decorated(function: F, block: _Block) -> F:
    from functools import wraps  # costs 4 ms to import, unless the application has done so already

    name = name_of(function)
    wrapped: Any = wraps(function)(wrapper_for(function)(function, lambda: block.new_call(name)))
    return wrapped  # type: ignore[no-any-return]


def wrapper_for(function: object) -> Wrapper:
    """Choose what wraps a function: it takes the function and what makes a call, and gives a function of its kind."""
    flags = _code_flags(function)
    kinds = ((_ASYNC_GENERATOR, _async_generator), (_GENERATOR, _generator), (_COROUTINE, _coroutine))
    wrapper_of = next((wrapper_of for flag, wrapper_of in kinds if flags & flag), _function)
    return _coroutine if flags & _ITERABLE_COROUTINE else wrapper_of


def name_of(function: object) -> str:
    """Name a function as it is written: `Agent.run` for a method, without the functions that it was defined in."""
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None) or type(function).__name__
    return str(name).rpartition("<locals>.")[2]


def _code_flags(function: Any) -> int:
    while type(function).__name__ == "partial" and hasattr(function, "func"):
        function = function.func
    code = getattr(function, "__code__", None)
    if code is None:  # an object with a method __call__
        code = getattr(getattr(type(function), "__call__", None), "__code__", None)  # noqa: B004
    return getattr(code, "co_flags", 0)


# --- The four kinds of wrapper. `raise` without an argument passes the user's exception on as it is.


def _function(function: Callable[..., Any], new_call: Callable[[], Running]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = new_call()
        call.start()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            call.end(error)
            raise
        call.end(None)
        return result

    return wrapper


def _coroutine(function: Callable[..., Any], new_call: Callable[[], Running]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = new_call()
        call.start()
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            call.end(error)
            raise
        call.end(None)
        return result

    return wrapper


def _generator(function: Callable[..., Any], new_call: Callable[[], Running]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> PythonGenerator[Any, Any, Any]:
        generator = function(*args, **kwargs)
        call = new_call()
        call.start()
        step, argument = generator.send, None
        while True:  # what `yield from` does, with the flow left while the consumer works
            try:
                item = step(argument)
            except StopIteration as stop:
                call.end(None)
                return stop.value
            except BaseException as error:
                call.end(error)
                raise
            call.pause()
            try:
                argument = yield item
                step = generator.send
            except GeneratorExit as closing:
                call.resume()
                _close(generator, call)
                call.end(closing)
                raise
            except BaseException as error:
                step, argument = generator.throw, error
            call.resume()

    return wrapper


def _close(generator: PythonGenerator[Any, Any, Any], call: Running) -> None:
    try:
        generator.close()
    except BaseException as error:
        call.end(error)
        raise


def _async_generator(function: Callable[..., Any], new_call: Callable[[], Running]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        generator = function(*args, **kwargs)
        call = new_call()
        call.start()
        step, argument = generator.asend, None
        while True:
            try:
                item = await step(argument)
            except StopAsyncIteration:
                call.end(None)
                return
            except BaseException as error:
                call.end(error)
                raise
            call.pause()
            try:
                argument = yield item
                step = generator.asend
            except GeneratorExit as closing:
                call.resume()
                await _aclose(generator, call)
                call.end(closing)
                raise
            except BaseException as error:
                step, argument = generator.athrow, error
            call.resume()

    return wrapper


async def _aclose(generator: AsyncGenerator[Any, Any], call: Running) -> None:
    try:
        await generator.aclose()
    except BaseException as error:
        call.end(error)
        raise


def flow_block(find_lines: FindLines, name: Any) -> Any:
    """Make what `flow` gives: for a function (`@flow` without parentheses) the function, decorated; else the block."""
    block = FlowBlock(find_lines, None if _is_function(name) else name)
    return block(name) if _is_function(name) else block


def _is_function(name: object) -> bool:
    return callable(name) or isinstance(name, (staticmethod, classmethod))
