"""`flowemf prometheus-config`: a configuration of cloudwatch_exporter that matches what is emitted.

Logs, or an account's namespace, go in; a YAML file comes out.
"""

from __future__ import annotations

from typing import Any

import click

from flowemf_processor.cli.options.inventory_input import inventory_options, taken_inventory_input
from flowemf_processor.cli.options.reading import paths_argument
from flowemf_processor.cli.output.streams import data

_EPILOG = """
\b
Examples:
  flowemf prometheus-config app.log > cloudwatch_exporter.yml
  flowemf prometheus-config --live --namespace MyApp/GenKit

The exporter needs cloudwatch:ListMetrics and cloudwatch:GetMetricData. Without CloudWatch in between, use flowemf
replay --follow --to prometheus.
"""


@click.command(name="prometheus-config", epilog=_EPILOG)
@paths_argument
@inventory_options
def prometheus_config(paths: tuple[str, ...], **options: Any) -> None:
    """Print a configuration of Prometheus's cloudwatch_exporter that matches what is emitted.

    Each metric is exported under its full dimension sets, whose labels Prometheus can sum over, and never under the
    roll-ups too, which would count everything again. Percentiles, which cannot be summed, come from a roll-up.
    """
    from flowemf_processor.core.insight.exporter_config import exporter_config
    from flowemf_processor.sinks.aws import configured_region

    chosen = taken_inventory_input(options)
    region = configured_region(chosen.region)
    data(exporter_config(chosen.take(paths, "prometheus-config"), region=region).rstrip("\n"))
