"""`flowemf iam-policy`: the smallest IAM policy for what is in use.

A road, namespaces and log groups go in; a policy document comes out.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import click

from flowemf_processor.cli.options.reading import namespace_pattern
from flowemf_processor.cli.output.streams import data
from flowemf_processor.cli.replay.log_group import is_group_name
from flowemf_processor.core.insight.policy import ALARMS, BOTH, CREATING, FURTHER, LOGS, METRICS, READING, ROADS, Use

if TYPE_CHECKING:
    from collections.abc import Sequence

_EPILOG = """
\b
Examples:
  flowemf iam-policy --road metrics --namespace MyApp/GenKit
  flowemf iam-policy --road logs --log-group /ecs/chat --region eu-west-1
  flowemf iam-policy --road both --namespace 'MyApp/*' --log-group /ecs/chat
  flowemf iam-policy --also dashboards --also alarms
"""
_ACCOUNT = re.compile(r"\d{12}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_PARTITIONS = ("aws", "aws-cn", "aws-us-gov")


def _groups(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    for text in given:
        if not is_group_name(text):
            raise click.BadParameter(f"{text!r} is no log group's name; write it out, such as /ecs/chat.")
    return given


def _fitting(pattern: re.Pattern[str], example: str) -> Any:
    def read(_context: click.Context, _parameter: click.Parameter, given: str) -> str:
        if given != "*" and not pattern.fullmatch(given):
            raise click.BadParameter(f"{given!r} is none; write it like {example}.")
        return given

    return read


@click.command(name="iam-policy", epilog=_EPILOG)
@click.option(
    "--road",
    type=click.Choice(ROADS),
    help=f"What is sent: log events ({LOGS}), PutMetricData ({METRICS}) or {BOTH}. An application whose platform "
    "collects its standard output needs neither.",
)
@click.option(
    "--namespace",
    "namespaces",
    metavar="NS",
    multiple=True,
    callback=namespace_pattern,
    help="A namespace that may be written to; give it again for another one. A * at its end stands for any ending.",
)
@click.option(
    "--log-group", "log_groups", metavar="G", multiple=True, callback=_groups, help="A log group that is used."
)
@click.option(
    "--also",
    "further",
    type=click.Choice(FURTHER),
    multiple=True,
    help=f"What else is done: dashboards and alarms by flowemf, {READING} of logs://, {CREATING} of the log group.",
)
@click.option(
    "--region",
    metavar="R",
    default="*",
    callback=_fitting(_REGION, "eu-west-1"),
    help="Only this Region. Default: any. A policy cannot hold PutMetricData to one.",
)
@click.option(
    "--account",
    metavar="N",
    default="*",
    callback=_fitting(_ACCOUNT, "123456789012"),
    help="Only this account. Default: any, which is the one that the identity belongs to.",
)
@click.option("--partition", type=click.Choice(_PARTITIONS), default="aws", help="China's or GovCloud's, if it is one.")
def iam_policy(**options: Any) -> None:
    """Print the smallest IAM policy for what is in use, as JSON.

    With PutMetricData, the condition cloudwatch:namespace allows the namespaces that you name and no others. Nothing is
    asked of AWS.
    """
    from flowemf_processor.core.insight.policy import policy

    use = Use(**{**options, "road": options["road"] or ""})
    _refuse_what_lacks(use)
    data(json.dumps(policy(use), indent=2))


def _refuse_what_lacks(use: Use) -> None:
    """Refuse what would allow everything, or nothing."""
    if not use.road and not use.further:
        raise click.UsageError(f"nothing is in use: name the road with --road ({', '.join(ROADS)}), or use --also.")
    if use.road in (METRICS, BOTH) and not use.namespaces:
        raise click.UsageError("--road metrics needs --namespace NS: without one, any namespace could be written to.")
    groups_for: Sequence[str] = [each for each in (READING, CREATING) if each in use.further]
    if use.road in (LOGS, BOTH) or groups_for:
        if not use.log_groups:
            what = f"--also {groups_for[0]}" if groups_for else f"--road {use.road}"
            raise click.UsageError(f"{what} needs --log-group G: without one, any log could be used.")
    elif use.log_groups and ALARMS not in use.further:
        raise click.UsageError("--log-group is of no use with what was chosen; leave it out, or choose --road logs.")
    if use.namespaces and use.road not in (METRICS, BOTH):
        raise click.UsageError("--namespace is of no use without --road metrics; leave it out.")
