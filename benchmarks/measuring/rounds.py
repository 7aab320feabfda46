"""Measures several things in turn, again and again, so that a slow moment of the machine meets all of them.

Things to measure go in; the median of each comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Sample:
    """What one repetition cost, in seconds: by the clock on the wall, and of all processors in the process."""

    wall_seconds: float
    cpu_seconds: float


def interleaved(rounds: int, tasks: Mapping[Name, Callable[[], Sample]]) -> dict[Name, Sample]:
    """Run every task once in each round, in an order that changes, and take the medians.

    Many short rounds give steadier medians than a few long ones: what disturbs a shared machine comes in bursts.

    Args:
        rounds: how often each task is measured.
        tasks: name -> a function that does the work and gives what it cost.

    Returns:
        For each name the median wall time and the median processor time, each taken by itself.
    """
    samples: dict[Name, list[Sample]] = {name: [] for name in tasks}
    names = list(tasks)
    order = Random(rounds)  # the same order in every run
    for _ in range(rounds):
        order.shuffle(names)  # nobody always comes after the same neighbour
        for name in names:
            samples[name].append(tasks[name]())
    return {name: middle(taken) for name, taken in samples.items()}


def middle(samples: list[Sample]) -> Sample:
    """Take the median of the wall times and of the processor times."""
    return Sample(median(each.wall_seconds for each in samples), median(each.cpu_seconds for each in samples))
