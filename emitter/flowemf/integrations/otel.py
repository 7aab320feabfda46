"""Collects flows and generations from OpenTelemetry spans: Genkit and every source of gen_ai spans.

`install()` attaches one span processor to the tracer provider; from then on what frameworks trace becomes the same
lines as those of `flowemf.flow` and `flowemf.generation`. docs/automatic-collection.md says what is collected from
whom.

    import flowemf
    from flowemf.integrations import otel

    flowemf.configure("MyApp/GenKit")
    otel.install()
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf import _default
from flowemf._tally import Tally

try:
    from opentelemetry import trace

    from flowemf._collecting.attaching import Attached
except ImportError as missing:
    raise ImportError(
        f"flowemf.integrations.otel needs opentelemetry-sdk, which is not installed: pip install 'flowemf[otel]' "
        f"({missing})"
    ) from missing

if TYPE_CHECKING:
    from flowemf._events.lines import Lines
    from flowemf._monitor import Monitor

__all__ = ["install", "uninstall"]

_attached: Attached | None = None
_chosen: Monitor | None = None


def install(monitor: Monitor | None = None, *, tracer_provider: trace.TracerProvider | None = None) -> None:
    """Collect flows and generations from spans from now on.

    Call it once, after `flowemf.configure` and after the application has set a tracer provider of its own, if it does;
    before or after the frameworks are imported. Where there is no provider, one is made and set, with X-Ray identifiers
    where opentelemetry-sdk-extension-aws is installed, and the exporters that OTEL_TRACES_EXPORTER names. Spans that
    the provider's sampler drops are counted too, and are exported as little as before.

    >>> install()
    >>> install()  # once more changes nothing
    >>> uninstall()

    Args:
        monitor: the monitor to write through; default: the one that `flowemf.configure` made, whenever it did. A later
            call with another monitor takes the place of the first.
        tracer_provider: a provider of OpenTelemetry's SDK, where spans do not go through the global one. Several may be
            installed, one after the other.

    Raises:
        ConfigurationError: the tracer provider takes no span processors.
    """
    global _attached, _chosen  # noqa: PLW0603 - of the process, like the global tracer provider
    _chosen = monitor or _chosen
    known = _chosen or _default.configured()
    attached = _attached or Attached(_find_lines)
    attached.attach(tracer_provider, Tally() if known is None else known.tally)
    _attached = attached


def uninstall() -> None:
    """Stop collecting; for tests. A provider that was made stays."""
    global _attached, _chosen
    attached, _attached, _chosen = _attached, None, None
    if attached is not None:
        attached.detach()


def _find_lines() -> Lines | None:
    return _default.found_lines() if _chosen is None else _chosen.lines
