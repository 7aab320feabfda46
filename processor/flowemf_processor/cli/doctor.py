"""`flowemf doctor`: why metrics do not show up, and what to do.

A log, a namespace and a log group go in, each of them optional; checks come out on stdout, the most urgent first, also
where nobody answers.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from flowemf_processor.cli.options.building import aws_options, taken
from flowemf_processor.cli.options.reading import STDIN, InputOptions, input_options, log_format_option
from flowemf_processor.cli.output.streams import data, is_terminal, json_data, place, printable, say, styled
from flowemf_processor.clock import SystemClock
from flowemf_processor.core.diagnosis import account_checks as judge
from flowemf_processor.core.diagnosis.account_checks import Identity, Refusal
from flowemf_processor.core.diagnosis.log_checks import Check, Status, by_urgency
from flowemf_processor.core.log_batches import LogStream
from flowemf_processor.errors import ConfigurationError, TryAgainLaterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowemf_processor.core.diagnosis.log_checks import LogFacts
    from flowemf_processor.sinks.examined_account import ExaminedAccount

SCHEMA_VERSION = 1
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
_WIDTH = 100
_INDENT = 12
_HOUR_MS = 3_600_000


@click.command(epilog=_EPILOG)
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
    checks: list[Check] = []
    if log is not None:
        inputs, form = taken(InputOptions, options), options["form"]
        facts, found = _log_checks(log, inputs, form, namespaces)
        checks += found
        namespaces = namespaces or (tuple(facts.namespaces) if log_group else ())
    if log is None or namespaces or log_group:
        checks += _account_checks(namespaces, log_group, region=region, endpoint_url=endpoint_url)
    checks = by_urgency(checks)
    if as_json:
        json_data(_as_json(checks))
    else:
        _show(checks)
    say(_summary(checks))
    return _exit_code(checks)


def _exit_code(checks: Sequence[Check]) -> int:
    found = {each.status for each in checks}
    if Status.PROBLEM in found:
        return EXIT_PROBLEM
    return TryAgainLaterError.exit_code if Status.NOT_DONE in found else 0


def _log_checks(log: str, inputs: InputOptions, form: str, namespaces: Sequence[str]) -> tuple[LogFacts, list[Check]]:
    """Read the log and judge it."""
    from flowemf_processor.cli.output.placed_ledger import PlacedLedger
    from flowemf_processor.cli.output.progress import ReadingProgress
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


def _account_checks(
    namespaces: Sequence[str], log_group: str | None, *, region: str | None, endpoint_url: str | None
) -> Iterator[Check]:
    """Look at an account.

    Args:
        namespaces: which ones are looked for.
        log_group: a log group; None where none is meant.
        region: another Region than the configured one.
        endpoint_url: another endpoint than the Region's own.

    Yields:
        A check for each thing that was looked at, or could not be.
    """
    from flowemf_processor.sinks.examined_account import ExaminedAccount

    try:
        account = ExaminedAccount(endpoint_url=endpoint_url, region=region)
    except (ConfigurationError, TryAgainLaterError) as error:
        said = str(error).partition(" (")[0]  # what stands in brackets is for those who want to send
        yield judge.check_identity(Refusal(said, is_denied=isinstance(error, ConfigurationError)))
        yield from _not_done(namespaces, log_group, "there are no credentials, or no Region")
        return
    identity = account.identity()
    yield judge.check_identity(identity)
    yield judge.check_clock(account.skew_ms)
    yield from _permissions(account, identity, namespaces)
    for namespace in namespaces:
        listed = account.listed(namespace)
        others = account.namespaces() if listed == [] else ()
        yield from judge.check_namespace(namespace, account.region, listed, others)
    if log_group is not None:
        yield from _log_group_checks(log_group, account.region, region, endpoint_url)


def _permissions(account: ExaminedAccount, identity: Identity | Refusal, namespaces: Sequence[str]) -> Iterator[Check]:
    if isinstance(identity, Refusal):
        yield Check("permissions", Status.NOT_DONE, "iam:SimulatePrincipalPolicy", "nobody knows who asks")
        return
    source = identity.policy_source
    decisions: Mapping[str, str] | Refusal = {}
    if source is not None:
        namespace = namespaces[0] if namespaces else None
        decisions = account.decisions(source, [judge.PUT_METRIC_DATA], namespace=namespace)
    yield from judge.check_permissions(source, decisions)


def _log_group_checks(
    log_group: str, shown_region: str, region: str | None, endpoint_url: str | None
) -> Iterator[Check]:
    from flowemf_processor.sinks.examined_account import ShownMetrics
    from flowemf_processor.sinks.logs import LogGroup

    facts = LogGroup(LogStream(log_group, ""), endpoint_url=endpoint_url, region=region).facts()
    yield from judge.check_log_group(facts, shown_region)
    now_ms = SystemClock().now_ms()
    since_ms = now_ms - judge.ERROR_HOURS * _HOUR_MS
    errors: Mapping[str, float] | Refusal
    try:
        shown = ShownMetrics(endpoint_url=endpoint_url, region=region)
        errors = shown.extraction_errors(log_group, since_ms=since_ms, until_ms=now_ms)
    except TryAgainLaterError as error:
        errors = Refusal(str(error), is_denied=False)
    yield judge.check_extraction(log_group, errors)


def _not_done(namespaces: Sequence[str], log_group: str | None, why: str) -> Iterator[Check]:
    names = ["clock", "permissions", *(f"namespace {each}" for each in namespaces)]
    names += [f"log group {log_group}", "extraction"] if log_group is not None else []
    for name in names:
        yield Check(name, Status.NOT_DONE, "nothing", why)


def _show(checks: Sequence[Check]) -> None:
    """Print checks for people; commands stand on a line of their own, never broken, so that they can be pasted."""
    for check in checks:
        data(styled(f"{check.status.value.upper():<10}{printable(check.name)}", bold=check.status is Status.PROBLEM))
        for line in _paragraph("looked at", check.looked_at):
            data(line)
        for line in _paragraph("found", check.found):
            data(line)
        for remedy in check.remedies:
            data(f"{'  do':<{_INDENT}}{printable(remedy)}")


def _paragraph(heading: str, text: str) -> Iterator[str]:
    width = min(shutil.get_terminal_size().columns, _WIDTH) if is_terminal(sys.stdout) else _WIDTH
    lines = textwrap.wrap(printable(text), max(width - _INDENT, 20), break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(lines):
        yield f"{f'  {heading}' if not number else '':<{_INDENT}}{line}"


def _as_json(checks: Sequence[Check]) -> dict[str, Any]:
    """Give checks for programs."""
    counts = Counter(check.status for check in checks)
    return {
        "schema_version": SCHEMA_VERSION,
        "counts": {status.value: counts[status] for status in Status},
        "checks": [{**asdict(check), "status": check.status.value} for check in checks],
    }


def _summary(checks: Sequence[Check]) -> str:
    """Say in one line how it stands."""
    counts = Counter(check.status for check in checks)
    said = ", ".join(f"{counts[status]} {status.value}" for status in Status if counts[status])
    return f"flowemf doctor: {len(checks)} checks: {said}"
