"""Trying again where that is safe: throttled and unreachable always, unknown outcomes as the user says."""

from __future__ import annotations

import pytest
from cloudwatch_server import Answer, CloudWatchServer

from flowemf_processor.core.pacing import Pacer
from flowemf_processor.model import Batch, Outcome, State
from flowemf_processor.sinks.attempts import PersistentSink
from flowemf_processor.sinks.metrics import connect

BATCH = Batch(
    b'{"Namespace":"N","MetricData":[{"MetricName":"m","Timestamp":1,"Unit":"None","Values":[1],"Counts":[1]}]}', (1,)
)
THROTTLED = Answer(400, "Throttling")
UNKNOWN = Answer(500, "InternalFailure")


class Slept:
    """Counts the seconds that would have been slept; time stands still otherwise."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.pauses.append(seconds)


def sent(server: CloudWatchServer, *answers: Answer, resend: bool = True, seconds: float = 60) -> Outcome:
    """Send one batch to a server that answers so."""
    server.answers = list(answers)
    sink = connect(endpoint_url=server.endpoint_url)
    return PersistentSink(
        sink, pacer=Pacer(1e9), resend=resend, retry_seconds=seconds, sleep=Slept(), now_seconds=lambda: 0.0
    ).send(BATCH)


@pytest.mark.parametrize(
    ("answers", "resend", "requests", "state", "sent_again"),
    [
        ([THROTTLED, THROTTLED], True, 3, State.ACCEPTED, 0),
        ([UNKNOWN], True, 2, State.ACCEPTED, 1),
        ([Answer(0), UNKNOWN], True, 3, State.ACCEPTED, 2),
        ([UNKNOWN], False, 1, State.AMBIGUOUS, 0),
        ([THROTTLED, UNKNOWN], False, 2, State.AMBIGUOUS, 0),
        ([UNKNOWN, Answer(400, "InvalidParameterValue")], True, 2, State.REFUSED, 0),
        ([UNKNOWN, Answer(403, "AccessDenied")], True, 2, State.AMBIGUOUS, 0),
        ([Answer(400, "InvalidParameterValue")], True, 1, State.REFUSED, 0),
        ([Answer(403, "AccessDenied")], True, 1, State.PENDING, 0),
    ],
)
def test_what_is_known_after_all_attempts(
    server: CloudWatchServer, answers: list[Answer], resend: bool, requests: int, state: State, sent_again: int
) -> None:
    """An attempt whose outcome nobody knows is never forgotten over the ones that follow."""
    outcome = sent(server, *answers, resend=resend)
    assert (outcome.state, outcome.sent_again, len(server.requests)) == (state, sent_again, requests)


def test_every_attempt_carries_the_same_bytes(server: CloudWatchServer) -> None:
    """Nothing is planned anew on the way."""
    sent(server, THROTTLED, UNKNOWN)
    assert server.requests == [BATCH.request] * 3


def test_it_gives_up_when_its_time_is_over(server: CloudWatchServer) -> None:
    """The last answer stands; the run goes on another day."""
    outcome = sent(server, *[THROTTLED] * 5, seconds=0)
    assert (outcome.state, outcome.reason, len(server.requests)) == (State.PENDING, "throttled", 1)


def test_pauses_are_random_and_their_limit_doubles(server: CloudWatchServer) -> None:
    """Full jitter: many clients that were throttled together do not come back together."""
    server.answers = [THROTTLED] * 8
    slept = Slept()
    sink = connect(endpoint_url=server.endpoint_url)
    PersistentSink(sink, pacer=Pacer(1e9), resend=True, retry_seconds=60, sleep=slept, now_seconds=lambda: 0.0).send(
        BATCH
    )
    backoffs = [pause for pause in slept.pauses if pause > 1e-3]
    assert len(set(backoffs)) == len(backoffs) >= 6
    assert all(0 <= pause <= min(0.25 * 2**number, 20) for number, pause in enumerate(slept.pauses[1::2], start=1))


def test_throttling_slows_the_requests_of_all_threads(server: CloudWatchServer) -> None:
    """They share one pacer."""
    server.answers = [THROTTLED]
    pacer = Pacer(100)
    sink = connect(endpoint_url=server.endpoint_url)
    PersistentSink(sink, pacer=pacer, resend=True, retry_seconds=60, sleep=Slept(), now_seconds=lambda: 0.0).send(BATCH)
    assert pacer.per_second == 52


def test_nothing_more_is_sent_once_the_run_is_to_end(server: CloudWatchServer) -> None:
    """Told so while it waits for its turn, a batch stays certainly unsent, and a later run sends it."""
    slept = Slept()
    pacer = Pacer(1e-3)
    pacer.wait_seconds(0.0)  # takes the only turn there is for a long time
    outcome = PersistentSink(
        connect(endpoint_url=server.endpoint_url),
        pacer=pacer,
        resend=True,
        retry_seconds=60,
        is_over=lambda: bool(slept.pauses),
        sleep=slept,
        now_seconds=lambda: 0.0,
    ).send(BATCH)
    assert (outcome.state, outcome.sent_again, server.requests) == (State.PENDING, 0, [])
    assert "told to end" in outcome.message
