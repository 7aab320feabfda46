"""Cuts what is to be sent into portions that stand or fall alone.

Events go in; portions come out, each of one namespace and small enough for one request in all but odd cases, together
with the event ids and records that it settles.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

from flowemf_processor.core.aggregate import Aggregator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf_processor.model import Event

# A datum with four dimensions takes 400 bytes and a value 20: together three quarters of what a request may hold.
PORTION_GROUPS = 800
PORTION_DATAPOINTS = 20_000


@dataclass(frozen=True, slots=True)
class Share:
    """What one log event has under one namespace: a request of PutMetricData names only one.

    Attributes:
        event: the event, with the measurements of that namespace.
        namespace: the namespace.
        key: tells this share from all others for good; empty where nothing tells the log event from others.
    """

    event: Event
    namespace: str
    key: str

    @property
    def record(self) -> int:
        """Which record of the invocation it came in, from 1."""
        return self.event.position.line


class Claim(str, Enum):
    """What a ledger of event ids says of a share.

    Attributes:
        NEW: nobody has sent it; it is ours now.
        DONE: it was sent.
        IN_DOUBT: somebody began to send it and never said what came of it; it is ours now.
        ELSEWHERE: somebody is about to send it.
    """

    NEW = "new"
    DONE = "done"
    IN_DOUBT = "in-doubt"
    ELSEWHERE = "elsewhere"


def shares_of(event: Event) -> list[Share]:
    """Divide an event by namespaces, in their order in the line.

    Args:
        event: one that was read.

    Returns:
        Its shares; none where it holds no number.
    """
    namespaces = dict.fromkeys(each.namespace for each in event.measurements)
    return [_share(event, namespace) for namespace in namespaces]


def _share(event: Event, namespace: str) -> Share:
    own = tuple(each for each in event.measurements if each.namespace == namespace)
    event_id = event.origin.event_id
    return Share(replace(event, measurements=own), namespace, f"{event_id}/{namespace}" if event_id else "")


@dataclass(slots=True)
class Portion:
    """What is sent together.

    Attributes:
        aggregator: gathers it.
        keys: the keys of its shares, without the empty ones.
        records: the records that its shares came in.
    """

    aggregator: Aggregator = field(default_factory=Aggregator)
    keys: list[str] = field(default_factory=list)
    records: set[int] = field(default_factory=set)

    @property
    def is_full(self) -> bool:
        """Whether more might not fit into one request."""
        return self.aggregator.groups >= PORTION_GROUPS or self.aggregator.datapoints >= PORTION_DATAPOINTS

    def add(self, share: Share) -> None:
        """Take a share in."""
        self.aggregator.add(share.event)
        self.records.add(share.record)
        if share.key:
            self.keys.append(share.key)


class Portions:
    """Gathers shares, the ones of each namespace apart.

    >>> list(Portions())
    []
    """

    def __init__(self) -> None:
        self._full: list[Portion] = []
        self._open: dict[str, Portion] = {}

    def add(self, share: Share) -> None:
        """Take a share in."""
        portion = self._open.setdefault(share.namespace, Portion())
        portion.add(share)
        if portion.is_full:
            self._full.append(self._open.pop(share.namespace))

    def __iter__(self) -> Iterator[Portion]:
        """Give the portions, full ones first."""
        return iter([*self._full, *self._open.values()])
