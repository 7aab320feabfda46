"""Holds what was measured beside what it is compared with, and the goal that it should keep.

Samples of both go in; a value comes out that knows whether the goal was reached, and its way into JSON and back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from measuring.rounds import Sample

SECONDS, BYTES = "seconds", "bytes"


@dataclass(frozen=True, slots=True)
class Ratio:
    """A measured number and what it should be: at least `goal` where `at_least`, else at most.

    Attributes:
        what: what was measured of flowemf.
        relation: how the number relates it to `against`, in words.
        against: what it is compared with.
        value: the number: a ratio, or with a `unit` what flowemf itself took.
        goal: the bound that it should keep, where one was set.
        at_least: whether more is better.
        aim: what to hope for beyond the goal, where there is such a thing.
        unit: what the number counts; "x" for a ratio.
        by_cpu: the same number by processor time, which other programs on the machine disturb less.
        ours: what flowemf took, in `measured_in`.
        theirs: what the other took, where there is an other.
        measured_in: SECONDS or BYTES.
        area: the section of the page on performance that it belongs to, where it isn't its benchmark's own.
        pictured: whether it compares with somebody else's work in a way of its own, so that the picture shows it.
    """

    what: str
    relation: str
    against: str
    value: float
    goal: float | None = None
    at_least: bool = False
    aim: float | None = None
    unit: str = "x"
    by_cpu: float | None = None
    ours: float = 0.0
    theirs: float | None = None
    measured_in: str = SECONDS
    area: str = ""
    pictured: bool = True

    @property
    def sentence(self) -> str:
        """Say what the number means."""
        return f"{self.what}: {self.relation} {self.against}".rstrip(" :")

    @property
    def reached(self) -> bool | None:
        """Whether the goal holds in this run; None where there is none."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    @property
    def times_better(self) -> float | None:
        """How many times as much the other takes; None where that cannot be said."""
        return self.theirs / self.ours if self.theirs and self.theirs > 0 and self.ours > 0 else None

    @property
    def goal_times_better(self) -> float | None:
        """At how many times as much the goal is reached; None for a goal that doesn't depend on the other."""
        if self.goal is None or self.unit != "x":
            return None
        return self.goal if self.at_least else 1 / self.goal

    def as_dict(self) -> dict[str, Any]:
        """Give every field, and whether the goal was reached."""
        return {**asdict(self), "reached": self.reached}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Ratio:
        """Take back what `as_dict` gave."""
        return cls(**{field.name: found[field.name] for field in fields(cls)})


def times_as_fast(
    what: str, against: str, ours: Sample, theirs: Sample, goal: float | None = None, aim: float | None = None
) -> Ratio:
    """Tell how many times as long the other takes: more is better."""
    wall, cpu = theirs.wall_seconds / ours.wall_seconds, theirs.cpu_seconds / ours.cpu_seconds
    found = Ratio(what, "times as fast as", against, wall, goal, at_least=True, aim=aim, by_cpu=cpu)
    return replace(found, ours=ours.wall_seconds, theirs=theirs.wall_seconds)


def times_less_cpu(what: str, against: str, ours: Sample, theirs: Sample, goal: float | None = None) -> Ratio:
    """Tell how many times as much processor time the other takes: more is better."""
    cpu = theirs.cpu_seconds / ours.cpu_seconds
    found = Ratio(what, "times less processor time than", against, cpu, goal, at_least=True, by_cpu=cpu)
    return replace(found, ours=ours.cpu_seconds, theirs=theirs.cpu_seconds)


def of_the_time(
    what: str, against: str, ours: Sample, theirs: Sample, goal: float | None = None, *, pictured: bool = True
) -> Ratio:
    """Tell which part of the other's time ours is: less is better."""
    wall, cpu = ours.wall_seconds / theirs.wall_seconds, ours.cpu_seconds / theirs.cpu_seconds
    found = Ratio(what, "of the time of", against, wall, goal, by_cpu=cpu, pictured=pictured)
    return replace(found, ours=ours.wall_seconds, theirs=theirs.wall_seconds)


def of_the_bytes(
    what: str, against: str, ours: float, theirs: float, goal: float | None = None, *, pictured: bool = True
) -> Ratio:
    """Tell which part of the other's memory or files ours is: less is better."""
    found = Ratio(what, "of", against, ours / theirs, goal, pictured=pictured)
    return replace(found, ours=ours, theirs=theirs, measured_in=BYTES)
