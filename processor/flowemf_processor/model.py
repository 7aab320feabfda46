"""The values that travel through the processor: lines, events, series, aggregates, batches.

Nothing here computes more than a property of itself; every other room takes these in and gives these out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from flowemf_schemas.rules import Finding

Dimensions = tuple[tuple[str, str], ...]
"""The pairs of key and value of one dimension set, sorted by key."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a line begins.

    Attributes:
        source: the name of the source as the user wrote it, such as a path, or `-` for standard input.
        line: its number, from 1.
        offset_bytes: how many bytes lie before it.
        event: which log event of the line it is, from 1, where one line holds many; else 0.
    """

    source: str
    line: int
    offset_bytes: int
    event: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """What the wrapper of a log event says of it; empty where it says nothing.

    Attributes:
        received_ms: when it was taken in, for an event without a timestamp of its own.
        log_group: the CloudWatch log group it lay in.
        log_stream: the log stream it lay in.
        event_id: what CloudWatch Logs or Kinesis knows it by.
        from_log_group: whether only what comes out of a CloudWatch log group is wrapped in this way: CloudWatch may
            have extracted its metrics already.
    """

    received_ms: int | None = None
    log_group: str = ""
    log_stream: str = ""
    event_id: str = ""
    from_log_group: bool = False


UNWRAPPED = Origin()
"""The origin of a line that no wrapper says anything of."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a physical one, or what was unwrapped out of some.

    Attributes:
        position: where it begins.
        data: its bytes without the line ending; cut where the line is larger than a log event may be.
        size_bytes: its true length without the line ending.
        terminated: whether a line ending followed; only the last line of a source may lack it.
        origin: what its wrapper said of it.
        is_shared: whether other objects stand on the same physical line.
    """

    position: Position
    data: bytes
    size_bytes: int
    terminated: bool
    origin: Origin = UNWRAPPED
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class StatisticSet:
    """What remains of many values: how many there were, their sum, the smallest and the largest."""

    count: float
    total: float
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """One metric of one directive of one record.

    Attributes:
        namespace: the directive's namespace.
        name: the metric's name.
        unit: one of CloudWatch's units.
        resolution_seconds: 1 or 60.
        dimension_sets: the sets under which the metric is published; at least one, which may be empty.
        values: the numbers, each with how often it occurred.
        statistic_set: in place of `values`, where the line gave no more than that.
    """

    namespace: str
    name: str
    unit: str
    resolution_seconds: int
    dimension_sets: tuple[Dimensions, ...]
    values: tuple[tuple[float, float], ...]
    statistic_set: StatisticSet | None = None

    @property
    def value_count(self) -> int:
        """How many numbers of the record this is; a statistic set is one."""
        return len(self.values) or 1

    @property
    def datapoints(self) -> int:
        """How many datapoints this is: one for each dimension set and number."""
        return self.value_count * len(self.dimension_sets)


@dataclass(frozen=True, slots=True)
class Event:
    """A metric record that was read whole, with the findings that did not cost all of it."""

    position: Position
    timestamp_ms: int
    measurements: tuple[Measurement, ...]
    findings: tuple[Finding, ...] = ()
    origin: Origin = UNWRAPPED
    text: bytes = b""  # its line, where somebody asked for it

    @property
    def datapoints(self) -> int:
        """How many datapoints the record gives."""
        return sum(measurement.datapoints for measurement in self.measurements)

    @property
    def value_count(self) -> int:
        """How many numbers the record holds: those of a metric count once, however many directives name it."""
        counts = {(each.namespace, each.name): each.value_count for each in self.measurements}
        return sum(counts.values())


@dataclass(frozen=True, slots=True)
class Rejected:
    """A metric record of which nothing is used, and why.

    Attributes:
        position: where it begins.
        findings: what was wrong with it.
        text: its text, where that is not the line at which it was given up.
    """

    position: Position
    findings: tuple[Finding, ...]
    text: Line | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """What a record lost, so that it can be kept, mended and replayed.

    Attributes:
        line: the record's text.
        findings: what was wrong with it.
        is_part: whether the rest of the record was used.
        received_ms: the time that the record gets where it states none itself, in milliseconds since the epoch.
    """

    line: Line
    findings: tuple[Finding, ...]
    is_part: bool
    received_ms: int


@dataclass(frozen=True, slots=True)
class Other:
    """A record that is no metric record: the application's ordinary log."""

    position: Position


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A record that was read before, by its event id."""

    position: Position


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The beginning of a record whose rest has not been written yet; the next run goes on with it."""

    position: Position
    findings: tuple[Finding, ...]


Record = Event | Rejected | Other | Duplicate | Incomplete


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """What CloudWatch keeps apart: a metric under one set of dimension values, in one unit and resolution."""

    namespace: str
    name: str
    dimensions: Dimensions
    unit: str
    resolution_seconds: int


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a value occurred (which a line may state as a fraction), and in how many datapoints."""

    count: float
    datapoints: int


class Aggregate(Struct, frozen=True, gc=False):
    """What one series gathered in one period.

    There are a hundred thousand of them in an epoch: a dataclass takes six times as long to make.

    Attributes:
        series: whose it is.
        period_start_s: the second at which the period begins, since the epoch.
        values: each distinct value, ascending, with its tally.
        statistic_sets: those that lines gave; they cannot be merged with values without losing percentiles.
    """

    series: Series
    period_start_s: int
    values: tuple[tuple[float, Tally], ...]
    statistic_sets: tuple[StatisticSet, ...] = ()

    @property
    def datapoints(self) -> int:
        """How many datapoints were gathered."""
        datapoints = len(self.statistic_sets)
        for _, tally in self.values:  # most are few: a generator would cost more than they do
            datapoints += tally.datapoints
        return datapoints


@dataclass(frozen=True, slots=True)
class Batch:
    """One request that a destination takes whole.

    Attributes:
        body: the request as JSON: what is kept is what is sent, however often.
        parts: how many datapoints each datum of the request carries, in their order.
    """

    body: bytes
    parts: tuple[int, ...]

    @property
    def datapoints(self) -> int:
        """How many datapoints it carries."""
        return sum(self.parts)

    @property
    def request(self) -> dict[str, Any]:
        """What the body says."""
        said: dict[str, Any] = json.loads(self.body)
        return said


class State(str, Enum):
    """What became of a batch; see the ledger."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    PENDING = "pending"
    AMBIGUOUS = "ambiguous"


class Fate(str, Enum):
    """What became of datapoints in all runs on one checkpoint; the last two may count twice, or may be missing."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    SENT_AGAIN = "sent_again"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Detour:
    """How what a destination did not take goes another way.

    Attributes:
        batches: what is to be sent instead.
        refused: by reason, the datapoints that the other way would not take either.
    """

    batches: tuple[Batch, ...]
    refused: tuple[tuple[str, int], ...] = ()

    @property
    def datapoints(self) -> int:
        """How many datapoints it is about."""
        return sum(batch.datapoints for batch in self.batches) + sum(count for _, count in self.refused)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a destination answered.

    Attributes:
        state: what is now known of the batch.
        reason: a short code, empty where it was accepted.
        message: a sentence for people: what happened and what to do.
        by_configuration: whether somebody has to mend the configuration before another try can succeed.
        culprits: of a refusal, the indexes of the datums that the destination names.
        sent_again: how many earlier attempts may have been taken, so that the batch may count once more for each.
        left_out: by reason, the datapoints of an accepted batch that were not taken.
        detour: how what was certainly not taken may go another way.
        road: by which call an accepted batch went, where a destination has several.
    """

    state: State
    reason: str = ""
    message: str = ""
    by_configuration: bool = False
    culprits: tuple[int, ...] = ()
    sent_again: int = 0
    left_out: tuple[tuple[str, int], ...] = ()
    detour: Detour | None = None
    road: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a source has been read.

    Attributes:
        source: the identity under which the source is known again.
        offset_bytes: how many bytes have been used, up to the end of a line.
        lines: how many lines these are.
        digest: BLAKE2b of these bytes, in hexadecimal, so that other content under the same name is noticed.
        state: what has to be known of these bytes to read on, such as parts of events that wait for their rest.
    """

    source: str
    offset_bytes: int
    lines: int
    digest: str
    state: bytes = b""


@dataclass(frozen=True, slots=True)
class LeftBatch:
    """What is to be known of a batch in a checkpoint without loading it.

    Attributes:
        number: its number there.
        datapoints: how many it carries.
        size_bytes: how large its body is.
        was_in_flight: whether it may have been sent before.
    """

    number: int
    datapoints: int
    size_bytes: int
    was_in_flight: bool


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """A batch that a checkpoint holds: its number there, and whether it may have been sent before."""

    number: int
    batch: Batch
    was_in_flight: bool = False
