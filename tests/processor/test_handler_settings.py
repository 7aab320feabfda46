"""The settings of handlers, what they load, and how an invocation's time bounds what they wait for."""

from __future__ import annotations

import ast
import subprocess
import sys
import threading
import time

import pytest

from flowemf_processor.errors import ConfigurationError
from flowemf_processor.handlers.invocation import call_of
from flowemf_processor.handlers.settings import HandlerSettings, settings_from
from flowemf_processor.model import Batch, Outcome, State
from flowemf_processor.sinks.attempts import BoundedSink

PREFIX = "FLOWEMF_HANDLER_"
BATCH = Batch(b"{}", (1,))


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("source_extracted", "False", False),
        ("source_extracted", "1", True),
        ("ledger_table", "ids", "ids"),
        ("ledger_days", "400", 400),
        ("on_ambiguous", "drop", "drop"),
        ("retry_seconds", "0", 0.0),
        ("relative_error", "0.01", 0.01),
        ("max_series", "5", 5),
        ("namespaces", "App, Shop/*,", ("App", "Shop/*")),
        ("strict", "yes", True),
        ("rejects", "s3://bucket/prefix/", "s3://bucket/prefix/"),
        ("health_namespace", "Ops/Handlers", "Ops/Handlers"),
        ("firehose_keep", "metrics", "metrics"),
    ],
)
def test_each_setting_is_read_from_its_variable(variable: str, text: str, value: object) -> None:
    """Its name in capitals, behind the prefix; an empty variable is one that is not set."""
    name = PREFIX + variable.upper()
    assert getattr(settings_from({name: text, "PATH": "/bin"}), variable) == value
    assert settings_from({name: ""}) == HandlerSettings()


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("source_extracted", "perhaps", "is neither true nor false"),
        ("ledger_days", "1.5", "is no whole number"),
        ("ledger_days", "401", "is not between 1 and 400"),
        ("on_ambiguous", "Resend", "is none of resend, drop"),
        ("retry_seconds", "nan", "is not between 0 and 900"),
        ("relative_error", "one", "is no number"),
        ("rejects", "bucket/prefix/", "is no s3://bucket/"),
        ("rejects", "s3://bucket/prefix", "is no s3://bucket/"),
        ("rejects", "s3:///", "is no s3://bucket/"),
        ("health_namespace", " ", "is no namespace"),
        ("firehose_keep", "none", "is none of all, metrics"),
        ("ledgertable", "ids", "is no setting (did you mean FLOWEMF_HANDLER_LEDGER_TABLE?)"),
        ("colour", "red", "is no setting;"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_value(variable: str, text: str, said: str) -> None:
    """A typing error that was passed over would send everything twice, or nothing."""
    with pytest.raises(ConfigurationError) as raised:
        settings_from({PREFIX + variable.upper(): text})
    assert said in str(raised.value)
    assert str(raised.value).startswith(PREFIX + variable.upper())


def test_everything_that_is_wrong_is_said_at_once() -> None:
    """Each deployment takes a minute."""
    with pytest.raises(ConfigurationError) as raised:
        settings_from({PREFIX + "STRICT": "x", PREFIX + "LEDGER_DAYS": "x", "FLOWEMF_STRICT": "not ours"})
    assert (str(raised.value).count("STRICT"), str(raised.value).count("LEDGER_DAYS")) == (1, 1)


class Context:
    """What Lambda passes."""

    aws_request_id = "r-1"
    function_name = "f"

    def __init__(self, remaining_ms: int) -> None:
        self._remaining_ms = remaining_ms

    def get_remaining_time_in_millis(self) -> int:
        """Say how long the function may still run."""
        return self._remaining_ms


@pytest.mark.parametrize(("remaining_ms", "work_seconds"), [(3000, 2.4), (60_000, 58), (0, 0)])
def test_some_of_the_time_is_kept_for_remembering_and_answering(remaining_ms: int, work_seconds: float) -> None:
    """A fifth of a short time, two seconds of a long one; the process is dead a bit after all of it is over."""
    call = call_of(Context(remaining_ms))
    assert call.left_seconds() == pytest.approx(work_seconds, abs=0.5)
    assert call.dead_ms - time.time() * 1000 == pytest.approx(remaining_ms + 2000, abs=500)
    assert (call.request_id, call.function_name) == ("r-1", "f")


def test_a_call_without_a_context_has_a_minute() -> None:
    """As in a test of one's own."""
    assert call_of(None).left_seconds() == pytest.approx(58, abs=0.5)


class Sink:
    """Answers, raises or hangs."""

    name = "metrics"

    def __init__(self, answer: Outcome | Exception | threading.Event) -> None:
        self._answer = answer

    def send(self, batch: Batch) -> Outcome:
        """Do as was said."""
        if isinstance(self._answer, threading.Event):
            self._answer.wait(30)
            return Outcome(State.ACCEPTED)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def test_an_answer_in_time_is_passed_on_and_remembered_unless_it_is_a_yes() -> None:
    """The first one of each reason, for the report."""
    answers: dict[str, Outcome] = {}
    refused = Outcome(State.REFUSED, "odd", "first")
    assert BoundedSink(Sink(refused), lambda: 5, answers).send(BATCH) == refused
    BoundedSink(Sink(Outcome(State.REFUSED, "odd", "second")), lambda: 5, answers).send(BATCH)
    assert BoundedSink(Sink(Outcome(State.ACCEPTED)), lambda: 5, answers).send(BATCH).state is State.ACCEPTED
    assert answers == {"odd": refused}


def test_what_takes_longer_than_there_is_time_is_ambiguous() -> None:
    """It may arrive yet."""
    done = threading.Event()
    outcome = BoundedSink(Sink(done), lambda: 0.05, {}).send(BATCH)
    done.set()
    assert (outcome.state, outcome.reason) == (State.AMBIGUOUS, "no-answer-in-time")


def test_without_time_nothing_is_begun() -> None:
    """Then it was certainly not sent."""
    outcome = BoundedSink(Sink(RuntimeError("was called")), lambda: 0, {}).send(BATCH)
    assert (outcome.state, outcome.reason) == (State.PENDING, "out-of-time")


def test_what_the_sink_raises_is_raised_where_it_is_waited_for() -> None:
    """An error of the program is none of the destination's answers."""
    with pytest.raises(RuntimeError, match="a bug"):
        BoundedSink(Sink(RuntimeError("a bug")), lambda: 5, {}).send(BATCH)


def test_handlers_need_little_to_start() -> None:
    """Beside the standard library two packages; boto3 comes when something is to be sent, the rest never."""
    code = (
        "import sys, flowemf_processor.handlers\n"
        "files = {name: getattr(module, '__file__', None) or '' for name, module in sys.modules.items()}\n"
        "outside = {name.split('.')[0] for name, file in files.items() if 'site-packages' in file}\n"
        "print(sorted(name for name in outside if not name.startswith('_')))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(finished.stdout)) - {"sitecustomize", "coverage"}
    assert {"msgspec", "tenacity"} <= loaded <= {"msgspec", "tenacity", "typing_extensions"}
