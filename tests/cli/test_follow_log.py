"""What a run that follows logs of itself: for people in a sentence, for programs as JSON, as often as it is time."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from flowemf_processor.cli.replay import follow_log
from flowemf_processor.cli.replay.follow_log import Diarist, JsonLog, Log, PlainLog
from flowemf_processor.core.ledger import DestinationAccount, Ledger
from flowemf_processor.model import State
from flowemf_processor.pipeline.vitals import Vitals

MOMENT_S = 1_760_000_000.0
WRITTEN = "2025-10-09T08:53:20Z"
NOTHING = "nothing accepted yet"


def vitals(*, accepted: int = 0, refused: int = 0, **figures: Any) -> Vitals:
    """Give the figures of a destination."""
    account = DestinationAccount("metrics")
    account.datapoints[State.ACCEPTED], account.datapoints[State.REFUSED] = accepted, refused
    return Vitals(Ledger(), account, started_s=time.time(), **figures)


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({}, "0 datapoints accepted, lag 0 s, nothing accepted yet"),
        ({"accepted": 1, "accepted_s": MOMENT_S}, f"1 datapoint accepted, lag 0 s, last accepted {WRITTEN}"),
        ({"accepted": 1000, "refused": 2}, "1,000 datapoints accepted, lag 0 s, 2 refused, nothing accepted yet"),
        (
            {"behind_bytes": 2500, "spool_batches": 3, "spool_bytes": 1_500_000},
            "0 datapoints accepted, lag 0 s, 2.5 kB behind, 3 requests waiting (1.5 MB), nothing accepted yet",
        ),
        (
            {"away_since_s": MOMENT_S, "away_for": "http-503"},
            f"0 datapoints accepted, lag 0 s, away since {WRITTEN} (http-503), {NOTHING}",
        ),
        ({"is_reading": False}, f"0 datapoints accepted, lag 0 s, not reading, since the spool is full, {NOTHING}"),
    ],
)
def test_the_status_is_a_sentence(capsys: pytest.CaptureFixture[str], figures: dict[str, Any], said: str) -> None:
    """Only what is worth a word: nothing of a spool that is empty or of a destination that is there."""
    PlainLog().status(vitals(**figures))
    moment, _, rest = capsys.readouterr().err.partition(" ")
    assert rest == f"metrics: {said}\n"
    assert len(moment) == len(WRITTEN)


def test_programs_get_the_same_figures(capsys: pytest.CaptureFixture[str]) -> None:
    """One JSON object a line; null where something has not happened yet."""
    JsonLog().status(vitals(accepted=7, spool_batches=1, spool_bytes=10))
    said = json.loads(capsys.readouterr().err)
    assert (said["event"], said["level"], said["destination"]) == ("status", "info", "metrics")
    assert (said["accepted"], said["spool_requests"], said["last_acceptance_s"]) == (7, 1, None)


@pytest.mark.parametrize("log", [PlainLog(), JsonLog()])
def test_the_status_is_said_when_it_is_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], log: Log
) -> None:
    """Not before a minute is over, nor before there is a delivery; a change at once."""
    diarist = Diarist(log, lambda _: None)
    diarist.admit(vitals())
    diarist.look()
    assert capsys.readouterr().err == ""
    diarist.tell("away", "metrics takes nothing")
    assert "metrics takes nothing" in capsys.readouterr().err
    monkeypatch.setattr(follow_log, "STATUS_SECONDS", 0.0)
    hurried = Diarist(log, lambda _: None)
    hurried.look()
    assert capsys.readouterr().err == ""
    hurried.admit(vitals())
    hurried.look()
    hurried.look()
    assert len(capsys.readouterr().err.splitlines()) == 2
