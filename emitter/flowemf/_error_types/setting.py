"""Checks the setting `error_types`, and the names that it may give.

A mapping or a function goes in; it comes out as it is kept, or a `ConfigurationError`.
"""

from __future__ import annotations

from flowemf._encoding.text import dimension_value
from flowemf._errors import ConfigurationError
from flowemf._redaction.redactor import without_identifiers
from flowemf._redaction.secret_shapes import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    # What the setting is kept as.
    ErrorTypes = dict[object, str] | Callable[[Any], object]

_TYPE_CHARACTERS = 255
_REMEDY = (
    "pass a mapping from exception classes, class names or error codes to names, "
    "or a function from an error to a name or None"
)


def checked_error_types(value: Any, source: str) -> ErrorTypes:
    """Check the setting `error_types`.

    Raises:
        ConfigurationError: it is neither a function nor a mapping from errors to dimension values.
    """
    if not hasattr(value, "items"):
        if isinstance(value, type) or not callable(value):
            raise ConfigurationError(source, "is neither a mapping nor a function", value, _REMEDY)
        return value  # type: ignore[no-any-return]
    kept: dict[object, str] = {}
    for error, error_type_given in value.items():
        if not (isinstance(error, str) and error) and not is_exception_class(error):
            raise ConfigurationError(source, "has a key that is no error", error, _REMEDY)
        if valid_name(error_type_given) is None:
            remedy = "use 1 to 255 printable ASCII characters that hold neither a secret nor an identifier"
            raise ConfigurationError(f"{source}[{error!r}]", "is no error type", error_type_given, remedy)
        kept[error] = str.__str__(error_type_given)
    return kept


def valid_name(error_type_given: object) -> str | None:
    """Give a name that can be written as it is."""
    if not isinstance(error_type_given, str) or not 0 < len(error_type_given) <= _TYPE_CHARACTERS:
        return None
    text, changes = dimension_value(error_type_given)
    return None if changes or redact(text) != text or without_identifiers(text) != text else text


def is_exception_class(value: object) -> bool:
    """Tell whether a value is a class that can be raised."""
    return isinstance(value, type) and issubclass(value, BaseException)
