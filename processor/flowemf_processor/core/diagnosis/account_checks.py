"""What an AWS account tells of metrics that do not show up.

Answers of its services go in, or why there is none; checks come out.
"""

from __future__ import annotations

import difflib
import shlex
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowemf_processor.core.diagnosis.log_checks import Check, Status, check_dimension_sets
from flowemf_processor.core.roads import STANDARD, Found

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowemf_processor.core.roads import GroupFacts

PUT_METRIC_DATA = "cloudwatch:PutMetricData"
_ALLOWED = "allowed"
_DOING_WELL_MS = 30_000
# A signature is good for five minutes: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
_SKEW_MS = 5 * 60_000
ERROR_HOURS = 24
"""How far back extraction errors are counted."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a service gave no answer.

    Attributes:
        said: what happened.
        is_denied: whether the identity may not ask, or is none.
    """

    said: str
    is_denied: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks.

    Attributes:
        arn: the user or role.
        region: the AWS Region.
    """

    arn: str
    region: str

    @property
    def policy_source(self) -> str | None:
        """The user or role whose policies count; None for the root user, whom no policy of an account limits."""
        service, _, account, rest = self.arn.split(":", 5)[2:]
        if service == "sts" and rest.startswith("assumed-role/"):
            return f"{self.arn.split(':sts:')[0]}:iam::{account}:role/{rest.split('/')[1]}"
        return None if rest == "root" else self.arn


Listed = tuple[str, tuple[str, ...]]
"""A metric that is listed: its name and the keys of its dimensions."""


def check_identity(identity: Identity | Refusal) -> Check:
    """Judge who asks, and where."""
    looked_at = "sts:GetCallerIdentity"
    if isinstance(identity, Refusal):
        remedies = ("aws sts get-caller-identity", "export AWS_PROFILE=NAME AWS_DEFAULT_REGION=us-east-1")
        status = Status.PROBLEM if identity.is_denied else Status.NOT_DONE
        return Check("credentials and Region", status, looked_at, identity.said, remedies)
    found = f"{identity.arn} in {identity.region}; metrics of other Regions are not seen from here"
    return Check("credentials and Region", Status.OK, looked_at, found)


def check_clock(skew_ms: int | None) -> Check:
    """Judge how far the clock of this machine is ahead of the service's.

    Args:
        skew_ms: by its Date header, in milliseconds; None where nobody answered.
    """
    looked_at = "the header Date of an answer"
    if skew_ms is None:
        return Check("clock", Status.NOT_DONE, looked_at, "no service has answered", ("timedatectl status",))
    ahead = f"this machine is {abs(skew_ms) / 1000:,.0f} seconds {'ahead of' if skew_ms > 0 else 'behind'} AWS"
    remedies = ("timedatectl set-ntp true", "chronyc makestep")
    if abs(skew_ms) > _SKEW_MS:
        return Check("clock", Status.PROBLEM, looked_at, f"{ahead}; requests are refused, metrics misplaced", remedies)
    if abs(skew_ms) > _DOING_WELL_MS:
        return Check("clock", Status.NOTE, looked_at, f"{ahead}; metrics appear in other minutes", remedies)
    return Check("clock", Status.OK, looked_at, "this machine and AWS agree to half a minute")


def check_permissions(source: str | None, decisions: Mapping[str, str] | Refusal) -> Iterator[Check]:
    """Judge what the identity may do.

    Args:
        source: the user or role; None for the root user.
        decisions: for each action what the simulation says.
    """
    looked_at = "iam:SimulatePrincipalPolicy"
    if source is None:
        yield Check("permissions", Status.OK, looked_at, "the root user may do everything; better use a role")
        return
    if isinstance(decisions, Refusal):
        command = f"aws iam simulate-principal-policy --policy-source-arn {source} --action-names {PUT_METRIC_DATA}"
        found = f"the policies of {source} could not be tried: {decisions.said}"
        yield Check("permissions", Status.NOT_DONE, looked_at, found, ("let somebody who may run this:", command))
        return
    for action, decision in decisions.items():
        if decision == _ALLOWED:
            yield Check("permissions", Status.OK, looked_at, f"{source} may call {action}")
        else:
            how = "a policy denies it" if decision == "explicitDeny" else "no policy allows it"
            remedies = (
                f"allow {action} in a policy of {source}; a minimal one is printed by",
                "flowemf iam-policy --road metrics",
            )
            yield Check("permissions", Status.PROBLEM, looked_at, f"{source} may not call {action}: {how}", remedies)


def check_namespace(
    namespace: str, region: str, listed: Sequence[Listed] | Refusal, others: Sequence[str] = ()
) -> Iterator[Check]:
    """Judge whether CloudWatch shows metrics of a namespace.

    Args:
        namespace: which one.
        region: where.
        listed: what ListMetrics gives.
        others: other namespaces that are there.
    """
    looked_at = f"cloudwatch:ListMetrics in {region}"
    listing = f"aws cloudwatch list-metrics --namespace {shlex.quote(namespace)}"
    if isinstance(listed, Refusal):
        remedy = f"{listing} --region {region}"
        yield Check("namespace", Status.NOT_DONE, looked_at, listed.said, (remedy,))
        return
    if not listed:
        near = difflib.get_close_matches(namespace, others, n=1, cutoff=0.5)
        meant = f"; did you mean {near[0]}?" if near else ""
        yield Check(
            "namespace",
            Status.PROBLEM,
            looked_at,
            f"no metric of {namespace} has been seen in two weeks{meant}",
            (
                "a new metric is listed after up to fifteen minutes; wait if this is the first one",
                f"{listing} --region OTHER-REGION",
                "flowemf doctor --log FILE looks at the lines themselves",
            ),
        )
        return
    key_sets: defaultdict[tuple[str, str], set[tuple[str, ...]]] = defaultdict(set)
    for name, keys in listed:
        key_sets[namespace, name].add(keys)
    yield Check("namespace", Status.OK, looked_at, f"{namespace} has {len(listed):,} metrics")
    yield check_dimension_sets(f"{namespace} in {region}", key_sets)


def check_log_group(facts: GroupFacts, region: str) -> Iterator[Check]:
    """Judge whether CloudWatch extracts metrics of what is written to a log group."""
    looked_at = f"logs:DescribeLogGroups in {region}"
    group, name = f"log group {facts.name}", shlex.quote(facts.name)
    if facts.found is Found.MISSING:
        remedies = (
            f"aws logs describe-log-groups --log-group-name-prefix {name} --region {region}",
            f"aws logs create-log-group --log-group-name {name} --region {region}",
        )
        yield Check("log group", Status.PROBLEM, looked_at, f"there is no {group}", remedies)
    elif facts.found is not Found.THERE:
        yield Check("log group", Status.NOT_DONE, looked_at, f"{group}: {facts.said}")
    elif facts.log_class != STANDARD:
        remedies = (
            f"flowemf replay {_lines_of(facts.name, hours=1)} --to metrics --not-extracted",
            "or write to a new group: the class of a group cannot be changed",
        )
        found = f"{group} is of the class {facts.log_class}, of which CloudWatch extracts no metrics"
        yield Check("log group", Status.PROBLEM, looked_at, found, remedies)
    else:
        kept = "for ever" if facts.retention_days is None else f"{facts.retention_days} days"
        found = f"{group} is of the class {STANDARD}, of which metrics are extracted; it keeps events {kept}"
        remedy = f"aws logs put-retention-policy --log-group-name {name} --retention-in-days 30"
        is_costly = facts.retention_days is None
        advice = ("what is kept for ever is paid for, for ever; to keep a month:", remedy) if is_costly else ()
        yield Check("log group", Status.NOTE if is_costly else Status.OK, looked_at, found, advice)


def check_extraction(group: str, errors: Mapping[str, float] | Refusal) -> Check:
    """Judge whether CloudWatch could read the metric lines of a log group.

    Args:
        group: its name.
        errors: the sums of EMFValidationErrors and EMFParsingErrors.
    """
    looked_at = f"AWS/Logs, LogGroupName={group}, the last {ERROR_HOURS} hours"
    if isinstance(errors, Refusal):
        return Check("extraction", Status.NOT_DONE, looked_at, errors.said)
    found = {name: count for name, count in errors.items() if count}
    if not found:
        return Check("extraction", Status.OK, looked_at, "no EMFValidationErrors, no EMFParsingErrors")
    said = ", ".join(f"{name} {count:,.0f}" for name, count in found.items())
    remedy = f"flowemf check {_lines_of(group, hours=ERROR_HOURS)}"
    return Check("extraction", Status.PROBLEM, looked_at, said, (remedy,))


def _lines_of(group: str, *, hours: int) -> str:
    """Name the lines of a log group so that a command can be pasted: names may come out of a log."""
    return shlex.quote(f"logs://{group}?since={hours}h")
