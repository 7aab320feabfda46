"""What a handler is told by the environment variables of its function.

Variables go in; frozen settings come out, or one error that names everything that is wrong with them.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from flowemf_processor.errors import ConfigurationError
from flowemf_schemas import limits

PREFIX = "FLOWEMF_HANDLER_"
RESEND, DROP = "resend", "drop"
ALL, METRICS = "all", "metrics"

_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off")
_S3 = "s3://"
_LARGEST_ERROR = 0.5
_LAMBDA_SECONDS = 900  # an invocation ends after 15 minutes
_LONGEST_DAYS = 400  # a stream keeps its records for a year at the most


def _boolean(text: str) -> bool:
    if text.lower() not in (*_TRUE, *_FALSE):
        raise ValueError("is neither true nor false")
    return text.lower() in _TRUE


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"is none of {', '.join(choices)}")
        return text

    return read


def _number(kind: type[int] | type[float], least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            raise ValueError("is no whole number" if kind is int else "is no number") from None
        if not (math.isfinite(number) and least <= number <= most):
            raise ValueError(f"is not between {least:g} and {most:g}")
        return number

    return read


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _namespace(text: str) -> str:
    if not (text.isascii() and text.isprintable() and text.strip() and len(text) <= limits.NAMESPACE_LENGTH):
        raise ValueError(f"is no namespace of up to {limits.NAMESPACE_LENGTH} printable ASCII characters")
    return text


def _s3_url(text: str) -> str:
    bucket, _, prefix = text.removeprefix(_S3).partition("/")
    if not text.startswith(_S3) or not bucket or (prefix and not prefix.endswith("/")):
        raise ValueError("is no s3://bucket/ or s3://bucket/prefix/")
    return text


def _setting(default: Any, read: Callable[[str], Any], meaning: str) -> Any:
    return field(default=default, metadata={"read": read, "meaning": meaning})


@dataclass(frozen=True, slots=True)
class HandlerSettings:
    """The settings; each is read from the variable `FLOWEMF_HANDLER_` and its name in capitals."""

    source_extracted: bool = _setting(
        True,
        _boolean,
        "Whether CloudWatch Logs extracts the metrics of the source by itself, as it does for every standard-class "
        "log group. Then nothing is sent: the lines are checked and counted. `false` sends the metrics.",
    )
    ledger_table: str = _setting(
        "",
        str,
        "The DynamoDB table that remembers which log events were sent. Without one, what is delivered again is sent "
        "again.",
    )
    ledger_days: int = _setting(
        7, _number(int, 1, _LONGEST_DAYS), "How long the table remembers a log event: longer than the source does."
    )
    on_ambiguous: str = _setting(
        RESEND,
        _one_of(RESEND, DROP),
        "What to do with metrics of which nobody knows whether CloudWatch has them: `resend` (they may count twice) or "
        "`drop` (they may be missing). Either is counted.",
    )
    retry_seconds: float = _setting(
        10.0,
        _number(float, 0, _LAMBDA_SECONDS),
        "How long a request that is throttled or does not get through is tried again within the invocation.",
    )
    relative_error: float = _setting(
        0.0,
        _number(float, 0, _LARGEST_ERROR),
        "Merge values that differ by less than this fraction, such as 0.01, where a series has more of them than one "
        "datum holds; 0 merges nothing.",
    )
    max_series: int = _setting(
        int(limits.SERIES_PER_RUN),
        _number(int, 1, 10**9),
        "How many series one execution environment may send in its life; each is billed. What goes beyond is refused.",
    )
    namespaces: tuple[str, ...] = _setting(
        (),
        _names,
        "The namespaces that may be read, separated by commas, each exact or with a `*` at its end; none for all.",
    )
    strict: bool = _setting(False, _boolean, "Whether lines with notes, which CloudWatch takes, are rejected too.")
    rejects: str = _setting(
        "",
        _s3_url,
        "Where rejected records are kept, as `s3://bucket/prefix/`; nowhere by default. They are counted anyway.",
    )
    health_namespace: str = _setting(
        "flowemf/Handlers", _namespace, "The namespace of the metrics about the handler itself."
    )
    firehose_keep: str = _setting(
        ALL, _one_of(ALL, METRICS), "Firehose: which log events to pass on, `all` or those with `metrics` (or defects)."
    )

    @property
    def rejects_place(self) -> tuple[str, str]:
        """The bucket and the prefix of rejected records."""
        bucket, _, prefix = self.rejects.removeprefix(_S3).partition("/")
        return bucket, prefix


def settings_from(environment: Mapping[str, str]) -> HandlerSettings:
    """Read the settings.

    >>> settings_from({"FLOWEMF_HANDLER_SOURCE_EXTRACTED": "false"}).source_extracted
    False

    Args:
        environment: the environment variables; an empty one counts as not set.

    Returns:
        The settings.

    Raises:
        ConfigurationError: a variable has no value that it may have, or there is no setting of its name.
    """
    known = {PREFIX + each.name.upper(): each for each in fields(HandlerSettings)}
    read: dict[str, Any] = {}
    problems: list[str] = []
    for variable, text in sorted(environment.items()):
        if variable in known and text:
            try:
                read[known[variable].name] = known[variable].metadata["read"](text)
            except ValueError as error:
                problems.append(f"{variable}={text!r} {error}")
        elif variable.startswith(PREFIX) and variable not in known:
            problems.append(f"{variable} is no setting{_suggestion(variable, known)}")
    if problems:
        raise ConfigurationError(f"{'; '.join(problems)}; mend the function's environment variables")
    return HandlerSettings(**read)


def _suggestion(variable: str, known: Mapping[str, Any]) -> str:
    """Name the setting that may have been meant; the prefix, which all have, makes none more alike."""
    names = [each.removeprefix(PREFIX) for each in known]
    near = difflib.get_close_matches(variable.removeprefix(PREFIX), names, n=1)
    return f" (did you mean {PREFIX}{near[0]}?)" if near else ""
