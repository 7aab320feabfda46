"""Gives the attributes of a span as a plain dictionary.

A span goes in; its attributes come out, to be read and never changed. A look-up in the SDK's own mapping takes 0.4 us
where the key is missing, and every span of the program is asked for one; in the dictionary beneath it takes 0.02.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from opentelemetry.sdk.trace import ReadableSpan


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    """Give the attributes of a span; a copy where the SDK keeps them in a way that is not known here."""
    try:
        return span._attributes._dict  # type: ignore[no-any-return, union-attr]
    except AttributeError:
        return dict(span.attributes or {})
