"""`flowemf doctor`: why metrics do not show up, and what to do.

A log, a namespace and a log group go in, each of them optional; checks come out on stdout, the most urgent first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flowemf_processor.cli.options import aws_options, taken
from flowemf_processor.cli.reading_options import STDIN, InputOptions, input_options, log_format_option
from flowemf_processor.cli.streams import json_data, say
from flowemf_processor.core.diagnosis.check import Status, by_urgency
from flowemf_processor.errors import TryAgainLaterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowemf_processor.core.diagnosis.check import Check
    from flowemf_processor.core.diagnosis.log_checks import LogFacts

EXIT_PROBLEM = 1
_EPILOG = """
\b
Examples:
  flowemf doctor --log app.log
  flowemf doctor --namespace MyApp/GenKit
  flowemf doctor --namespace MyApp/GenKit --log-group /ecs/chat --log app.log
  flowemf doctor --json --log app.log | jq -r '.checks[0].found'

With --log alone nothing but the log is looked at, and no network is needed. In an account it calls
sts:GetCallerIdentity, iam:SimulatePrincipalPolicy, cloudwatch:ListMetrics, cloudwatch:GetMetricData and
logs:DescribeLogGroups; what is not allowed is reported as not done.

Exits with 0 if there is no problem (notes are none), 1 if there is any, 2 if an option is wrong or there is no such
log, 3 if there is none but a check could not be done.
"""


@click.command(epilog=_EPILOG, short_help="Say why metrics do not show up, and what to do.")
@click.option(
    "--namespace", "namespaces", metavar="NS", multiple=True, help="Look for this namespace; give it again for another."
)
@click.option("--log-group", metavar="G", help="Look at this log group of CloudWatch Logs.")
@click.option("--log", metavar="PATH", help="Look at this log: a file, a directory, a URL, or - for standard input.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@aws_options("Ask")
@input_options
@log_format_option
def doctor(
    namespaces: tuple[str, ...],
    log_group: str | None,
    log: str | None,
    as_json: bool,
    region: str | None,
    endpoint_url: str | None,
    **options: Any,
) -> int:
    """Say why metrics do not show up, and what to do.

    Looks at the lines of a log (--log), and in the AWS account at credentials, Region, clock, permissions, namespaces
    and a log group. Without --log, or with --namespace or --log-group, the account is looked at. Each check says what
    it looked at, what it found and what to do; the most urgent stands first. Nothing is changed.
    """
    from flowemf_processor.cli import doctor_output

    checks: list[Check] = []
    if log is not None:
        inputs, form = taken(InputOptions, options), options["form"]
        facts, found = _log_checks(log, inputs, form, namespaces)
        checks += found
        namespaces = namespaces or (tuple(facts.namespaces) if log_group else ())
    if log is None or namespaces or log_group:
        from flowemf_processor.cli.doctor_account import account_checks

        checks += account_checks(namespaces, log_group, region=region, endpoint_url=endpoint_url)
    checks = by_urgency(checks)
    if as_json:
        json_data(doctor_output.as_json(checks))
    else:
        doctor_output.show(checks)
    say(doctor_output.summary(checks))
    return _exit_code(checks)


def _exit_code(checks: Sequence[Check]) -> int:
    found = {each.status for each in checks}
    if Status.PROBLEM in found:
        return EXIT_PROBLEM
    return TryAgainLaterError.exit_code if Status.NOT_DONE in found else 0


def _log_checks(log: str, inputs: InputOptions, form: str, namespaces: Sequence[str]) -> tuple[LogFacts, list[Check]]:
    """Read the log and judge it."""
    from flowemf_processor.cli.placed_ledger import PlacedLedger
    from flowemf_processor.cli.progress import ReadingProgress
    from flowemf_processor.cli.streams import place
    from flowemf_processor.clock import SystemClock
    from flowemf_processor.core.diagnosis.log_checks import STDIN_NAME, LogFacts, check_log, check_namespaces
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.pipeline.steps import events_of, steps_of

    sources, ledger, clock, facts = inputs.open([log]), PlacedLedger(), SystemClock(), LogFacts()
    with ReadingProgress(sources) as progress:
        for step in steps_of(sources, ledger, clock, None, progress.advance, Guards(form=form)):
            for event in events_of(step):
                facts.add(event, now_ms=clock.now_ms())
    places = {reason: place(position) for reason, (position, _) in ledger.first_places.items()}
    name = STDIN_NAME if log == STDIN else log

    def checks() -> Iterator[Check]:
        yield from check_log(name, facts, ledger.reasons, places, now_ms=clock.now_ms())
        yield from check_namespaces(name, facts, namespaces)

    return facts, list(checks())
