"""Finds the error type of a failure: the value of the dimension ErrorType.

An exception, a name or a message goes in; one of `names.ERROR_TYPES` comes out, or a type of the user's own. What is
most certain is asked first: the class, the service's error code, the HTTP status, a status name before the message;
then the same of what lies beneath; and only then whole words of the messages, never parts of words.
"""

from __future__ import annotations

from flowemf._error_types.cancellation import is_cancellation
from flowemf._error_types.setting import is_exception_class, valid_name
from flowemf._error_types.vocabulary import BY_HTTP_STATUS, MISTAKES, by_class_name, by_code, by_status_name, by_words
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from flowemf._error_types.setting import ErrorTypes
    from flowemf._tally import Tally


_MOST_CAUSES = 8
_MOST_MEMBERS = 64
_MESSAGE_CHARACTERS = 2000
# Emptied when full: a program that makes classes as it goes stays within its memory.
_MOST_CLASSES = 512

_FAILED = (
    "error_types_failed",
    "the function given as error_types raised an exception; flowemf's own error type was written",
)
_REFUSED = (
    "error_types_refused",
    (
        "the function given as error_types returned what is no error type (1 to 255 printable ASCII characters, "
        "neither a secret nor an identifier); flowemf's own was written"
    ),
)


class Classifier:
    """Names the type of an error, asking the user's `error_types` first.

    Args:
        given: the setting, as `checked_error_types` gave it.
        tally: where trouble with the user's function is counted.
    """

    # Measured with Python 3.11 on two busy cores: 0.2 us where the class decides and was seen before, which is almost
    # every failure in practice, hence the cache; 7 to 10 us for service codes and HTTP statuses; 25 us where only the
    # words of a message of 100 characters are left.
    __slots__ = ("_function", "_known", "_table", "_tally")

    def __init__(self, given: ErrorTypes, tally: Tally | None = None) -> None:
        self._function = None if isinstance(given, dict) else given
        self._table: dict[object, str] = given if isinstance(given, dict) else {}
        self._tally = tally
        self._known: dict[type, str] = {}

    def error_type(self, error: object) -> str:
        """Name the type of an error.

        Args:
            error: an exception, a class name, an error code, a message, or None.

        Returns:
            One of `names.ERROR_TYPES`, or what the user's `error_types` say.
        """
        if error is None or (type(error) is str and not error.strip()):
            return names.ERROR_UNKNOWN
        return self._asked(error) or self._found(error)

    def _asked(self, error: object) -> str | None:
        if self._function is None:
            return None
        try:
            answer = self._function(error)
            valid = valid_name(answer)
        except Exception:
            self._count(_FAILED)
            return None
        if valid is None and answer is not None:
            self._count(_REFUSED)
        return valid

    def _count(self, reason: tuple[str, str]) -> None:
        self._tally.count(*reason)  # type: ignore[union-attr] # who has a function has a tally

    def _found(self, error: object) -> str:
        try:
            if type(error) in self._known:
                return self._known[type(error)]
            # isinstance would believe an object whose `__class__` lies.
            if issubclass(type(error), BaseException):
                return self._of_exception(error)  # type: ignore[arg-type]
            if isinstance(error, str):
                return self._of_text(error)
            if is_exception_class(error):
                return self._of_class(error) or names.ERROR_GENERIC  # type: ignore[arg-type]
        except Exception:
            return names.ERROR_GENERIC
        return names.ERROR_UNKNOWN

    def _of_exception(self, error: BaseException, levels: int = _MOST_CAUSES) -> str:
        chain = list(_chain(error))
        for each in chain:
            found = self._of_one(each, levels)
            if found:
                return found
        messages = (_message(each) for each in chain if not _is_mistake(each))
        return next((found for found in map(by_words, messages) if found), names.ERROR_GENERIC)

    def _of_one(self, error: BaseException, levels: int) -> str | None:
        """Ask what is certain about one exception, whatever lies beneath it."""
        if self._table:
            # The user's codes go before our classes.
            given = self._in_table(type(error)) or next(filter(None, map(self._table.get, _codes(error))), None)
            if given:
                return given
        return (
            self._of_class(type(error))
            or self._of_members(error, levels)
            or next(filter(None, map(by_code, _codes(error))), None)
            or next(filter(None, map(BY_HTTP_STATUS.get, _http_statuses(error))), None)
            or by_status_name(_message(error))
        )

    def _of_class(self, kind: type) -> str | None:
        found = self._in_table(kind) if self._table else None
        found = found or next(filter(None, map(by_class_name, kind.__mro__)), None)
        # With codes of the user's own in the table, an instance can say more than its class.
        if found and not self._table:
            if len(self._known) >= _MOST_CLASSES:
                self._known.clear()
            self._known[kind] = found
        return found

    def _in_table(self, kind: type) -> str | None:
        for each in kind.__mro__:
            for key in (each, each.__name__, f"{each.__module__}.{each.__qualname__}"):
                if key in self._table:
                    return self._table[key]
        return None

    def _of_members(self, error: BaseException, levels: int) -> str | None:
        """Give a group the type of its members if they agree, whichever library the group is from."""
        if not any(each.__name__ == "BaseExceptionGroup" for each in type(error).__mro__):
            return None
        members = _attribute(error, "exceptions")
        if not isinstance(members, (tuple, list)) or levels == 0:
            return None
        failures = [each for each in members[:_MOST_MEMBERS] if not is_cancellation(each)]
        types = {self._of_exception(each, levels - 1) for each in failures}
        return types.pop() if len(types) == 1 else names.ERROR_GENERIC

    def _of_text(self, text: str) -> str:
        text = text.strip()[:_MESSAGE_CHARACTERS]
        last, first = text.rpartition(".")[2], text.partition(":")[0].strip()
        given = next((self._table[each] for each in (text, last, first) if each in self._table), None)
        if given or text in names.ERROR_TYPES:
            return given or text
        return (
            next(filter(None, map(by_code, (text, last, first))), None)
            or by_words(text)
            or (names.ERROR_GENERIC if text else names.ERROR_UNKNOWN)
        )


_OURS = Classifier({})


def error_type(error: object) -> str:
    """Name the type of an error, with no `error_types` of the user's.

    >>> error_type(TimeoutError("model took too long"))
    'Timeout'
    >>> error_type("failed to generate: no author found")
    'GenericError'
    >>> error_type(None)
    'Unknown'

    Args:
        error: an exception, a class name, an error code, a message, or None.

    Returns:
        One of `names.ERROR_TYPES`.
    """
    return _OURS.error_type(error)


# --- What an exception tells


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Give an exception and what lies beneath it, each once: causes can go round in circles."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen and len(seen) < _MOST_CAUSES:
        seen.add(id(each))
        yield each
        each = _beneath(each)


def _beneath(error: BaseException) -> BaseException | None:
    """Give the cause: as Python keeps it, as Genkit (`cause`) and urllib (`reason`) do, or what was being handled."""
    for name in ("__cause__", "cause", "reason"):
        found = _attribute(error, name)
        if issubclass(type(found), BaseException):
            return found  # type: ignore[no-any-return]
    if _attribute(error, "__suppress_context__") or _is_mistake(error):
        return None
    found = _attribute(error, "__context__")
    return found if issubclass(type(found), BaseException) else None


def _is_mistake(error: BaseException) -> bool:
    return issubclass(type(error), MISTAKES)


def _attribute(value: object, name: str) -> Any:
    """Read an attribute of a stranger, who may do anything then."""
    try:
        return getattr(value, name, None)
    except Exception:
        return None


def _item(value: object, key: str) -> object:
    try:
        return value.get(key) if isinstance(value, dict) else None
    except Exception:
        return None


def _message(error: BaseException) -> str:
    try:
        return str(error)[:_MESSAGE_CHARACTERS]
    except Exception:
        return ""


def _codes(error: BaseException) -> Iterator[str]:
    """Give botocore's `response["Error"]["Code"]`, gRPC's `code()`, and what model providers and Genkit have."""
    found = [_item(_item(_attribute(error, "response"), "Error"), "Code")]
    code = _attribute(error, "code")
    if any(each.__name__ == "RpcError" for each in type(error).__mro__):
        code = _called(code)
    found += [code, *(_attribute(error, name) for name in ("status", "type", "error_code"))]
    for each in found:
        text = each if isinstance(each, str) else _attribute(each, "name")
        if isinstance(text, str) and text:
            yield str.__str__(text)


def _called(function: Any) -> Any:
    try:
        return function()
    except Exception:
        return None


def _http_statuses(error: BaseException) -> Iterator[int]:
    response = _attribute(error, "response")
    for each in (
        _item(_item(response, "ResponseMetadata"), "HTTPStatusCode"),
        *(_attribute(error, name) for name in ("status_code", "http_status", "status", "code", "http_code")),
        *(_attribute(response, name) for name in ("status_code", "status")),
    ):
        if isinstance(each, int):  # http.HTTPStatus is one too
            yield int(each)
