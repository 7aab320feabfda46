"""What a log itself tells of metrics that do not show up.

Events and the reasons of what was rejected go in; checks come out, for which nobody needs a network.
"""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowemf_processor.core.diagnosis.check import Check, Status
from flowemf_schemas import limits, names
from flowemf_schemas.verdicts import VERDICTS, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowemf_processor.model import Event

Keys = tuple[str, ...]

_DAY_MS = 24 * 3600 * 1000
_FRESH_MS = 5 * 60_000
_MOST_REASONS = 5
_BUILT_IN = frozenset((*names.FLOW_METRICS, *names.GENERATION_METRICS))
_SLOW_LINK = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html"


@dataclass(slots=True)
class LogFacts:
    """What was seen in a log.

    Attributes:
        events: how many metric records there are.
        too_old: how many of them are older than CloudWatch takes.
        too_new: how many lie further in the future than it takes.
        slow: how many are so old that it shows them late.
        first_ms: the earliest time, in milliseconds since the epoch.
        last_ms: the latest one.
        key_sets: for each namespace and metric, the keys of its dimension sets.
    """

    events: int = 0
    too_old: int = 0
    too_new: int = 0
    slow: int = 0
    first_ms: int = 0
    last_ms: int = 0
    key_sets: defaultdict[tuple[str, str], set[Keys]] = field(default_factory=lambda: defaultdict(set))

    @property
    def namespaces(self) -> list[str]:
        """The namespaces of the metrics."""
        return sorted({namespace for namespace, _ in self.key_sets})

    def add(self, event: Event, *, now_ms: int) -> None:
        """Look at an event.

        Args:
            event: what was read.
            now_ms: the time, in milliseconds since the epoch.
        """
        time_ms = event.timestamp_ms
        self.first_ms = min(self.first_ms, time_ms) if self.events else time_ms
        self.last_ms = max(self.last_ms, time_ms)
        self.events += 1
        age_ms = now_ms - time_ms
        self.too_old += age_ms > limits.AGE_PAST_MS
        self.too_new += -age_ms > limits.AGE_FUTURE_MS
        self.slow += _DAY_MS <= age_ms <= limits.AGE_PAST_MS
        for each in event.measurements:
            self.key_sets[each.namespace, each.name] |= {
                tuple(key for key, _ in pairs) for pairs in each.dimension_sets
            }


def check_log(
    log: str, facts: LogFacts, reasons: Mapping[str, int], places: Mapping[str, str], *, now_ms: int
) -> Iterator[Check]:
    """Judge a log.

    Args:
        log: what the user calls it.
        facts: what was seen in it.
        reasons: how often each defect was found.
        places: where each was found first.
        now_ms: the time, in milliseconds since the epoch.

    Yields:
        A check for each thing that can be wrong with it.
    """
    yield _lines(log, facts)
    yield from _defects(log, reasons, places)
    if facts.events:
        yield _timestamps(log, facts, now_ms)
        yield check_dimension_sets(log, facts.key_sets)


def check_namespaces(log: str, facts: LogFacts, wanted: Sequence[str]) -> Iterator[Check]:
    """Judge whether the log has the namespaces that somebody looks for.

    Args:
        log: what the user calls it.
        facts: what was seen in it.
        wanted: the namespaces.
    """
    for namespace in wanted:
        if namespace in facts.namespaces:
            yield Check("namespace in the log", Status.OK, log, f"metrics of {namespace} are in it")
            continue
        near = difflib.get_close_matches(namespace, facts.namespaces, n=1, cutoff=0.5)
        meant = f"; did you mean {near[0]}?" if near else ""
        there = ", ".join(facts.namespaces) or "none"
        yield Check(
            "namespace in the log",
            Status.PROBLEM,
            log,
            f"it has no metric of {namespace}; its namespaces: {there}{meant}",
            (f'flowemf.configure("{namespace}") in the application, or look for one of these namespaces',),
        )


def check_dimension_sets(where: str, key_sets: Mapping[tuple[str, str], set[Keys]]) -> Check:
    """Judge whether dashboards and alarms that name few dimensions can show anything.

    CloudWatch adds nothing up across dimensions: an alarm on FlowError without a dimension waits for ever where only
    sets with dimensions are published.

    Args:
        where: what was looked at.
        key_sets: for each namespace and metric, the keys of its dimension sets.
    """
    flat = sorted({name for (_, name), sets in key_sets.items() if name in _BUILT_IN and () not in sets})
    if not flat:
        return Check("dimension sets", Status.OK, where, "each flow and model metric is also published in total")
    return Check(
        "dimension sets",
        Status.NOTE,
        where,
        f"not published without dimensions: {', '.join(flat)}. CloudWatch does not add up across dimensions, so alarms "
        "and dashboards that name none show nothing",
        (
            'flowemf.configure(..., rollups="standard") publishes totals as well',
            "or name every dimension in the alarm; flowemf cost tells what each dimension set costs",
        ),
    )


def _lines(log: str, facts: LogFacts) -> Check:
    if facts.events:
        return Check("metric lines", Status.OK, log, f"{facts.events:,} good metric lines")
    return Check(
        "metric lines",
        Status.PROBLEM,
        log,
        "no metric line that can be used",
        (
            "check that the application calls flowemf.configure(...) before its flows, and that its output goes here",
            "if something else is wrapped around the lines, name it: flowemf check --format NAME",
        ),
    )


def _defects(log: str, reasons: Mapping[str, int], places: Mapping[str, str]) -> Iterator[Check]:
    if not reasons:
        yield Check("valid lines", Status.OK, log, "CloudWatch would take every metric line as it is")
        return
    most = Counter(reasons).most_common()
    for reason, count in most[:_MOST_REASONS]:
        verdict = VERDICTS[reason]
        is_note = verdict.scope is Scope.NOTE
        yield Check(
            "valid lines",
            Status.NOTE if is_note else Status.PROBLEM,
            log,
            f"{count:,} times: {verdict.meaning} [{reason}], first at {places.get(reason, log)}",
            (verdict.remedy, f"flowemf check {log}"),
        )
    rest = sum(count for _, count in most[_MOST_REASONS:])
    if rest:
        yield Check("valid lines", Status.PROBLEM, log, f"{rest:,} further findings", (f"flowemf check {log}",))


def _timestamps(log: str, facts: LogFacts, now_ms: int) -> Check:
    if facts.too_new:
        return Check(
            "timestamps",
            Status.PROBLEM,
            log,
            f"{facts.too_new:,} events lie more than 2 hours in the future; CloudWatch refuses them",
            ("set the clock of the machine that writes them (timedatectl set-ntp true)",),
        )
    if facts.too_old:
        return Check(
            "timestamps",
            Status.PROBLEM,
            log,
            f"{facts.too_old:,} events are older than two weeks; CloudWatch refuses them",
            (f"flowemf replay {log} --to local keeps them where they can be looked at",),
        )
    if facts.slow:
        return Check(
            "timestamps",
            Status.NOTE,
            log,
            f"{facts.slow:,} events are older than a day; CloudWatch takes them, and may need 48 hours to show them",
            (f"wait ({_SLOW_LINK})",),
        )
    age_ms = now_ms - facts.last_ms
    if age_ms < _FRESH_MS:
        return Check(
            "timestamps",
            Status.NOTE,
            log,
            f"the latest event is {max(age_ms, 0) // 1000} seconds old; CloudWatch shows metrics after one "
            "to two minutes",
            ("wait two to five minutes",),
        )
    return Check("timestamps", Status.OK, log, f"all are of the last day, the latest {age_ms // 60_000} minutes old")
