"""Exceptions that nobody foresaw: whatever they are, they have a type, and looking at them breaks nothing."""

from __future__ import annotations

import asyncio
import builtins
import concurrent.futures
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_errors import (
    GENERIC,
    TIMEOUT,
    caused,
)

from flowemf._error_types.cancellation import is_cancellation
from flowemf._error_types.classifier import Classifier, error_type
from flowemf_schemas import names


def test_a_circle_of_causes_ends() -> None:
    """An exception can be its own cause's cause."""
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert error_type(first) == GENERIC
    first.__cause__ = first
    assert error_type(first) == GENERIC


def test_a_long_chain_of_causes_is_followed_only_so_far() -> None:
    """What lies a hundred exceptions deep is not searched for."""
    error: BaseException = TimeoutError()
    for _ in range(100):
        error = caused(RuntimeError("m"), error)
    assert error_type(error) == GENERIC


class RaisingError(Exception):
    """Raises at every touch."""

    response: Any = property(lambda self: 1 / 0)
    code: Any = property(lambda self: 1 / 0)
    status: Any = property(lambda self: 1 / 0)
    cause: Any = property(lambda self: 1 / 0)

    def __str__(self) -> str:
        raise RuntimeError("no text either")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not comparable")

    __hash__ = None  # type: ignore[assignment]


class LyingError(Exception):
    """Says that it is something else."""

    __class__: Any = property(lambda self: TimeoutError)  # type: ignore[assignment]


class Liar:
    """No exception, whatever it says."""

    __class__: Any = property(lambda self: TimeoutError)  # type: ignore[assignment]


class Anything:
    """Has every attribute and can be called; each is another of its kind."""

    def __getattr__(self, name: str) -> Anything:
        return Anything()

    def __call__(self, *arguments: object) -> Anything:
        return Anything()


class StrangeError(Exception):
    def __init__(self, response: object) -> None:
        self.response = response
        self.code = self.status = self.type = self.cause = Anything()


class RaisingDictionary(dict):  # type: ignore[type-arg]
    def get(self, *arguments: object) -> object:
        raise RuntimeError("no")


class Meta(type):
    """Classes of this kind cannot be looked up."""

    def __hash__(cls) -> int:
        raise RuntimeError("no")


class UnhashableError(Exception, metaclass=Meta):
    pass


@pytest.mark.parametrize(
    "error",
    [
        RaisingError(),
        LyingError(),
        UnhashableError(),
        StrangeError(Anything()),
        StrangeError(RaisingDictionary()),
        StrangeError({"Error": None}),
        StrangeError({"Error": {"Code": 3}, "ResponseMetadata": []}),
        StrangeError({"Error": {"Code": ""}, "ResponseMetadata": {"HTTPStatusCode": "429x"}}),
        caused(RuntimeError("m"), RaisingError()),
        ValueError("x" * 1_000_000),
        ValueError("\ud800\x00"),
    ],
)
def test_a_strangers_exception_cannot_break_the_classification(error: object) -> None:
    """Whatever its class, its attributes and its text do, there is a type."""
    assert error_type(error) == GENERIC


def test_what_only_claims_to_be_an_exception_is_none() -> None:
    """`isinstance` believes `__class__`; the dimension must not."""
    assert error_type(Liar()) == "Unknown"
    assert error_type(Anything()) == "Unknown"


def test_every_builtin_exception_has_a_type() -> None:
    """None of Python's own classes is missed or raises."""
    kinds = [each for each in vars(builtins).values() if isinstance(each, type) and issubclass(each, Exception)]
    for kind in kinds:
        try:
            error = kind("message")
        except TypeError:
            continue  # takes more arguments
        assert error_type(error) in names.ERROR_TYPES


@settings(max_examples=150)
@given(st.text())
def test_any_text_has_one_of_the_types(text: str) -> None:
    """As a message of an exception and by itself."""
    assert error_type(text) in names.ERROR_TYPES
    assert error_type(RuntimeError(text)) in names.ERROR_TYPES


def test_classes_that_are_made_as_a_program_goes_are_not_kept_for_ever() -> None:
    """A botocore client makes its own exception classes; a thousand clients must not fill the memory."""
    classifier = Classifier({})
    for _ in range(2000):
        assert classifier.error_type(type("Made", (TimeoutError,), {})()) == TIMEOUT
    assert len(classifier._known) <= 512


# --- What stops a flow rather than failing it


def test_stopping_is_told_from_failing() -> None:
    """Cancellation and closing are no errors; a timeout and an interruption are."""
    assert is_cancellation(asyncio.CancelledError())
    assert is_cancellation(concurrent.futures.CancelledError())
    assert is_cancellation(GeneratorExit())
    assert not is_cancellation(TimeoutError())
    assert not is_cancellation(KeyboardInterrupt())
