"""Runs that are killed at any moment, against a CloudWatch that fails as well; then restarted until all is done.

The variable FAULT_ROUNDS chooses how many rounds of five kills there are: FAULT_ROUNDS=40 for 200 moments.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cloudwatch_server import Answer, CloudWatchServer
from commands import Kills, Runs
from delivered import DATAPOINTS_OF_A_LINE, SHAPES, Document, Shape, documents, judge, write_log

LINES = 24
DENSE_LINES = 400  # so many that a datum cannot hold the values of a minute
KILLS = 5
LONGEST_RUN_SECONDS = {1: 0.4, 2: 1.5}  # by the number of processes that read


@dataclass(frozen=True)
class Scenario:
    """What is combined in one round."""

    shape: Shape
    in_flight: int
    jobs: int
    is_merged: bool
    drops: bool
    failing: float

    @property
    def options(self) -> list[str]:
        """The options of every run."""
        chosen = ["--in-flight", str(self.in_flight), "--retry-for", "5", *self.shape.options]
        chosen += ["--jobs", str(self.jobs)] if self.jobs > 1 else []
        chosen += ["--relative-error", "0.3"] if self.is_merged else []
        return [*chosen, "--on-ambiguous", "drop"] if self.drops else chosen


def scenario_of(seed: int) -> Scenario:
    """Combine differently each time; three rounds have something of everything."""
    return Scenario(
        shape=SHAPES[seed % len(SHAPES)],
        in_flight=(4, 1)[seed % 2],
        jobs=(1, 1, 2)[seed % 3],
        is_merged=seed % 4 == 1,
        drops=seed % 4 == 2,
        failing=(0, 0.3)[seed // 2 % 2],
    )


class Killer:
    """A CloudWatch's behaviour that fails now and then, and kills the run at a chosen request.

    Args:
        kills: says at which request, and kills.
        dice: decides how.
        failing: how probable it is that a request fails.
    """

    def __init__(self, kills: Kills, dice: Random, failing: float) -> None:
        self._kills = kills
        self._dice = dice
        self._failing = failing

    def __call__(self, _: dict[str, Any]) -> Answer:
        answer = self._answer()
        return self._killing(answer) if self._kills.is_due() else answer

    def _answer(self) -> Answer:
        after_seconds = self._dice.choice((0, 0, 0.01))
        if self._dice.random() >= self._failing:
            return Answer(after_seconds=after_seconds)
        is_kept = self._dice.random() < 0.5
        return self._dice.choice(
            (
                Answer(400, "Throttling"),
                Answer(500, "InternalFailure", keeps=is_kept, after_seconds=after_seconds),
                Answer(503, "ServiceUnavailable", keeps=is_kept),
                Answer(0, keeps=is_kept),
            )
        )

    def _killing(self, answer: Answer) -> Answer:
        if self._dice.random() < 0.5:
            answer.before = self._kills.kill
        else:
            answer.after = self._kills.kill
        return answer


def add_log(directory: Path, number: int, scenario: Scenario, dice: Random) -> list[Document]:
    """Write one more log, so that the next run has something to do."""
    if scenario.is_merged:
        several = documents(dice, DENSE_LINES, first=1000 + number * DENSE_LINES, minutes=1, namespaces=1)
    else:
        several = documents(dice, LINES, first=number * LINES)
    directory.mkdir(exist_ok=True)
    write_log(directory / str(number), several, scenario.shape, dice)
    return several


def test_whenever_a_run_is_killed_the_next_ones_complete_it(
    runs: Runs, cloudwatch: CloudWatchServer, figures: Any, seed: int
) -> None:
    """Nothing is missing or counts twice but what the last ledger says may; it balances every time."""
    dice = Random(seed)
    scenario = scenario_of(seed)
    kills = Kills(runs, dice, LONGEST_RUN_SECONDS[scenario.jobs])
    cloudwatch.answer_to = Killer(kills, dice, scenario.failing)
    runs.epoch_datapoints = LINES * DATAPOINTS_OF_A_LINE
    runs.chunk_bytes = 2000
    where = runs.directory / "logs"
    arguments = [where, "--to", "metrics", "--endpoint-url", cloudwatch.endpoint_url, "--checkpoint", "c"]
    arguments += scenario.options
    several: list[Document] = []
    codes: list[int] = []
    for number in range(KILLS):
        for part in (2 * number, 2 * number + 1):
            several += add_log(where, part, scenario, dice)
        codes.append(kills(*arguments))
    ledger = runs.until_done(*arguments)
    verdict = judge(cloudwatch.kept, several, ledger, is_merged=scenario.is_merged)
    assert verdict.missing == 0 or scenario.drops
    assert verdict.surplus == 0 or not scenario.drops
    drops = ", --on-ambiguous drop" if scenario.drops else ""
    moments = codes.count(-signal.SIGKILL)
    figures(f"kill -9 at any moment{drops}", runs, cloudwatch, verdict, moments=moments)


@pytest.mark.parametrize("jobs", [1, 2])
def test_undisturbed_each_of_these_logs_arrives_once(runs: Runs, cloudwatch: CloudWatchServer, jobs: int) -> None:
    """Else the kills would prove nothing."""
    dice = Random(0)
    runs.chunk_bytes = 2000
    where = runs.directory / "logs"
    several: list[Document] = []
    for number, shape in enumerate(SHAPES):
        scenario = Scenario(shape, 4, jobs, is_merged=False, drops=False, failing=0)
        several += add_log(where, number, scenario, dice)
    arguments = [where, "--to", "metrics", "--endpoint-url", cloudwatch.endpoint_url, "--checkpoint", "c"]
    assert runs(*arguments, "--jobs", str(jobs), "--not-extracted") == 0
    verdict = judge(cloudwatch.kept, several, runs.ledgers[-1])
    assert (verdict.surplus, verdict.missing) == (0, 0)
