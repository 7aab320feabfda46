"""Entry points for AWS Lambda: `flowemf_processor.handlers.logs_subscription`, `.kinesis` and `.firehose`.

What the services deliver goes in; metrics go to CloudWatch, or records go on to where Firehose takes them. The core is
that of `flowemf replay`; what is kept in its checkpoint is kept in DynamoDB here.
"""

from flowemf_processor.handlers.processing import kinesis, logs_subscription
from flowemf_processor.handlers.transformation import firehose

__all__ = ["firehose", "kinesis", "logs_subscription"]
