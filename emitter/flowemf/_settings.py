"""The settings: what may be given, where it may come from, and what is wrong with a wrong one.

Arguments and environment variables go in; a frozen `Settings` comes out, or a `ConfigurationError`.
A new setting is one row of `TABLE`, one line of `Settings` and one of `Arguments`.
"""

from __future__ import annotations

import os

from flowemf._clock import SystemClock
from flowemf._encoding.shapes import ROLLUPS, ROLLUPS_STANDARD
from flowemf._encoding.text import dimension_key, dimension_value
from flowemf._encoding.values import RESERVED
from flowemf._error_types.setting import checked_error_types
from flowemf._errors import ConfigurationError
from flowemf._output.outlet import AGENT, DELIVERIES, NETWORK, STDOUT, SYNC
from flowemf._redaction.redactor import checked_redact, redact, secret_in
from flowemf._volume import settings as _volume
from flowemf_schemas import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, TypedDict

    from flowemf._clock import Clock
    from flowemf._error_types.setting import ErrorTypes
    from flowemf._generations.prices import Prices
    from flowemf._redaction.redactor import Redaction

    class Arguments(TypedDict, total=False):
        """The keyword arguments of `configure` and `Monitor`."""

        enable_flow_metrics: bool | None
        enable_model_metrics: bool | None
        custom_dimensions: Mapping[str, str] | None
        rollups: str | None
        error_types: Mapping[Any, str] | Callable[[Any], str | None] | None
        redact: bool | Iterable[str | re.Pattern[str]] | Callable[[str], str] | None
        enable_xray_tracing: bool | None
        prices: str | os.PathLike[str] | Mapping[str, Mapping[str, Any]] | None
        sink: str | os.PathLike[str] | Callable[[bytes], object] | None
        delivery: str | None
        queue_size: int | None
        metric_buffer_size: int | None
        flush_interval_seconds: float | None
        sample_rate: float | None
        max_series: int | None
        max_line_bytes: int | None
        leading_newline: bool | None
        log_group: str | None
        local: bool | None
        clock: Clock | None
        disabled: bool | None


DEFAULT_NAMESPACE = "FlowEMF"
DEFAULT_QUEUE_SIZE = 10_000
_SINKS = (
    "use 'stdout', 'stderr', the path of a file, 'agent', 'tcp://host:port', 'udp://host:port', "
    "or a function that takes one line as bytes"
)
_LOG_GROUP_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_/#"
# A metric of ours has three dimensions at most; a set holds thirty.
MOST_CUSTOM_DIMENSIONS = limits.DIMENSIONS_PER_SET - 3


class Settings:
    """Checked settings; see `flowemf.configure` for what each means. They don't change any more."""

    __slots__ = (
        "clock",
        "custom_dimensions",
        "delivery",
        "disabled",
        "enable_flow_metrics",
        "enable_model_metrics",
        "enable_xray_tracing",
        "error_types",
        "flush_interval_seconds",
        "leading_newline",
        "local",
        "log_group",
        "max_line_bytes",
        "max_series",
        "metric_buffer_size",
        "namespace",
        "prices",
        "queue_size",
        "redact",
        "rollups",
        "sample_rate",
        "sink",
    )

    namespace: str
    enable_flow_metrics: bool
    enable_model_metrics: bool
    custom_dimensions: tuple[tuple[str, str], ...]
    rollups: str
    error_types: ErrorTypes
    redact: Redaction
    enable_xray_tracing: bool
    prices: Prices | None
    sink: str | Callable[[bytes], object]
    delivery: str
    queue_size: int
    metric_buffer_size: int
    flush_interval_seconds: float
    sample_rate: float
    max_series: int
    max_line_bytes: int
    leading_newline: bool
    log_group: str
    local: bool
    clock: Clock
    disabled: bool

    def __init__(self, values: Mapping[str, object]) -> None:
        for name in self.__slots__:
            object.__setattr__(self, name, values[name])

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"settings are frozen: make a new Monitor to change {name}")


# --- From the text of an environment variable


def _boolean_of(text: str, source: str) -> bool:
    known = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    found = known.get(text.strip().lower())
    if found is None:
        raise ConfigurationError(source, "is neither true nor false", text, "write true or false")
    return found


def _dimensions_of(text: str, source: str) -> Mapping[str, object]:
    """Read `Environment=prod,Team=ai`, or a JSON object where a value holds a comma."""
    if text.lstrip().startswith("{"):
        import json

        try:
            found = json.loads(text)
        except ValueError as problem:
            raise ConfigurationError(source, "is not JSON", text, f"correct it: {problem}") from None
        return dict(found)
    pairs = [part.partition("=") for part in text.split(",")]
    keys = [key.strip() for key, _, _ in pairs]
    if not all(sign for _, sign, _ in pairs) or len(set(keys)) < len(keys):
        raise ConfigurationError(source, "is no list of distinct dimensions", text, "write Environment=prod,Team=ai")
    return {key: value.strip() for key, (_, _, value) in zip(keys, pairs, strict=True)}


def _text_of(text: str, _source: str) -> str:
    return text


def _integer_of(text: str, source: str) -> int:
    if not text.strip().isdecimal():
        raise ConfigurationError(source, "is no whole number", text, "write digits only, such as 10000")
    return int(text)


# --- Checks: they give the value as it is kept


def _boolean(value: object, source: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(source, "is neither True nor False", value, "pass True or False")
    return value


def checked_namespace(value: object, source: str) -> str:
    """Keep CloudWatch's rules for namespaces.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
    """
    remedy = f"use 1 to {int(limits.NAMESPACE_LENGTH)} printable ASCII characters, such as MyApp/GenKit"
    if not isinstance(value, str) or not 0 < len(value) <= limits.NAMESPACE_LENGTH:
        raise ConfigurationError(source, "is no namespace", value, remedy)
    if not (value.isascii() and value.isprintable()) or value != value.strip() or value.startswith(":"):
        raise ConfigurationError(source, "holds a character that CloudWatch refuses there", value, remedy)
    if value.startswith("AWS/"):
        raise ConfigurationError(source, "begins with AWS/, which is reserved", value, "choose a name of your own")
    if redact(value) != value:
        raise ConfigurationError(source, "holds a secret or personal data", "(not shown)", "publish neither")
    return str.__str__(value)


def _rollups(value: object, source: str) -> str:
    if value not in ROLLUPS:
        raise ConfigurationError(source, "is not known", value, f"use one of {', '.join(ROLLUPS)}")
    return str(value)


def _sink(value: object, source: str) -> object:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not (callable(value) or isinstance(value, str)) or value == "":
        raise ConfigurationError(source, "is no sink", value, _SINKS)
    if isinstance(value, str) and "://" in value:
        if not value.startswith(NETWORK):
            raise ConfigurationError(source, "is no sink", value, _SINKS)
        from flowemf._output.agent import address_of

        address_of(value, source)
    return value


def _prices(value: object, source: str) -> Prices | None:
    if value == {}:
        return None
    from flowemf._generations.prices import checked_prices

    return checked_prices(value, source)


def _delivery(value: object, source: str) -> str:
    if value not in DELIVERIES:
        raise ConfigurationError(source, "is not known", value, f"use one of {', '.join(DELIVERIES)}")
    return str(value)


def _log_group(value: object, source: str) -> str:
    """Keep the rules for log groups; no text at all means none.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
    """
    if not isinstance(value, str) or len(value) > limits.LOG_GROUP_NAME_LENGTH or value.strip(_LOG_GROUP_CHARACTERS):
        remedy = f"use 1 to {int(limits.LOG_GROUP_NAME_LENGTH)} letters, digits and the characters . - _ / #"
        raise ConfigurationError(source, "is no name of a log group", value, remedy)
    return str.__str__(value)


def _positive(value: object, source: str) -> int:
    if type(value) is not int or value < 1:
        raise ConfigurationError(source, "is no whole number of at least 1", value, "pass a number such as 10000")
    return value


def _clock(value: object, source: str) -> object:
    if not (callable(getattr(value, "wall_ms", None)) and callable(getattr(value, "monotonic_ms", None))):
        raise ConfigurationError(source, "is no clock", value, "pass an object with wall_ms() and monotonic_ms()")
    return value


def _custom_dimensions(value: Any, source: str) -> tuple[tuple[str, str], ...]:
    if not hasattr(value, "items"):
        raise ConfigurationError(source, "is no mapping", value, "pass a dictionary such as {'Team': 'ai'}")
    given: list[tuple[object, object]] = list(value.items())
    if len(given) > MOST_CUSTOM_DIMENSIONS:
        remedy = f"keep {MOST_CUSTOM_DIMENSIONS}: CloudWatch takes 30 in a set, and three are ours"
        raise ConfigurationError(source, "has too many dimensions", len(given), remedy)
    kept: dict[str, str] = {}
    for key, text in given:
        clean_key = _custom_key(key, source)
        if clean_key in kept:
            raise ConfigurationError(source, "names a dimension twice", key, "keep one of them")
        kept[clean_key] = _custom_value(clean_key, text, source)
    return tuple(kept.items())


def _custom_key(key: object, source: str) -> str:
    if not isinstance(key, str) or len(key) > limits.DIMENSION_KEY_LENGTH:
        raise ConfigurationError(source, "has a key that is no text of 1 to 250 characters", key, "rename it")
    clean, changes = dimension_key(key)
    if changes:
        raise ConfigurationError(source, "has a key that CloudWatch refuses", key, "use printable ASCII")
    if clean in RESERVED:
        remedy = "rename it: flowemf writes a metric, dimension or property of that name itself"
        raise ConfigurationError(source, "has a key that is taken", key, remedy)
    _no_secret(clean, source)
    return clean


def _custom_value(key: str, text: object, source: str) -> str:
    clean, changes = dimension_value(text)
    where = f"{source}[{key!r}]"
    if "dimension_not_text" in changes:
        raise ConfigurationError(where, "is not text", text, "pass a string")
    if "dimension_empty" in changes:
        remedy = "leave the dimension out: CloudWatch drops every dimension of a line that has an empty one"
        raise ConfigurationError(where, "is empty", text, remedy)
    if "dimension_shortened" in changes:
        raise ConfigurationError(where, "is longer than 1024 characters", text, "use a shorter value")
    _no_secret(clean, where)
    return clean


def _no_secret(text: str, source: str) -> None:
    secret = secret_in(text)
    if secret:
        # The value itself stays out of the message, which ends up in logs.
        raise ConfigurationError(source, f"holds a secret ({secret})", "(not shown)", "never publish credentials")


class _Setting:
    """One row of the table: the name, the default, how to check it, how to read its environment variables."""

    __slots__ = ("check", "default", "name", "parse", "variables")

    def __init__(
        self,
        name: str,
        default: object,
        check: Callable[[Any, str], object],
        parse: Callable[[str, str], object] | None = None,
        also: str = "",
    ) -> None:
        self.name = name
        self.default = default
        self.check = check
        self.parse = parse
        self.variables = [f"FLOWEMF_{name.upper()}", *also.split()] if parse else []


# AWS_EMF_* are the variables of aws-embedded-metrics. Its DISABLE_METRIC_EXTRACTION is not among them: there it keeps
# the lines and leaves out `_aws`, which is something else than `disabled`.
TABLE = (
    _Setting("namespace", DEFAULT_NAMESPACE, checked_namespace, _text_of, also="AWS_EMF_NAMESPACE"),
    _Setting("enable_flow_metrics", True, _boolean, _boolean_of),
    _Setting("enable_model_metrics", True, _boolean, _boolean_of),
    _Setting("custom_dimensions", {}, _custom_dimensions, _dimensions_of),
    _Setting("rollups", ROLLUPS_STANDARD, _rollups, _text_of),
    _Setting("error_types", {}, checked_error_types),  # classes and functions cannot stand in a variable
    _Setting("redact", True, checked_redact, _boolean_of),
    _Setting("enable_xray_tracing", False, _boolean, _boolean_of),
    _Setting("prices", {}, _prices, _text_of),
    _Setting("sink", STDOUT, _sink, _text_of),
    _Setting("delivery", SYNC, _delivery, _text_of),
    _Setting("queue_size", DEFAULT_QUEUE_SIZE, _positive, _integer_of),
    _Setting("metric_buffer_size", 1, _volume.metric_buffer_size, _integer_of),
    _Setting("flush_interval_seconds", 30, _volume.flush_interval_seconds, _volume.number_of),
    _Setting("sample_rate", 1, _volume.sample_rate, _volume.rate_of),
    _Setting("max_series", 1000, _volume.max_series, _integer_of),
    _Setting("max_line_bytes", int(limits.EVENT_BYTES), _volume.max_line_bytes, _integer_of),
    _Setting("leading_newline", False, _boolean, _boolean_of),
    _Setting("log_group", "", _log_group, _text_of, also="AWS_EMF_LOG_GROUP_NAME"),
    _Setting("local", False, _boolean, _boolean_of),
    _Setting("clock", SystemClock(), _clock),
    _Setting("disabled", False, _boolean, _boolean_of),
)


def resolve(arguments: Mapping[str, object], environment: Mapping[str, str]) -> Settings:
    """Decide each setting: the argument, else the environment, else the default.

    Args:
        arguments: what was passed; None means that nothing was.
        environment: the environment variables; an empty one counts as missing.

    Returns:
        The checked settings.

    Raises:
        ConfigurationError: a setting is wrong or not known.
    """
    known = [row.name for row in TABLE]
    for name in arguments:
        if name not in known:
            raise ConfigurationError(name, "is no setting", arguments[name], f"use one of {', '.join(known)}")
    values = _with_agent({row.name: _resolved(row, arguments.get(row.name), environment) for row in TABLE})
    _volume.check_room(values)
    return Settings(values)


def _resolved(row: _Setting, argument: object, environment: Mapping[str, str]) -> object:
    if argument is not None:
        return row.check(argument, row.name)
    for variable in row.variables:
        text = environment.get(variable)
        if text and row.parse:
            return row.check(row.parse(text, variable), variable)
    return row.check(row.default, row.name)


def _with_agent(values: dict[str, Any]) -> dict[str, Any]:
    """Find the agent where one is asked for, and see to it that it gets what it needs."""
    if values["sink"] == AGENT:
        from flowemf._output.agent import discover

        sink, log_group = discover("sink")
        values = {**values, "sink": _sink(sink, "AWS_EMF_AGENT_ENDPOINT")}
        values["log_group"] = values["log_group"] or _log_group(log_group, "AWS_EMF_LOG_GROUP_NAME")
    remote = isinstance(values["sink"], str) and values["sink"].startswith(NETWORK)
    if remote and not values["log_group"]:
        remedy = "name one: the CloudWatch agent refuses lines without it"
        raise ConfigurationError("log_group", "is missing", values["log_group"], remedy)
    return values
