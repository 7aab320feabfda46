"""What a log itself tells of metrics that do not show up; and what a check of the doctor says, whatever it looked at.

Events and the reasons of what was rejected go in; checks come out, for which nobody needs a network.
"""

from __future__ import annotations

import difflib
import shlex
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from flowemf_schemas import limits, names
from flowemf_schemas.verdicts import VERDICTS, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flowemf_processor.model import Event

Keys = tuple[str, ...]

STDIN_NAME = "standard input"
"""What a log is called that was piped in."""

_DAY_MS = 24 * 3600 * 1000
_FRESH_MS = 5 * 60_000
_MOST_REASONS = 5
_LATE_MS = 15 * 60_000
_AHEAD_MS = 60_000
_BUILT_IN = frozenset((*names.FLOW_METRICS, *names.GENERATION_METRICS))
_SLOW_LINK = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html"


class Status(str, Enum):
    """How a check ended, the most urgent first."""

    PROBLEM = "problem"
    NOTE = "note"
    NOT_DONE = "not done"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Check:
    """What one check says.

    Attributes:
        name: what it is about.
        status: how it ended; one that could not be done is no success.
        looked_at: what was looked at.
        found: what was found, or why it could not be done.
        remedies: what to do, one sentence or command each.
    """

    name: str
    status: Status
    looked_at: str
    found: str
    remedies: tuple[str, ...] = ()


def by_urgency(checks: Iterable[Check]) -> list[Check]:
    """Put the most urgent first; those of one urgency stay as they are."""
    order = list(Status)
    return sorted(checks, key=lambda each: order.index(each.status))


@dataclass(slots=True)
class LogFacts:
    """What was seen in a log.

    Attributes:
        events: how many metric records there are.
        too_old: how many of them are older than CloudWatch takes.
        too_new: how many lie further in the future than it takes.
        slow: how many are so old that it shows them late.
        last_ms: the latest time, in milliseconds since the epoch.
        latest_ms: how long it took at most from an event to its being taken in; None where no wrapper says that.
        ahead_ms: how far an event lay ahead of that at most.
        key_sets: for each namespace and metric, the keys of its dimension sets.
    """

    events: int = 0
    too_old: int = 0
    too_new: int = 0
    slow: int = 0
    last_ms: int = 0
    latest_ms: int | None = None
    ahead_ms: int = 0
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
        self.last_ms = max(self.last_ms, time_ms)
        self.events += 1
        age_ms = now_ms - time_ms
        self.too_old += age_ms > limits.AGE_PAST_MS
        self.too_new += -age_ms > limits.AGE_FUTURE_MS
        self.slow += _DAY_MS <= age_ms <= limits.AGE_PAST_MS
        if event.origin.received_ms is not None:
            late_ms = event.origin.received_ms - time_ms
            self.latest_ms = max(late_ms, self.latest_ms or 0)
            self.ahead_ms = max(self.ahead_ms, -late_ms)
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
        yield from _delays(log, facts)
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


def _command(words: str, log: str) -> str:
    """Write a command that can be pasted; standard input was there only once."""
    return f"flowemf {words} {'FILE' if log == STDIN_NAME else shlex.quote(log)}"


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
            (verdict.remedy, _command("check", log)),
        )
    if rest := most[_MOST_REASONS:]:
        is_note = all(VERDICTS[reason].scope is Scope.NOTE for reason, _ in rest)
        status = Status.NOTE if is_note else Status.PROBLEM
        found = f"{sum(count for _, count in rest):,} further findings"
        yield Check("valid lines", status, log, found, (_command("check", log),))


def _timestamps(log: str, facts: LogFacts, now_ms: int) -> Check:
    def judged(status: Status, found: str, *remedies: str) -> Check:
        return Check("timestamps", status, log, found, remedies)

    if facts.too_new:
        found = f"{facts.too_new:,} events lie more than 2 hours in the future; CloudWatch refuses them"
        return judged(Status.PROBLEM, found, "set the clock of the machine that writes them (timedatectl set-ntp true)")
    if facts.too_old:
        found = f"{facts.too_old:,} events are older than two weeks; CloudWatch refuses them"
        remedy = "keep them where they can be looked at:"
        return judged(Status.PROBLEM, found, remedy, _command("replay --to local", log))
    if facts.slow:
        found = f"{facts.slow:,} events are older than a day; CloudWatch takes them, and may need 48 hours to show them"
        return judged(Status.NOTE, found, f"wait ({_SLOW_LINK})")
    age_ms = now_ms - facts.last_ms
    if age_ms < _FRESH_MS:
        age = f"the latest event is {max(age_ms, 0) // 1000} seconds old"
        found = f"{age}; CloudWatch shows metrics after one to two minutes"
        return judged(Status.NOTE, found, "wait two to five minutes")
    return judged(Status.OK, f"all are of the last day, the latest {age_ms // 60_000} minutes old")


def _delays(log: str, facts: LogFacts) -> Iterator[Check]:
    """Judge how long events were on their way, where what is wrapped around them tells."""
    looked_at = f"{log}: when events happened, and when they were taken in"
    if facts.ahead_ms > _AHEAD_MS:
        yield Check(
            "delays",
            Status.PROBLEM,
            looked_at,
            f"events were taken in up to {facts.ahead_ms // 1000:,} seconds before they happened: the clock of what "
            "writes them is ahead",
            ("timedatectl set-ntp true",),
        )
    elif facts.latest_ms is not None and facts.latest_ms > _LATE_MS:
        yield Check(
            "delays",
            Status.NOTE,
            looked_at,
            f"events were up to {facts.latest_ms // 60_000:,} minutes on their way; alarms have judged by then",
            ("look at the queue of whatever forwards the log", "let alarms look at more than one period"),
        )
    elif facts.latest_ms is not None:
        yield Check("delays", Status.OK, looked_at, f"at most {max(facts.latest_ms, 0) / 1000:,.1f} seconds")
