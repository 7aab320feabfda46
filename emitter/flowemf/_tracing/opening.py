"""Says what is missing where spans are wanted, before anything heavy is imported.

The lines of a monitor go in; what opens its spans comes out, or a `ConfigurationError`.
"""

from __future__ import annotations

from flowemf._errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowemf._events.lines import Lines
    from flowemf._tally import Tally
    from flowemf._tracing.spans import Tracing


def open_tracing(lines: Lines, tally: Tally) -> Tracing:
    """Make what opens spans.

    Args:
        lines: the lines of the monitor.
        tally: its counts.

    Raises:
        ConfigurationError: OpenTelemetry is not installed, or what is needed to make a tracer provider.
    """
    try:
        from flowemf._tracing.provider import prepare
        from flowemf._tracing.spans import Tracing

        prepare()
    except ImportError as problem:
        remedy = f"pip install 'flowemf[otel]' ({problem})"
        raise ConfigurationError("enable_xray_tracing", "needs OpenTelemetry", True, remedy) from None
    return Tracing(lines, tally)
