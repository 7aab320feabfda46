"""Finds the OpenTelemetry tracer provider of the application, or makes one where there is none.

The environment goes in; a provider comes out, with the exporters that OTEL_TRACES_EXPORTER names. A provider that the
application has set is used as it is and never replaced.
"""

from __future__ import annotations

import os

from opentelemetry import trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import EntryPoint

    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.id_generator import IdGenerator

    from flowemf._tally import Tally

# https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#exporter-selection
_EXPORTERS = "OTEL_TRACES_EXPORTER"
_NONE = "none"
_GROUP = "opentelemetry_traces_exporter"
# `otlp` is registered by the package that has both protocols; each protocol's own package registers only its own.
_ALSO = {"otlp": ("otlp_proto_http", "otlp_proto_grpc")}

_NOWHERE = (
    "spans_not_exported",
    (
        f"spans are opened and go nowhere: set a tracer provider before the first flow, or {_EXPORTERS}=otlp and "
        f"pip install opentelemetry-exporter-otlp, or {_EXPORTERS}={_NONE} if that is what you want"
    ),
)


def prepare() -> None:
    """Import what `provider` will need, so that it is missing at `configure` and not at the first flow.

    Raises:
        ImportError: the application has no provider, and what makes one is not installed.
    """
    if _is_missing():
        from opentelemetry.sdk.extension.aws.trace import AwsXRayIdGenerator  # noqa: F401


def provider(tally: Tally, *, may_export_nothing: bool = False) -> trace.TracerProvider:
    """Give the application's provider; without one, make and set one.

    It is asked for at the first span, so that an application may set its own after it has configured flowemf.

    Args:
        tally: where exporters that cannot be used are counted.
        may_export_nothing: whether spans are of use without an exporter.
    """
    if _is_missing():
        trace.set_tracer_provider(_made(tally, may_export_nothing=may_export_nothing))
    return trace.get_tracer_provider()


def _is_missing() -> bool:
    return isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def _made(tally: Tally, *, may_export_nothing: bool) -> TracerProvider:
    """Make a provider whose trace identifiers begin with the time.

    X-Ray wants them so (https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-traceids).
    """
    from opentelemetry.sdk.trace import TracerProvider

    made = TracerProvider(id_generator=_id_generator())
    wanted = os.environ.get(_EXPORTERS, "").strip()
    exporters = [] if wanted == _NONE else [each for each in wanted.split(",") if each.strip()]
    if not (exporters or may_export_nothing or wanted == _NONE):
        tally.count(*_NOWHERE)
    for name in exporters:
        _add_exporter(made, name.strip(), tally)
    return made


def _id_generator() -> IdGenerator | None:
    """Give the generator of X-Ray's identifiers; None where what makes them is missing: who needs it has prepared."""
    try:
        from opentelemetry.sdk.extension.aws.trace import AwsXRayIdGenerator
    except ImportError:
        return None
    return AwsXRayIdGenerator()


def _add_exporter(made: TracerProvider, name: str, tally: Tally) -> None:
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    try:
        made.add_span_processor(BatchSpanProcessor(next(_found(name)).load()()))
    except Exception as problem:
        reason = "is not installed" if isinstance(problem, StopIteration) else f"cannot be used ({problem})"
        tally.count("span_exporter_missing", f"the exporter {name!r}, which {_EXPORTERS} names, {reason}")


def _found(name: str) -> Iterator[EntryPoint]:
    from importlib.metadata import entry_points

    for each in (name, *_ALSO.get(name, ())):
        yield from entry_points(group=_GROUP, name=each)
