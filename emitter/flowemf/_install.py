"""Attaches every integration whose framework is there, with one call.

Nothing goes in; the names of what is attached come out, and what was left alone, and why, at the debug level of the
logger "flowemf". No framework is imported for it: what the application imports later is attached then.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logging import Logger

# Frameworks that trace their calls with OpenTelemetry, and the packages that do it for others.
_SOURCES_OF_SPANS = ("genkit", "strands", "pydantic_ai", "opentelemetry.instrumentation")
_BY_HAND = {
    "genkit": "what it does otel does too; Genkit(plugins=[FlowMetrics(...)]) is for programs with nothing else",
    "lambda_": "decorate the handler: @flowemf.integrations.lambda_.handler",
    "asgi": "wrap the application: flowemf.integrations.asgi",
    "embedded_metrics": "it changes where another library's metrics go: call its install()",
}

_attached: set[str] = set()


class _Integration:
    """One row of the table below.

    Attributes:
        name: the module in `flowemf.integrations`, which has a function `install`.
        needs: what must be importable.
        after: the module of the framework that it is attached to, once that is imported; None for at once.
    """

    __slots__ = ("after", "name", "needs")

    def __init__(self, name: str, needs: str, after: str | None) -> None:
        self.name = name
        self.needs = needs
        self.after = after


_TABLE = (
    # At once: the provider is one for the process, and whoever opens the first span may do so at any time.
    _Integration("otel", "opentelemetry.sdk", None),
    _Integration("bedrock", "botocore", "botocore.client"),
    _Integration("litellm", "litellm", "litellm"),
    _Integration("langchain", "langchain_core", "langchain_core.callbacks.manager"),
)


def install() -> tuple[str, ...]:
    """Collect flows and generations from every framework that is installed, with one call.

    Call it after `configure`, and after the application has set a tracer provider of its own, if it does; before or
    after the imports. A framework that is installed but not imported is not imported either: its integration waits
    until the application does so. OpenTelemetry's SDK is imported where it is installed together with something that
    opens spans. What is attached and what is left alone, and why, is said at the debug level of the logger "flowemf".
    Calling it again is harmless, and nothing is raised.

    >>> install() == install()
    True

    Returns:
        The names of the integrations that are attached by now: "otel", "bedrock", "litellm", "langchain". Each is a
        module in `flowemf.integrations`, and can be installed by itself instead.
    """
    from logging import getLogger

    log = getLogger("flowemf")
    for integration in _TABLE:
        _install(integration, log)
    for name, reason in _BY_HAND.items():
        log.debug("left %s alone: %s", name, reason)
    return tuple(integration.name for integration in _TABLE if integration.name in _attached)


def _install(integration: _Integration, log: Logger) -> None:
    name = integration.name
    if not _is_importable(integration.needs):
        log.debug("left %s alone: %s is not installed", name, integration.needs)
    elif integration.after is None and not _opens_spans():
        log.debug("left %s alone: none of %s is installed", name, ", ".join(_SOURCES_OF_SPANS))
    elif integration.after is None or integration.after in sys.modules:
        _attach(name, log)
    else:
        from flowemf._collecting.awaited_imports import after_import

        after_import(integration.after, lambda: _attach(name, log))
        log.debug("%s waits until %s is imported", name, integration.after)


def _attach(name: str, log: Logger) -> None:
    from importlib import import_module

    try:
        import_module(f"flowemf.integrations.{name}").install()
    except Exception as problem:  # an application is not stopped for want of a measurement
        log.debug("left %s alone: %s: %s", name, type(problem).__name__, problem)
        return
    _attached.add(name)
    log.debug("attached %s", name)


def _opens_spans() -> bool:
    return "opentelemetry.trace" in sys.modules or any(map(_is_importable, _SOURCES_OF_SPANS))


def _is_importable(name: str) -> bool:
    """Tell whether a package is installed, without importing it; what is above it must be a namespace."""
    from importlib.util import find_spec

    try:
        return name in sys.modules or find_spec(name) is not None
    except Exception:  # a finder of somebody else's, a package that is half there
        return False
