"""Dashboards of an account.

A name and a body go in; the dashboard is there, or gone.
"""

from __future__ import annotations

import json
from typing import Any

from botocore import exceptions as sdk

from flowemf_processor.errors import RefusedForGoodError
from flowemf_processor.sinks.account_api import ATTEMPTS, asked
from flowemf_processor.sinks.aws_client import aws_client

_MISSING = ("ResourceNotFound", "DashboardNotFoundError", "ResourceNotFoundException")


class Dashboards:
    """The dashboards of one account; they belong to no Region.

    Args:
        endpoint_url: another endpoint than the Region's own.
        region: through which Region to ask.

    Raises:
        ConfigurationError: there is no Region or there are no credentials, or one of the settings is malformed.
    """

    def __init__(self, *, endpoint_url: str | None = None, region: str | None = None) -> None:
        self._client, _ = aws_client("cloudwatch", endpoint_url=endpoint_url, region=region, attempts=ATTEMPTS)

    def find(self, name: str) -> dict[str, Any] | None:
        """Give the body of a dashboard; None where there is no such dashboard."""
        with asked("cloudwatch:GetDashboard"):
            try:
                answer = self._client.get_dashboard(DashboardName=name)
            except sdk.ClientError as error:
                if error.response.get("Error", {}).get("Code") in _MISSING:
                    return None
                raise
        body: dict[str, Any] = json.loads(answer["DashboardBody"])
        return body

    def put(self, name: str, body: dict[str, Any]) -> None:
        """Make or replace a dashboard.

        Raises:
            RefusedForGoodError: CloudWatch finds something wrong with the body.
        """
        with asked("cloudwatch:PutDashboard"):
            answer = self._client.put_dashboard(DashboardName=name, DashboardBody=json.dumps(body))
        said = [each.get("Message", "") for each in answer.get("DashboardValidationMessages", ())]
        if said:
            raise RefusedForGoodError(f"cloudwatch:PutDashboard: {name}: {'; '.join(said)}")

    def delete(self, name: str) -> None:
        """Delete a dashboard that there is."""
        with asked("cloudwatch:DeleteDashboards"):
            self._client.delete_dashboards(DashboardNames=[name])
