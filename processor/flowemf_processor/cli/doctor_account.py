"""What `flowemf doctor` looks at in an AWS account.

Namespaces and a log group go in; checks come out, also where nobody answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_processor.clock import SystemClock
from flowemf_processor.core.diagnosis import account_checks as judge
from flowemf_processor.core.diagnosis.account_checks import Identity, Refusal
from flowemf_processor.core.diagnosis.check import Check, Status
from flowemf_processor.core.log_batches import LogStream
from flowemf_processor.errors import ConfigurationError, TryAgainLaterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowemf_processor.sinks.examined_account import ExaminedAccount

_HOUR_MS = 3_600_000


def account_checks(
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
    except ConfigurationError as error:
        said = str(error).partition(" (")[0]  # what stands in brackets is for those who want to send
        yield judge.check_identity(Refusal(said, is_denied=True))
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
