"""Measures the model calls that LiteLLM makes, as one of its callbacks.

What LiteLLM says about a call goes in, some of it in background threads; one generation line for each call leaves
through the default monitor.

    import flowemf
    from flowemf.integrations import litellm

    flowemf.configure("MyApp/GenKit")
    litellm.install()

`ModelID` is the name of the Router's model group where a Router is used, else LiteLLM's name of the model, which has no
provider before it. The cost is LiteLLM's, unless `flowemf.configure(prices=...)` has a price for the model. Each
attempt that LiteLLM itself makes is a generation; those that a provider's own client makes are one. An answer from
LiteLLM's cache is none, since no model was asked. LiteLLM tells nobody of a stream that is not read to its end, or of a
task that was cancelled: it is counted as cancelled when the program ends, or 10,000 calls later.
"""

from __future__ import annotations

import asyncio
import atexit
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from flowemf._collecting import collected, nesting
from flowemf._process_lock import ProcessLock
from flowemf_schemas import names

try:
    import litellm  # pyright: ignore[reportMissingImports] # not installed beside what other tests need
    from litellm.integrations.custom_logger import CustomLogger  # pyright: ignore[reportMissingImports]
except ImportError as missing:
    raise ImportError(
        f"flowemf.integrations.litellm needs litellm, which is not installed: pip install litellm ({missing})"
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from flowemf._collecting.collected import Collected

__all__ = ["install", "uninstall"]

# Calls of a model that says something; embeddings, images and the like are none.
_CALL_TYPES = frozenset(
    f"{prefix}{name}"
    for prefix in ("", "a")
    for name in (
        "completion",
        "text_completion",
        "responses",
        "anthropic_messages",
        "generate_content",
        "generate_content_stream",
    )
)
# Where LiteLLM keeps what it calls back. It copies from the first to the others with each call; in all of them ours
# survives that an application assigns one of them.
_LISTS = (
    "callbacks",
    "input_callback",
    "success_callback",
    "failure_callback",
    "_async_input_callback",
    "_async_success_callback",
    "_async_failure_callback",
)
_MOST_KNOWN = 10_000


class _Open:
    """A call that LiteLLM has begun.

    Attributes:
        call: None where something around it measures it.
        measured: tells what LiteLLM calls, such as a traced client, that it is measured; None where nobody asks.
    """

    __slots__ = ("call", "measured")

    def __init__(self, call: Collected | None) -> None:
        self.call = call
        self.measured = nesting.begin() if call is not None and nesting.watched is not None else None

    def hide(self) -> None:
        """Let what comes next in this context be measured again."""
        nesting.end(self.measured)


class _Callback(CustomLogger):  # type: ignore[misc] # LiteLLM may not be there for the type checker
    """What LiteLLM calls."""

    def __init__(self) -> None:
        super().__init__()
        # By LiteLLM's identifier; None is what is left of a call that is over, which LiteLLM may tell of once more.
        self._known: OrderedDict[object, _Open | None] = OrderedDict()
        self._lock = ProcessLock()

    # --- In the context of the application

    def log_pre_api_call(self, model: Any, messages: Any, kwargs: Any) -> None:
        """Begin, right before the request is sent."""
        del messages
        try:
            if kwargs.get("call_type") in _CALL_TYPES:
                self._begin(kwargs.get("litellm_call_id"), _asked_for(kwargs) or model)
        except Exception as problem:
            collected.failed(problem)

    def log_post_api_call(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Note that the request was answered."""
        del response_obj, start_time, end_time
        found = self._known.get(kwargs.get("litellm_call_id"))
        if found is not None:
            found.hide()

    # --- In any thread, when LiteLLM has time for it

    def log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Write the line of a call that was answered."""
        self._end(kwargs, response_obj, start_time, end_time, None)

    def log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Write the line of a call that failed."""
        self._end(kwargs, response_obj, start_time, end_time, _error_of(kwargs))

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Write the line of a call that was answered."""
        self._end(kwargs, response_obj, start_time, end_time, None)

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Write the line of a call that failed."""
        self._end(kwargs, response_obj, start_time, end_time, _error_of(kwargs))

    def abandon(self) -> None:
        """Count what LiteLLM has never told the end of."""
        while self._known:
            self._forget_oldest()

    # --- How

    def _begin(self, call_id: object, model: object) -> None:
        if self._known.get(call_id) is not None:
            return
        begun = _Open(collected.begin(model))
        with self._lock:
            self._known[call_id] = begun
        if begun.measured is not None:
            with suppress(RuntimeError):  # no loop: LiteLLM says when the request is answered
                # What LiteLLM calls next begins before the loop turns to anything else.
                asyncio.get_running_loop().call_soon(begun.hide)
        if len(self._known) > _MOST_KNOWN:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        with self._lock:
            _, oldest = self._known.popitem(last=False) if self._known else (None, None)
        if oldest is not None:
            oldest.hide()
            if oldest.call is not None:
                oldest.call.abandon()

    def _end(self, kwargs: Any, response: Any, start: Any, end: Any, error: object) -> None:
        try:
            if kwargs.get("call_type") not in _CALL_TYPES:
                return
            call_id = kwargs.get("litellm_call_id")
            with self._lock:
                is_new = call_id not in self._known
                found = self._known.get(call_id)
                self._known[call_id] = None
            if len(self._known) > _MOST_KNOWN:  # an answer from a cache was never begun
                self._forget_oldest()
            if is_new and error is not None:  # it failed before a request was sent
                found = _Open(collected.begin(_asked_for(kwargs)))
            if found is not None:  # else it is over already, or came from a cache
                found.hide()
                if found.call is not None:
                    payload = kwargs.get("standard_logging_object") or {}
                    _write(found.call, payload, response, _milliseconds(start, end), error)
        except Exception as problem:
            collected.failed(problem)


_installed: _Callback | None = None


def install() -> None:
    """Measure every call that LiteLLM makes from now on; calling it again changes nothing.

    An application that assigns `litellm.success_callback` or another of LiteLLM's lists as a whole does so before, or
    calls this again: what is assigned there replaces the callbacks of others.

    >>> install()
    >>> uninstall()
    """
    global _installed  # noqa: PLW0603 - LiteLLM is one for the process
    if _installed is None:
        _installed = _Callback()
        atexit.register(_installed.abandon)
    for callbacks in _lists():
        if _installed not in callbacks:
            callbacks.append(_installed)


def uninstall() -> None:
    """Measure no call any more that begins from now on; without `install` before, do nothing."""
    global _installed  # noqa: PLW0603 - see install
    if _installed is None:
        return
    for callbacks in _lists():
        if _installed in callbacks:
            callbacks.remove(_installed)
    atexit.unregister(_installed.abandon)
    _installed = None


def _lists() -> list[list[Any]]:
    found = [getattr(litellm, name, None) for name in _LISTS]
    return [callbacks for callbacks in found if isinstance(callbacks, list)]


def _asked_for(kwargs: Mapping[str, Any]) -> Any:
    """Name the model as the application does: the Router's group, else LiteLLM's own name."""
    metadata = (kwargs.get("litellm_params") or {}).get("metadata") or {}
    return metadata.get("model_group") or kwargs.get("model")


def _error_of(kwargs: Mapping[str, Any]) -> object:
    error = kwargs.get("exception")
    if error is not None:
        return error
    information = (kwargs.get("standard_logging_object") or {}).get("error_information") or {}
    return information.get("error_class") or "failed"


def _write(call: Collected, payload: Mapping[str, Any], response: Any, duration_ms: float, error: object) -> None:
    """Write the line of a call that is over."""
    if error is None:
        call.read(response)
        first, start = payload.get("completionStartTime"), payload.get("startTime")
        measured: dict[str, object] = {}
        if payload.get("stream") and first and start:
            measured[names.TIME_TO_FIRST_TOKEN] = round((first - start) * 1000, 3)
        if payload.get("response_cost"):  # 0 also stands for a model whose price LiteLLM does not know
            measured[names.ESTIMATED_COST] = payload["response_cost"]
        call.note(measured=measured)
    call.finish(error, duration_ms=duration_ms)


def _milliseconds(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds() * 1000, 3)
