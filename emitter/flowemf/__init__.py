"""Flow and generation metrics for LLM applications, carried by their own log lines.

Settings and events go in; CloudWatch Embedded Metric Format lines come out, one whole line an event. Importing this
package imports next to nothing else: it lives in somebody else's program.
"""

from flowemf._calls import Flow, Generation
from flowemf._default import (
    bind,
    configure,
    fields,
    flow,
    generation,
    metric,
    on_flow_cancelled,
    on_flow_end,
    on_flow_error,
    on_flow_start,
    on_generate,
    record_generation,
    stats,
    unbind,
)
from flowemf._errors import ConfigurationError, FlowEmfError
from flowemf._install import install
from flowemf._monitor import Monitor
from flowemf._output.endings import flush
from flowemf_schemas import __version__

__all__ = [
    "ConfigurationError",
    "Flow",
    "FlowEmfError",
    "Generation",
    "Monitor",
    "__version__",
    "bind",
    "configure",
    "fields",
    "flow",
    "flush",
    "generation",
    "install",
    "metric",
    "on_flow_cancelled",
    "on_flow_end",
    "on_flow_error",
    "on_flow_start",
    "on_generate",
    "record_generation",
    "stats",
    "unbind",
]
