"""What translators and the span processor share: the words that are said about a span, and how its attributes are read.

A span's attributes go in as they are and come out as a dictionary. A translator makes `Started` of them when the span
begins and `Ended` when it is over.
"""

from __future__ import annotations

from enum import IntEnum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

    class Watched(ReadableSpan):
        """A span that the SDK hands over: such a one always has a context."""

        @property
        def context(self) -> SpanContext:
            """Give its identifiers."""
            ...


class Kind(IntEnum):
    """What a span stands for."""

    FLOW = 1
    """A flow: a line at its start, a line at its end."""
    GENERATION = 2
    """A call of a model: a line at its end, unless a generation is around it."""
    TOOL = 3
    """A tool's call: no line, but its error may be what the flow around it fails with."""
    UTIL = 4
    """A framework's own step, which repeats what others say: no line."""
    PREVIEW = 5
    """A developer's try-out: neither it nor anything below it is counted."""
    OWN_GENERATION = 6
    """A span that flowemf itself opened for an explicit generation: counted already."""


class Status(IntEnum):
    """How a flow or a generation ended."""

    SUCCESS = 1
    ERROR = 2
    CANCELLED = 3


class Started:
    """What is known of a span when it starts.

    Attributes:
        kind: what it stands for.
        name: of a flow, its name (the dimension FlowName); of a generation, the model that was asked for, where it is
            known at the start; else empty.
    """

    __slots__ = ("kind", "name")

    def __init__(self, kind: Kind, name: str = "") -> None:
        self.kind = kind
        self.name = name


class Ended:
    """What is known of a flow or a generation when it has ended.

    Attributes:
        status: how it ended; None where the source has no word of its own for it: then the span's status and its
            exception decide.
        name: the model that was asked for, where it is known only now; else empty. A flow keeps its first name.
        tokens: metric (`names.INPUT_TOKENS`, ...) -> number, with our meaning: InputTokens includes cached input,
            OutputTokens includes reasoning.
        resolved_model_id: the model that answered, if the span names it.
        first_token_ms: from the start to the first token, in milliseconds.
        error_codes: names of what went wrong beside the status and the exception events of the span, which the
            processor reads for every source; the most certain first: a status, a code, a class name.
        error_message: what the source says in words where neither the status nor an event does.
        is_truncated: whether an attribute that holds the usage was cut by a limit of the SDK, so that it is lost.
    """

    __slots__ = (
        "error_codes",
        "error_message",
        "first_token_ms",
        "is_truncated",
        "name",
        "resolved_model_id",
        "status",
        "tokens",
    )

    def __init__(
        self,
        status: Status | None = None,
        *,
        name: str = "",
        tokens: Mapping[str, int] | None = None,
        resolved_model_id: str | None = None,
        first_token_ms: float | None = None,
        error_codes: tuple[str, ...] = (),
        error_message: str = "",
        is_truncated: bool = False,
    ) -> None:
        self.status = status
        self.name = name
        self.tokens: Mapping[str, int] = {} if tokens is None else tokens
        self.resolved_model_id = resolved_model_id
        self.first_token_ms = first_token_ms
        self.error_codes = error_codes
        self.error_message = error_message
        self.is_truncated = is_truncated


class Translator:
    """Two functions that read the spans of one instrumentation. They may raise: the processor catches and counts.

    Args:
        starting: tells what kind of span begins, given its name and what attributes are known at the start; with some
            frameworks none. None for a span that is none of our business, as quickly as possible.
        ending: reads the facts of a span that has ended, given what `starting` said of it, and the span with its
            attributes, events and status complete; called for flows and generations only.
    """

    __slots__ = ("ending", "starting")

    def __init__(
        self,
        starting: Callable[[str, Mapping[str, object]], Started | None],
        ending: Callable[[Started, ReadableSpan], Ended],
    ) -> None:
        self.starting = starting
        self.ending = ending


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    """Give the attributes of a span as a plain dictionary, to be read and never changed.

    A look-up in the SDK's own mapping takes 0.4 us where the key is missing, and every span of the program is asked for
    one; in the dictionary beneath it takes 0.02. Where the SDK keeps them in a way that is not known, it is a copy.
    """
    try:
        return span._attributes._dict  # type: ignore[no-any-return, union-attr]
    except AttributeError:
        return dict(span.attributes or {})
