"""An application that is measured with aws-embedded-metrics: two orders, and one that fails.

    pip install aws-embedded-metrics
    AWS_EMF_ENVIRONMENT=local python examples/embedded_metrics/before.py

after.py is the same application, moved over to flowemf's sink.
"""

from aws_embedded_metrics import metric_scope
from aws_embedded_metrics.logger.metrics_logger import MetricsLogger


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
