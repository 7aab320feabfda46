"""The application of before.py, moved over: its lines leave through flowemf's sink, with the same metrics in them.

    pip install aws-embedded-metrics flowemf
    AWS_EMF_ENVIRONMENT=local python examples/embedded_metrics/after.py

One call is new, with its import. No socket and no event loop is used any more, and no call of the library raises.
"""

from aws_embedded_metrics import metric_scope
from aws_embedded_metrics.logger.metrics_logger import MetricsLogger

from flowemf.integrations import embedded_metrics

embedded_metrics.install()


@metric_scope
def order(item: str, pieces: int, metrics: MetricsLogger) -> None:
    """Take an order."""
    metrics.set_namespace("MyApp/Shop")
    metrics.put_dimensions({"Item": item})
    metrics.set_property("Warehouse", "north")
    metrics.put_metric("Orders", 1, "Count")
    metrics.put_metric("Pieces", pieces, "Count")
    if pieces > 10:
        metrics.put_metric("Refused", 1, "Count")
        raise ValueError("too many pieces")


order("flour", 3)
order("salt", 1)
try:
    order("flour", 12)
except ValueError as problem:
    print(f"sorry: {problem}")
