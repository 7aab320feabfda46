"""`flowemf alarms`: alarms for an application and its pipeline, none of which could never fire.

Logs, or an account's namespace, go in; alarms come out, are compared with those in the account, or replace them.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import click

from flowemf_processor.cli.options.building import EXIT_FINDINGS, together
from flowemf_processor.cli.options.inventory_input import inventory_options, taken_inventory_input
from flowemf_processor.cli.options.metrics_input import pairs
from flowemf_processor.cli.options.reading import paths_argument
from flowemf_processor.cli.output.streams import counted, data, json_data, printable, say, styled
from flowemf_processor.core.insight.alarms import KEYS, RULES

if TYPE_CHECKING:
    from flowemf_processor.cli.options.inventory_input import InventoryInput
    from flowemf_processor.core.insight.alarms import Judged, Wish
    from flowemf_processor.sinks.account_setup import Alarms

_TEXT, _CLOUDFORMATION, _JSON, _CLI = "text", "cloudformation", "json", "cli"
_EPILOG = """
\b
Examples:
  flowemf alarms show app.log
  flowemf alarms show app.log --format cloudformation > alarms.json
  flowemf alarms diff app.log --threshold error-rate=1
  flowemf alarms apply app.log --action arn:aws:sns:eu-west-1:123456789012:ops
  flowemf alarms apply --live --namespace MyApp/GenKit --only no-data
  flowemf alarms apply app.log --only error-rate --dimension FlowName=chat
  flowemf alarms show --log-group /ecs/chat

Exits with 1 if an alarm is refused because it could never fire; diff also if there is a difference.
"""


@click.group(epilog=_EPILOG)
def alarms() -> None:
    """Make alarms for an application and its pipeline.

    An alarm on a metric and dimension set that nobody publishes never fires: such a one is refused with the reason.
    What is published is found in logs or, with --live, in the account.
    """


def _thresholds(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in given:
        key, _, number = text.partition("=")
        try:
            found[key] = float(number)
        except ValueError:
            raise click.BadParameter(f"{text!r} is no key and number; write error-rate=5.") from None
        if key not in KEYS or not math.isfinite(found[key]):
            raise click.BadParameter(f"{text!r}: a finite number for one of {', '.join(KEYS)}.")
    return found


def _arns(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    for text in given:
        if not text.startswith("arn:") or len(text.split(":")) < 6:
            raise click.BadParameter(f"{text!r} is no ARN; an SNS topic's looks like arn:aws:sns:REGION:ACCOUNT:NAME.")
    return given


_alarm_options = together(
    click.option(
        "--only", metavar="KEY", multiple=True, type=click.Choice(KEYS), help=f"Only this alarm: {', '.join(KEYS)}."
    ),
    click.option(
        "--threshold",
        "thresholds",
        metavar="KEY=NUMBER",
        multiple=True,
        callback=_thresholds,
        help=f"Another threshold. Defaults: {', '.join(f'{rule.key}={rule.threshold:.0f}' for rule in RULES)}.",
    ),
    click.option(
        "--dimension",
        "dimensions",
        metavar="KEY=VALUE",
        multiple=True,
        callback=pairs,
        help="Watch this dimension set of the flows' metrics. Default: the one without dimensions, which is all flows.",
    ),
    click.option(
        "--action",
        "actions",
        metavar="ARN",
        multiple=True,
        callback=_arns,
        help="Tell this SNS topic, or other action, when an alarm fires and when it is over.",
    ),
    click.option(
        "--log-group",
        "log_groups",
        metavar="G",
        multiple=True,
        help="Also watch what CloudWatch cannot extract from this log group.",
    ),
    click.option(
        "--handler",
        "functions",
        metavar="FUNCTION",
        multiple=True,
        help="Also watch this Lambda function, a handler of flowemf. Its own log, or --live --namespace "
        "flowemf/Handlers, shows what it publishes.",
    ),
    click.option(
        "--processor-log-group",
        "processor_log_groups",
        metavar="G",
        multiple=True,
        help="Also watch a processor: flowemf replay --follow --log-json, which writes into this log group. A metric "
        "filter makes a metric of its status lines.",
    ),
)


@alarms.command(epilog=_EPILOG)
@paths_argument
@click.option(
    "--format",
    "shape",
    type=click.Choice([_TEXT, _CLOUDFORMATION, _JSON, _CLI]),
    default=_TEXT,
    help="Print text, a CloudFormation template, PutMetricAlarm's parameters, or commands of the AWS CLI.",
)
@_alarm_options
@inventory_options
def show(paths: tuple[str, ...], shape: str, **options: Any) -> int:
    """Print the alarms; nothing is sent."""
    from flowemf_processor.core.insight import alarm_forms

    judged, wish, _ = _judged(paths, options)
    if shape == _CLOUDFORMATION:
        data(json.dumps(alarm_forms.template(judged.alarms, wish.processor_log_groups), indent=2))
    elif shape == _CLI:
        for command in alarm_forms.commands(judged.alarms, wish.processor_log_groups):
            data(printable(command))
    for alarm in judged.alarms:
        if shape == _JSON:
            json_data(alarm.parameters)
        elif shape == _TEXT:
            for number, line in enumerate(alarm_forms.described(alarm)):
                data(styled(printable(line), bold=not number))
    return _exit_code(judged)


@alarms.command(epilog=_EPILOG)
@paths_argument
@_alarm_options
@inventory_options
def diff(paths: tuple[str, ...], **options: Any) -> int:
    """Show what apply would change."""
    from flowemf_processor.core.insight.alarm_forms import changes

    judged, _, chosen = _judged(paths, options)
    there = _account(chosen).find([alarm.name for alarm in judged.alarms])
    differs = False
    for alarm in judged.alarms:
        for line in changes(alarm, there.get(alarm.name)):
            differs = True
            data(styled(printable(line), bold=line.startswith(("+", "-"))))
    if not differs:
        say(f"flowemf alarms: {counted(len(judged.alarms), 'alarm')} as they should be")
    return EXIT_FINDINGS if differs else _exit_code(judged)


@alarms.command(epilog=_EPILOG)
@paths_argument
@click.option("--delete", is_flag=True, help="Delete these alarms instead, and those that are refused now.")
@_alarm_options
@inventory_options
def apply(paths: tuple[str, ...], delete: bool, **options: Any) -> int:
    """Make the alarms in the account, or replace those that differ."""
    judged, wish, chosen = _judged(paths, options)
    account = _account(chosen)
    if delete:
        wanted = [alarm.name for alarm in (*judged.alarms, *(alarm for alarm, _ in judged.refused))]
        found = [*account.find(wanted)]
        account.delete(found)
        say(f"flowemf alarms: deleted {counted(len(found), 'alarm')}")
        return 0
    _put(account, judged, wish)
    return _exit_code(judged)


def _put(account: Alarms, judged: Judged, wish: Wish) -> None:
    from flowemf_processor.core.insight.alarms import metric_filter

    for group in wish.processor_log_groups:
        account.put_filter(metric_filter(group))
    there = account.find([alarm.name for alarm in judged.alarms])
    made = replaced = 0
    for alarm in judged.alarms:
        before = there.get(alarm.name)
        if before == alarm.parameters:
            continue
        account.put(alarm.parameters)
        made, replaced = made + (before is None), replaced + (before is not None)
    same = len(judged.alarms) - made - replaced
    say(f"flowemf alarms: {made} made, {replaced} replaced, {same} as they should be")


def _judged(paths: tuple[str, ...], options: dict[str, Any]) -> tuple[Judged, Wish, InventoryInput]:
    from flowemf_processor.core.insight.alarms import Wish
    from flowemf_processor.core.insight.alarms import alarms as made
    from flowemf_processor.core.insight.inventory import Inventory

    chosen = taken_inventory_input(options)
    options["dimensions"] = tuple(sorted(options["dimensions"]))
    wish = Wish(**options)
    is_of_pipeline = bool(wish.log_groups or wish.functions or wish.processor_log_groups)
    if paths or chosen.live or not is_of_pipeline:
        inventory = chosen.take(paths, "alarms")
    else:
        inventory = Inventory("what was read, since no log was named")
    judged = made(inventory, wish)
    for note in judged.notes:
        say(f"note: {note}")
    for alarm, reason in judged.refused:
        say(f"refused: {alarm.name} would never fire: {reason}")
    return judged, wish, chosen


def _account(chosen: InventoryInput) -> Alarms:
    from flowemf_processor.sinks.account_setup import Alarms

    return Alarms(endpoint_url=chosen.endpoint_url, region=chosen.region)


def _exit_code(judged: Judged) -> int:
    return EXIT_FINDINGS if judged.refused else 0
