"""The default monitor: the functions of the front door, and what they do before `configure` was called.

Calls go in and on to the monitor that `configure` made. Without one they are counted, said once, and do nothing.
"""

from __future__ import annotations

from flowemf._instrument import GenerationBlock, flow_block
from flowemf._monitor import Monitor
from flowemf._tally import Tally
from flowemf_schemas import units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar, overload

    from typing_extensions import Unpack

    from flowemf._events.lines import Lines
    from flowemf._instrument import FlowBlock
    from flowemf._monitor import Measured
    from flowemf._settings import Arguments

    F = TypeVar("F", bound=Callable[..., Any])
else:

    def overload(function):
        """Stand in for `typing.overload`, which costs 10 ms to import."""
        return function


_NOT_CONFIGURED = (
    "not_configured",
    "nothing is measured yet: call flowemf.configure(namespace=...) when the program starts",
)

_before = Tally()
_monitor: Monitor | None = None


def configured() -> Monitor | None:
    """Give the default monitor, if there is one."""
    return _monitor


def replace(monitor: Monitor | None) -> None:
    """Make another monitor the default one; None means that there is none."""
    global _monitor  # noqa: PLW0603 - see configure
    _monitor = monitor


def _none_yet() -> Monitor | None:
    """Stand in for the monitor that nobody has made yet, and say so."""
    _before.count(*_NOT_CONFIGURED)
    return None


def found_lines() -> Lines | None:
    """Give the way to write through the default monitor; without one, count and say that nothing is measured yet."""
    monitor = _monitor or _none_yet()
    return None if monitor is None else monitor.lines


def configure(namespace: str | None = None, **settings: Unpack[Arguments]) -> Monitor:
    """Make the monitor that the functions of this package write through.

    Each setting is the argument, else the environment variable FLOWEMF_<NAME IN CAPITALS>, else the default.
    A second call replaces the monitor.

    >>> configure("MyApp/GenKit", sink="stderr").stats()["lines_written"]
    0

    Args:
        namespace: the CloudWatch namespace, 1 to 255 printable ASCII characters
            (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html).
            AWS_EMF_NAMESPACE is read too. Default "FlowEMF".
        **settings: any of those below, by keyword.
        enable_flow_metrics: whether flows are written. Default True.
        enable_model_metrics: whether generations are written. Default True.
        custom_dimensions: up to 27 dimensions, key -> value, for every metric. In the environment:
            Environment=prod,Team=ai, or a JSON object. Default none.
        rollups: the dimension sets beside the full one (the custom dimensions and the metric's own):
            "none": no other. "standard", the default: the flow or the model alone, for errors the error type alone,
            and no dimension at all. "all": every subset of the metric's own dimensions (up to four of them; beyond that
            the whole, each alone, and none). CloudWatch bills each distinct metric, which is a name with one
            combination of dimension values. With F flows, M models and E error types that occur, FlowDuration counts
            2F of them (two statuses) under "none", 3F + 1 under "standard" and 3F + 3 under "all"; FlowError FE,
            FE + F + E + 1, and at most 2FE + 2F + 2E + 2; TokensUsed M, M + 1 and M + 1. Without custom
            dimensions equal sets count once.
        error_types: what ErrorType says of errors that you know better: a mapping from exception classes (subclasses
            included), class names ("QuotaError", "shop.QuotaError") or services' error codes to names such as
            "Quota", or a function from an error (an exception or a text) to a name or None. Where it says nothing,
            flowemf does: Timeout, Throttling, RateLimit, Authentication, Connection, GenericError. A name is 1 to 255
            printable ASCII characters; each new one is a metric to pay for. Default none.
        redact: what is taken out of properties and messages before they leave. True, the default: AWS keys and tokens,
            bearer tokens, passwords, JWTs, keys of model providers, GitHub and Slack, private keys, e-mail addresses
            and card numbers, each replaced by a mark such as [redacted:email]. A list of regular expressions takes out
            what they match as well ([redacted:custom]); they are run on every text, so a slow one is slow every time.
            A function gets each text after that and gives the one to write; where it fails, the whole text is
            replaced. False: properties and messages leave as they are. Dimension values are always redacted, since
            CloudWatch keeps metrics for 15 months and cannot delete them. In dimension values given per call (flow
            names, model identifiers, dimensions of your own metrics) UUIDs, hexadecimal numbers of 16 digits or more,
            decimal numbers of 13 or more and ULIDs become `_identifier`, since each would be a metric to pay for.
        enable_xray_tracing: whether flows and generations also open OpenTelemetry spans, which any collector takes to
            X-Ray; needs `flowemf[otel]`. Spans go through the tracer provider that the application has set by its first
            flow. Where there is none, one is made: with X-Ray identifiers, and the exporters that OTEL_TRACES_EXPORTER
            names. There are no spans where there are no lines. Default False.
        prices: what tokens cost, so that each generation carries EstimatedCost, in US dollars: a mapping from a model's
            name, or a pattern with * and ?, to the prices of a million tokens, {"input": "0.06", "output": "0.24",
            "cache_read": "0.015", "cache_write": "0.075"}, or the path of a JSON file that holds such a mapping. A name
            goes before a pattern, a pattern before later ones, the model that was asked for before the one that
            answered. A number is taken as the decimals that it is written with. Cached tokens cost their own price
            alone. Without a price for each kind of tokens that was used, and a number for each price but the cache's,
            there is no cost, rather than a wrong one. Default none: prices of ours would grow old.
        sink: where lines go. "stdout", the default; "stderr"; the path of a file that is appended to, and opened again
            within a second when it was rotated away; a function that takes one line as bytes, newline included;
            "tcp://host:port" or "udp://host:port", the CloudWatch agent or another collector (port 25888 by default),
            always with delivery="background": lines wait while it is away, and one that was not wholly handed over is
            sent again; "agent": the agent that the configuration of aws-embedded-metrics names
            (AWS_EMF_AGENT_ENDPOINT; needs `flowemf[agent]`), or stdout in a Lambda function. A line that was handed
            over may still be lost with the agent: neither protocol confirms. A datagram holds 65,507 bytes; longer
            lines are left out and counted over UDP.
        delivery: "sync", the default: a line has left when the call that wrote it returns, as with `print`, or another
            thread that was just writing has taken it over; the call waits as long as the reader does. "background": a
            thread writes, the call never waits for the reader; what waits is written at exit and at SIGTERM, or when
            `flowemf.flush` is called, within two seconds. What finds the queue full is dropped and counted, and a line
            of its own reports it, with the metric LinesDropped. SIGTERM is watched only where `configure` is called in
            the main thread, and only for "background" or a metric_buffer_size above 1.
        queue_size: how many lines may wait with delivery="background". A line beyond 4 KB takes a place for each 4 KB.
            Default 10,000.
        metric_buffer_size: how many events are gathered before a thread writes them; a program that never pauses may be
            up to 1,024 ahead of it. 1, the default: each event is a line of its own, with its properties. More: events
            of one kind, with the same dimension values, in the same minute, share a line with up to 100 values for each
            metric: the same numbers for a fraction of the bytes. Such lines carry no properties of single events: no
            flow_id, no error_message, nothing bound. Events that wait are written at exit, at SIGTERM and by
            `flowemf.flush`; those of a process that is killed are lost. Up to 100,000.
        flush_interval_seconds: how long a gathered event waits at most. Default 30.
        sample_rate: the share of end lines that are written, 1/N: 0.1 is one in ten, in the environment also 1/10. The
            ends of flows and generations that did not fail are chosen by chance, and each that is written counts for
            N, with weighted values and the property sample_rate. Starts, errors and metrics of your own are all
            written. Sums, counts and percentiles are then unbiased, not exact: right over many events, while those
            of a few scatter. Default 1, every line.
        max_series: how many combinations of dimension values there may be. What calls bring is counted: names of flows,
            models, and the dimensions of a call to `metric` or `fields` together; each one is several metrics to pay
            for. Beyond it a new value is written as `_other`, counted as series_limited. Statuses, the usual error
            types and custom dimensions do not count. Default 1,000.
        max_line_bytes: the longest line, 4,096 to 1,048,576 bytes, newline included. What is longer loses the
            properties that were added last, and says how many with the property properties_cut; where the numbers
            alone are too long, they are divided among several lines, with the event "metric". Docker and other
            runtimes split lines at 16 KB: use 16384 there. Default 1,048,576, what CloudWatch Logs takes
            (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html).
        leading_newline: whether each line on stdout or stderr also begins with a newline, so that it stands alone even
            where another part of the program prints without finishing its line, or to the same stream at the same
            moment; the price is an empty line before each. Default False.
        log_group: the log group that the CloudWatch agent is to write the lines to, up to 512 characters; the agent
            refuses lines without it. AWS_EMF_LOG_GROUP_NAME is read too. Default none; with sink="agent" the one that
            aws-embedded-metrics would use.
        local: whether lines for people are written instead of EMF: short, and in colours where the sink is a terminal
            and NO_COLOR is not set. For a developer's terminal: CloudWatch finds no metrics in them. Default False.
        clock: an object with `wall_ms()`, the milliseconds since the epoch, and `monotonic_ms()`, milliseconds for
            durations. Default: the system's.
        disabled: whether nothing at all is written. Default False.

    Returns:
        The monitor.

    Raises:
        ConfigurationError: a setting is wrong; the message says what, the value and the remedy.
    """
    global _monitor  # noqa: PLW0603 - the default monitor is this module's one piece of state
    _monitor = Monitor(namespace, **settings)
    return _monitor


@overload
def flow(name: F) -> F: ...


@overload
def flow(name: str | None = None) -> FlowBlock: ...  # noqa: F811 - ruff does not know our overload


def flow(name: Any = None) -> Any:  # noqa: F811
    """Measure a flow: as a decorator, with or without parentheses, or around a block.

    It takes functions, coroutine functions and generator functions of both kinds; a generator's flow lasts until it is
    exhausted, and is cancelled when it is closed early. Result and exceptions stay as they are. asyncio's
    CancelledError and GeneratorExit make the status Cancelled, any other exception Error.

    >>> @flow("chat")
    ... def answer(question: str) -> str:
    ...     return "42"
    >>> with flow("chat") as running:
    ...     len(running.flow_id)
    16

    Args:
        name: the flow's name. Without it a decorated function gives its own: `Agent.run` for a method.

    Returns:
        The decorated function where one was passed; else an object that is a decorator, a context manager and an
        asynchronous context manager. The block gets a `Flow`.
    """
    return flow_block(found_lines, name)


def generation(model_id: str) -> GenerationBlock:
    """Measure a model generation: as a decorator or around a block.

    >>> with generation("amazon.nova-lite-v1:0") as running:
    ...     running.first_token()
    ...     running.record_usage(input_tokens=11, output_tokens=7)  # or running.record_response(response)

    Args:
        model_id: the model or alias that is asked for.

    Returns:
        An object that is a decorator, a context manager and an asynchronous context manager. The block gets a
        `Generation`. A cancelled generation is counted, and is no error.
    """
    return GenerationBlock(found_lines, model_id)


def record_generation(model_id: str, *, duration_ms: float, **measured: Unpack[Measured]) -> None:
    """Write a generation at once, for those who have measured it already; also the hook `on_generate`.

    >>> usage = {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}
    >>> record_generation("amazon.nova-lite-v1:0", duration_ms=812.5, response={"usage": usage})

    Args:
        model_id: the model or alias that was asked for.
        duration_ms: how long it took, in milliseconds.
        **measured: any of those below, by keyword.
        tokens_used: the reported total; without it, input + output is written as TokensUsed.
        input_tokens: tokens of the input, cached ones included.
        output_tokens: tokens of the output, reasoning included.
        cache_read_tokens: the part of the input that came from the cache.
        cache_write_tokens: the part of the input that was written to the cache.
        reasoning_tokens: the part of the output that was reasoning.
        time_to_first_token_ms: from the start to the first token, in milliseconds.
        error: the exception, or a class name, an error code or a message; None where nothing went wrong.
        resolved_model_id: the model that really answered; a property of the line.
        response: what the model's client returned, as `Generation.record_response` takes it; what is given beside it
            goes before what it says.
    """
    monitor = _monitor or _none_yet()
    if monitor is not None:
        monitor.record_generation(model_id, duration_ms=duration_ms, **measured)


def metric(
    name: str,
    value: float,
    unit: str = units.NONE,
    dimensions: Mapping[str, str] | None = None,
    *,
    resolution: int = 60,
    namespace: str | None = None,
) -> None:
    """Write one value of a metric of your own.

    >>> metric("DocumentsFound", 3, "Count", {"Index": "manuals"})

    Args:
        name: the metric's name, 1 to 255 printable characters.
        value: a finite number; NaN, infinities, booleans and text are left out and counted.
        unit: one of CloudWatch's units
            (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html).
        dimensions: key -> value; the full set is these and the custom dimensions.
        resolution: 60, or 1 for a high-resolution metric; in seconds.
        namespace: another namespace than the configured one.
    """
    monitor = _monitor or _none_yet()
    if monitor is not None:
        monitor.metric(name, value, unit, dimensions, resolution=resolution, namespace=namespace)


def fields(
    metrics: Mapping[str, Any], dimensions: Mapping[str, str] | None = None, *, namespace: str | None = None
) -> dict[str, Any]:
    """Give keywords for a log call, so that the application's own log event carries metrics.

    `log.info("answered", **fields({"Latency": (12, "Milliseconds")}))` with structlog, or with the standard library
    `logging.info("answered", extra=fields(...))`. Any JSON renderer that writes one line to the standard output makes
    a valid EMF document of it; `flowemf.structlog` also cleans the event's other members. An event that a log level
    suppresses carries its metrics away with it.

    >>> fields({"Latency": (12, "Milliseconds")}, {"Route": "chat"})["Latency"]
    12

    Args:
        metrics: name -> a number, a list of numbers, or a tuple: either of them, the unit, and for a high-resolution
            metric 1. What one document has no room for (100 metrics, 100 values each,
            https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html)
            is written at once in lines of its own.
        dimensions: key -> value; the full set is these and the custom dimensions.
        namespace: another namespace than the configured one.

    Returns:
        Members of the event, each of them plain JSON: `_aws`, the dimensions, the metrics.
    """
    monitor = _monitor or _none_yet()
    return {} if monitor is None else monitor.fields(metrics, dimensions, namespace=namespace)


def bind(**properties: object) -> None:
    """Add properties to every line that this thread or task writes from now on, through any monitor.

    Properties are never dimensions. Their text is cleaned of secrets and personal data. `traceparent` is another thing:
    the header of that name (https://www.w3.org/TR/trace-context/), text, bytes or None, whose trace the lines then name
    as `trace_id`, in the form of X-Ray, and whose child the spans are (`enable_xray_tracing`). The first of these that
    there is decides: the current span of OpenTelemetry, where the program has imported it; the bound traceparent; the
    invocation of a Lambda function; the environment variable TRACEPARENT.

    >>> bind(request_id="r-1", tenant="acme")

    Args:
        **properties: name -> value.
    """
    monitor = _monitor or _none_yet()
    if monitor is not None:
        monitor.bind(**properties)


def unbind(*property_names: str) -> None:
    """Remove bound properties from the lines of this thread or task.

    >>> unbind("request_id")

    Args:
        *property_names: which; without any, all of them.
    """
    monitor = _monitor or _none_yet()
    if monitor is not None:
        monitor.unbind(*property_names)


def stats() -> dict[str, int]:
    """Count what the default monitor wrote, and what was left out or changed, by reason.

    >>> "lines_written" in stats()
    True

    Returns:
        `lines_written`, and one member for each reason that occurred; `not_configured` counts the calls before
        `configure`.
    """
    counts = _monitor.stats() if _monitor is not None else {"lines_written": 0}
    before = _before.as_dict()
    return {reason: counts.get(reason, 0) + before.get(reason, 0) for reason in {**counts, **before}}


def on_flow_start(name: str) -> None:
    """Write that a flow has started; see `Monitor.on_flow_start`."""
    monitor = _monitor or _none_yet()
    if monitor is not None:
        monitor.lines.flow_started(name)


def on_flow_end(name: str, duration_ms: float) -> None:
    """Write that a flow has succeeded; see `Monitor.on_flow_end`."""
    monitor = _monitor or _none_yet()
    if monitor is not None:
        monitor.lines.flow_completed(name, duration_ms)


def on_flow_error(name: str, duration_ms: float, error: BaseException | str | None = None) -> None:
    """Write that a flow has failed; see `Monitor.on_flow_error`."""
    monitor = _monitor or _none_yet()
    if monitor is not None:
        monitor.on_flow_error(name, duration_ms, error)


def on_flow_cancelled(name: str, duration_ms: float) -> None:
    """Write that a flow was cancelled; see `Monitor.on_flow_cancelled`."""
    monitor = _monitor or _none_yet()
    if monitor is not None:
        monitor.on_flow_cancelled(name, duration_ms)


def on_generate(model_id: str, *, duration_ms: float, **measured: Unpack[Measured]) -> None:
    """Write that a model has answered, or failed to; the same as `record_generation`."""
    record_generation(model_id, duration_ms=duration_ms, **measured)
