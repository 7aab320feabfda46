"""What belongs to the current request: the flow it is in, and the properties bound to it.

Frames and properties go in; the encoded properties of the current event come out. All of it lives in context variables,
so that threads and tasks cannot see each other's.
"""

from __future__ import annotations

import os
import sys
from _contextvars import ContextVar

from flowemf._collecting import nesting
from flowemf._encoding.text import json_string, member_text
from flowemf._encoding.values import RESERVED, encoded_property
from flowemf._redaction.redactor import MESSAGE_CHARACTERS
from flowemf._tracing import context as _trace_context
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from flowemf._redaction.redactor import Redactor
    from flowemf._tally import Tally
    from flowemf._tracing.context import Remote

UNUSABLE = (
    "property_dropped",
    "a property was left out: a name must be text of 1 to 255 characters, a value must have a JSON form",
)
COLLIDING = (
    "property_collision",
    "a property was left out, since a metric, a dimension or a property of ours has its name: rename it",
)


class FlowSpan:
    """One running flow: its identifier, its parent's, and both encoded for the lines written within it.

    Attributes:
        name: what the flow is called.
        depth: how many flows are around it.
    """

    __slots__ = ("depth", "encoded", "flow_id", "name", "parent_flow_id")

    def __init__(self, parent: FlowSpan | None, name: object = None) -> None:
        self.name = name
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.flow_id = os.urandom(8).hex()  # unlike a counter, right after a fork and after a snapshot is restored
        self.parent_flow_id = None if parent is None else parent.flow_id
        own = f',"{names.FLOW_ID}":"{self.flow_id}"'
        more = "" if parent is None else f',"{names.PARENT_FLOW_ID}":"{parent.flow_id}"'
        self.encoded = own + more


class Bound:
    """Properties that were bound together, encoded once, when they were bound.

    Attributes:
        members: the name as it is written -> the encoded property.
        sources: the name as it is written -> the name and the value that were given.
        redactor: what cleaned them. A monitor that cleans otherwise sees them through `seen_by`.
    """

    __slots__ = ("_otherwise", "encoded", "members", "names", "redactor", "sources")

    def __init__(
        self,
        members: dict[str, bytes],
        sources: dict[str, tuple[str, object]] | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self.members = members
        self.sources = sources or {}
        self.redactor = redactor
        self.names = frozenset(members)
        self.encoded = b"".join(members.values()).decode("ascii")
        self._otherwise: dict[Redactor, Bound] = {}

    def seen_by(self, redactor: Redactor, tally: Tally) -> Bound:
        """Give the same properties as another monitor may write them."""
        if redactor is self.redactor or not self.members:
            return self
        seen = self._otherwise.get(redactor)
        if seen is None:
            seen = self._otherwise[redactor] = _NOTHING_BOUND.with_more(self.sources.values(), tally, redactor)
        return seen

    def with_more(self, properties: Iterable[tuple[str, object]], tally: Tally, redactor: Redactor) -> Bound:
        """Give these properties and more, names and values as they were given."""
        members, sources = dict(self.members), dict(self.sources)
        for name, encoded, source in _encoded(properties, tally, redactor):
            members[name] = encoded
            sources[name] = source
        return Bound(members, sources, redactor)

    def outside(self, reserved: Iterable[str], tally: Tally) -> str:
        """Give the members whose names are free; count the others."""
        taken = self.names.intersection(reserved)
        if not taken:
            return self.encoded
        tally.count(*COLLIDING, times=len(taken))
        return b"".join(encoded for name, encoded in self.members.items() if name not in taken).decode("ascii")


_NOTHING_BOUND = Bound({})
STRUCTLOG = "structlog.contextvars"
# Every event looks into these: as names of this module they cost a third of what they cost as attributes.
OPENTELEMETRY, LAMBDA_KEY = _trace_context.OPENTELEMETRY, _trace_context.LAMBDA_KEY
modules = sys.modules
# Where the environment cannot be read quickly, it is always asked.
environment = {LAMBDA_KEY: b""} if _trace_context.environment is None else _trace_context.environment
current_flow: ContextVar[FlowSpan | None] = ContextVar("flowemf_flow", default=None)
current_bound: ContextVar[Bound] = ContextVar("flowemf_bound", default=_NOTHING_BOUND)


def running_flow() -> FlowSpan | None:
    """Give the innermost flow around the current call, whether the application opened it or a framework's span did."""
    explicit = current_flow.get()
    if nesting.watched is None:
        return explicit
    automatic = nesting.automatic_flow()
    if explicit is None or (automatic is not None and automatic.depth > explicit.depth):
        return automatic
    return explicit


def bind(properties: Mapping[str, object], tally: Tally, redactor: Redactor) -> None:
    """Add properties to every line that this thread or task writes from now on."""
    if _trace_context.TRACEPARENT in properties:
        properties = dict(properties)
        _trace_context.carry(properties.pop(_trace_context.TRACEPARENT), tally)
    before = current_bound.get().seen_by(redactor, tally)
    current_bound.set(before.with_more(properties.items(), tally, redactor))


def unbind(given: tuple[str, ...]) -> None:
    """Remove properties by name; without a name, all of them."""
    if not given or _trace_context.TRACEPARENT in given:
        _trace_context.drop()
    bound = current_bound.get()
    left = {name: encoded for name, encoded in bound.members.items() if given and name not in given}
    current_bound.set(
        Bound(left, {name: bound.sources[name] for name in left}, bound.redactor) if left else _NOTHING_BOUND
    )


def bound_now() -> tuple[Bound, Remote | None]:
    """Give what is bound here, for `bind_again`."""
    return current_bound.get(), _trace_context.carried()


def bind_again(before: tuple[Bound, Remote | None]) -> None:
    """Make what was bound all that is bound, since a request is over that was served here."""
    current_bound.set(before[0])
    _trace_context.carry_again(before[1])


def properties(reserved: frozenset[str], tally: Tally, redactor: Redactor) -> str:
    """Encode what belongs to the current request: trace identifier, bound properties, structlog's context.

    Args:
        reserved: the members of the line that no property may overwrite.
        tally: where properties that collide are counted.
        redactor: what cleans the texts of the monitor that writes the line.
    """
    bound = current_bound.get()
    if bound.redactor is not redactor and bound.members:
        bound = bound.seen_by(redactor, tally)
    encoded = bound.encoded if bound.names.isdisjoint(reserved) else bound.outside(reserved, tally)
    # Nearly every event finds neither of these. What asks the same: `flowemf._events.shortcuts`.
    if STRUCTLOG in modules:
        members = _encoded(_structlog_context().items(), tally, redactor)
        free = {name: each for name, each, _ in members if name not in bound.names}  # ours are the nearer ones
        encoded += Bound(free).outside(reserved, tally)
    if OPENTELEMETRY in modules or LAMBDA_KEY in environment or _trace_context.given:
        return _trace_context.members() + encoded
    return encoded


def current() -> dict[str, object]:
    """Give the flow, the trace and the bound properties of the current request, for the application's log events."""
    from json import loads  # whoever logs JSON has it already

    span = running_flow()
    encoded = ("" if span is None else span.encoded) + _trace_context.members() + current_bound.get().encoded
    members: dict[str, object] = loads(f"{{{encoded[1:]}}}")
    return members


def everything() -> dict[str, object]:
    """Give what belongs to the current request, with what the application bound through structlog."""
    return {**_structlog_context(), **current()}


def error_message(error: object, redactor: Redactor) -> str:
    """Encode the property `error_message`: the class of an exception and its text, cleaned."""
    text = error_text(error)
    return member_text(names.ERROR_MESSAGE, json_string(redactor.clean(text, MESSAGE_CHARACTERS))) if text else ""


def error_text(error: object) -> str:
    """Give the class of an exception and its text, as it is; or the text that was given in its place."""
    if not isinstance(error, BaseException):
        return error if isinstance(error, str) else ""
    kind = type(error).__name__
    try:
        text = str(error)
    except Exception:
        text = ""
    return f"{kind}: {text}" if text else kind


def _encoded(
    properties: Iterable[tuple[str, object]], tally: Tally, redactor: Redactor
) -> Iterator[tuple[str, bytes, tuple[str, object]]]:
    """Encode properties: the name as it is written, the member, and what was given; count those that are left out."""
    for name, value in properties:
        encoded = encoded_property(name, value, redactor.clean)
        if encoded is None:
            tally.count(*UNUSABLE)
        elif encoded[0] in RESERVED:
            tally.count(*COLLIDING)
        else:
            yield encoded[0], encoded[1], (name, value)


def _structlog_context() -> Mapping[str, object]:
    """Read what the application bound through structlog, if it uses structlog at all."""
    module = sys.modules.get(STRUCTLOG)
    if module is None:
        return {}
    read: Callable[[], Mapping[str, object]] = module.get_contextvars
    return read()
