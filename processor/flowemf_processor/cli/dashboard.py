"""`flowemf dashboard`: a CloudWatch or Grafana dashboard of what an application really emits.

Logs, or an account's namespace, go in; a dashboard comes out, is compared with the one in the account, or replaces it.
"""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any

import click

from flowemf_processor.cli.options.building import EXIT_FINDINGS
from flowemf_processor.cli.options.inventory_input import inventory_options, taken_inventory_input
from flowemf_processor.cli.options.reading import paths_argument
from flowemf_processor.cli.output.streams import counted, data, printable, say, styled
from flowemf_processor.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowemf_processor.cli.options.inventory_input import InventoryInput
    from flowemf_processor.core.insight.charts import Chart
    from flowemf_processor.sinks.account_setup import Dashboards

_EPILOG = """
\b
Examples:
  flowemf dashboard show app.log > dashboard.json
  flowemf dashboard show app.log --grafana > grafana.json
  flowemf dashboard diff app.log
  flowemf dashboard apply --live --namespace MyApp/GenKit
"""

_name = click.option(
    "--name", metavar="NAME", help="What the dashboard is called. Default: the namespace, as MyApp-GenKit."
)


@click.group(epilog=_EPILOG)
def dashboard() -> None:
    """Make a dashboard of what an application really emits.

    Every widget names a dimension set that exists, as found in logs or, with --live, in the account. What cannot be
    shown is said with the reason.
    """


@dashboard.command(epilog=_EPILOG)
@paths_argument
@click.option("--grafana", is_flag=True, help="For Grafana's CloudWatch data source, to be imported there.")
@click.option("--cloudformation", is_flag=True, help="As a CloudFormation template with the dashboard in it.")
@_name
@inventory_options
def show(paths: tuple[str, ...], grafana: bool, cloudformation: bool, name: str | None, **options: Any) -> None:
    """Print the dashboard as JSON; nothing is sent."""
    if grafana and cloudformation:
        raise click.UsageError("--grafana and --cloudformation are two forms of the same; choose one.")
    charts, chosen = _charts(paths, options)
    name = name or _default_name(charts)
    if grafana:
        from flowemf_processor.core.insight.grafana import grafana_dashboard

        data(json.dumps(grafana_dashboard(charts, title=name), indent=2))
        return
    body = _body(charts, chosen)
    if cloudformation:
        properties = {"DashboardName": name, "DashboardBody": json.dumps(body)}
        body = {"Resources": {"Dashboard": {"Type": "AWS::CloudWatch::Dashboard", "Properties": properties}}}
    data(json.dumps(body, indent=2))


@dashboard.command(epilog=_EPILOG)
@paths_argument
@_name
@inventory_options
def diff(paths: tuple[str, ...], name: str | None, **options: Any) -> int:
    """Show what apply would change; exits with 1 if that is anything."""
    charts, chosen = _charts(paths, options)
    name = name or _default_name(charts)
    there = _account(chosen).find(name)
    changes = _changes(there, _body(charts, chosen), name)
    for line in changes:
        data(styled(printable(line), bold=line.startswith(("+", "-"))))
    if not changes:
        say(f"flowemf dashboard: {name} is as it should be")
    return EXIT_FINDINGS if changes else 0


@dashboard.command(epilog=_EPILOG)
@paths_argument
@_name
@click.option("--delete", is_flag=True, help="Delete the dashboard instead.")
@inventory_options
def apply(paths: tuple[str, ...], name: str | None, delete: bool, **options: Any) -> None:
    """Make the dashboard in the account, or replace it where it differs.

    With --delete --name NAME, no PATH is needed.
    """
    if delete and name and not paths:
        _delete(_account(taken_inventory_input(options)), name)
        return
    charts, chosen = _charts(paths, options)
    name, account = name or _default_name(charts), _account(chosen)
    if delete:
        _delete(account, name)
        return
    body, there = _body(charts, chosen), account.find(name)
    if there == body:
        say(f"flowemf dashboard: {name} is as it should be; nothing was changed")
        return
    warnings = account.put(name, body)
    done = "made" if there is None else "replaced"
    say(f"flowemf dashboard: {done} {name}, with {counted(len(charts), 'picture')}")
    for each in warnings:
        say(f"flowemf dashboard: CloudWatch may not show all of it: {each}")


def _charts(paths: tuple[str, ...], options: dict[str, Any]) -> tuple[list[Chart], InventoryInput]:
    from flowemf_processor.core.insight.charts import charts

    chosen = taken_inventory_input(options)
    drawn, left_out = charts(chosen.take(paths, "dashboard"))
    for each in left_out:
        say(f"left out: {each.title}: {each.reason}")
    if not drawn:
        raise ConfigurationError("there is nothing to show in a dashboard; the reasons are above")
    return drawn, chosen


def _default_name(charts: Sequence[Chart]) -> str:
    from flowemf_processor.core.insight.dashboard import dashboard_name

    return dashboard_name(list(dict.fromkeys(chart.namespace for chart in charts)))


def _body(charts: Sequence[Chart], chosen: InventoryInput) -> dict[str, Any]:
    from flowemf_processor.core.insight.dashboard import dashboard as made
    from flowemf_processor.sinks.aws import configured_region

    return made(charts, region=configured_region(chosen.region))


def _account(chosen: InventoryInput) -> Dashboards:
    from flowemf_processor.sinks.account_setup import Dashboards

    return Dashboards(endpoint_url=chosen.endpoint_url, region=chosen.region)


def _delete(account: Dashboards, name: str) -> None:
    if account.find(name) is None:
        say(f"flowemf dashboard: there is no dashboard {name}; nothing was changed")
        return
    account.delete(name)
    say(f"flowemf dashboard: deleted {name}")


def _changes(there: dict[str, Any] | None, body: dict[str, Any], name: str) -> list[str]:
    from flowemf_processor.core.insight.dashboard import readable

    before = [] if there is None else readable(there)
    return list(
        difflib.unified_diff(before, readable(body), f"{name} (in the account)", f"{name} (new)", "", "", 2, "")
    )
