"""The Lambda function behind a subscription of a log group.

An event of CloudWatch Logs goes in; its metrics are in CloudWatch when the handler returns. Lambda calls it
asynchronously: when it raises, the event comes again, twice by default, and then goes to the on-failure destination
(https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
"""

from __future__ import annotations

from typing import Any

from flowemf_processor.errors import ConfigurationError
from flowemf_processor.handlers.call import call_of
from flowemf_processor.handlers.equipment import equipment
from flowemf_processor.handlers.processing import Processing


def logs_subscription(event: Any, context: Any) -> None:
    """Handle an event of CloudWatch Logs; name it `flowemf_processor.handlers.logs_subscription`.

    Args:
        event: `{"awslogs": {"data": …}}`.
        context: Lambda's.

    Raises:
        ConfigurationError: the settings, the event or the permissions are wrong; Lambda calls again.
        TryAgainLaterError: not everything could be delivered; Lambda calls again.
    """
    kit = equipment()
    logs = event.get("awslogs") if isinstance(event, dict) else None
    if not isinstance(logs, dict) or not isinstance(logs.get("data"), str):
        raise ConfigurationError(
            "this is no event of a CloudWatch Logs subscription: it has no awslogs.data; connect the function to a "
            "subscription filter, or choose the handler of the service that calls it"
        )
    Processing("logs_subscription", kit, call_of(context), "awslogs", [event]).run()
