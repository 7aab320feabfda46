"""The setting `redact`: what the user adds to it, and how little it is when it is off."""

from __future__ import annotations

import re
from typing import Any

import pytest
import structlog

import flowemf
from flowemf import Monitor
from flowemf._redaction.redactor import Redactor
from flowemf._tally import Tally

KEY_ID = "AKIA" + "IOSFODNN7EXAMPLE"
ORDER = re.compile(r"ORD-\d+")


def test_patterns_of_the_users_go_beyond_ours(make_monitor: Any, captured: Any) -> None:
    """As texts or compiled, in properties, messages, names and dimensions; ours still hold."""
    monitor = make_monitor(redact=[ORDER, r"(?i)project \w+"])
    monitor.bind(note={"ORD-1": ["Project Apollo", KEY_ID]})
    monitor.on_flow_error("flow ORD-17", 1, ValueError("ORD-12 of project x, ada@example.com"))
    assert captured.last["FlowName"] == "flow [redacted:custom]"
    assert captured.last["error_message"] == "ValueError: [redacted:custom] of [redacted:custom], [redacted:email]"
    assert captured.last["note"] == {"[redacted:custom]": ["[redacted:custom]", "[redacted:aws-access-key]"]}
    assert monitor.stats()["dimension_redacted"] == 1


def test_a_pattern_that_can_match_nothing_leaves_no_marks(make_monitor: Any, captured: Any) -> None:
    """A look-ahead has no length; marks stand for characters."""
    make_monitor(redact=[r"(?=x)", r"\b"]).on_flow_error("chat", 1, "a x")
    assert captured.last["error_message"] == "a x"


def test_an_empty_list_of_patterns_is_the_default(make_monitor: Any, captured: Any) -> None:
    """Nothing more, and nothing less."""
    make_monitor(redact=[]).on_flow_error("chat", 1, f"{KEY_ID} x")
    assert captured.last["error_message"] == "[redacted:aws-access-key] x"


def test_a_function_of_the_users_has_the_last_word(make_monitor: Any, captured: Any) -> None:
    """It sees texts without our secrets, and what it gives is made one line of bounded length."""
    seen = []

    def own(text: str) -> str:
        seen.append(text)
        return text.replace("Apollo", "\x1b[31mA\n") if "all" not in text else "y" * 5000

    monitor = make_monitor(redact=own)
    monitor.on_flow_error("Apollo", 1, f"Apollo {KEY_ID}")
    assert captured.last["FlowName"] == "[31mA"
    assert captured.last["error_message"] == " [31mA  [redacted:aws-access-key]"
    assert seen == ["Apollo [redacted:aws-access-key]", "Apollo"]
    monitor.on_flow_error("chat", 1, "all")
    assert len(captured.last["error_message"]) == 1024


@pytest.mark.parametrize("answer", [None, 3, b"x", ["x"]])
def test_a_function_that_gives_no_text_costs_the_whole_text(make_monitor: Any, captured: Any, answer: object) -> None:
    """Nobody knows what it meant to leave."""
    monitor = make_monitor(redact=lambda text: answer)
    monitor.on_flow_error("chat", 1, "private")
    assert captured.last["error_message"] == captured.last["FlowName"] == "[redacted]"
    assert monitor.stats()["redact_failed"] == 2


def test_a_function_that_raises_costs_the_whole_text_and_nothing_else(
    make_monitor: Any, captured: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line is written, the failure counted and said once; what it raised is not shown, since it holds the text."""

    def own(text: str) -> str:
        raise ValueError(text)

    monitor = make_monitor(redact=own)
    monitor.bind(note={"name": "private"})
    monitor.on_generate("nova", duration_ms=1)
    assert captured.last["ModelID"] == "[redacted]"
    assert captured.last["[redacted]"] == {"[redacted]": "[redacted]"}
    errors = capsys.readouterr().err
    assert errors.count("redact_failed") == 1
    assert "private" not in errors


def test_a_function_that_measures_itself_does_not_go_round_for_ever(make_monitor: Any, captured: Any) -> None:
    """A recursion ends where Python ends it, and inside."""

    def own(text: str) -> str:
        monitor.on_flow_error("chat", 1, text)
        return text

    monitor = make_monitor(redact=own)
    monitor.on_flow_error("chat", 1, "x")
    assert captured.lines
    assert monitor.stats()["redact_failed"] >= 1


def test_false_leaves_properties_and_messages_as_they_are(make_monitor: Any, captured: Any) -> None:
    """On one line, cut, with all that is in them; not so a dimension, since no metric can be deleted."""
    monitor = make_monitor(redact=False)
    monitor.bind(mail="ada@example.com\n")
    monitor.on_flow_error(f"flow {KEY_ID}", 1, f"key {KEY_ID}")
    assert captured.last["mail"] == "ada@example.com "
    assert captured.last["error_message"] == f"key {KEY_ID}"
    assert captured.last["FlowName"] == "flow [redacted:aws-access-key]"


def test_each_monitor_cleans_as_it_was_told(captured_class: Any) -> None:
    """What one binds unredacted, another writes redacted: the properties are shared, the settings are not."""
    open_sink, plain_sink, own_sink = captured_class(), captured_class(), captured_class()
    everything = Monitor("App", sink=open_sink, redact=False)
    plain = Monitor("App", sink=plain_sink)
    own = Monitor("App", sink=own_sink, redact=[ORDER])
    everything.bind(mail="ada@example.com", **{"of ada@example.com": 1})
    own.bind(order="ORD-1")
    for monitor in (everything, plain, own, everything):
        monitor.on_flow_start("chat")
    assert open_sink.last["mail"] == "ada@example.com"
    assert open_sink.last["of ada@example.com"] == 1
    assert open_sink.last["order"] == "ORD-1"
    assert plain_sink.last["mail"] == own_sink.last["mail"] == "[redacted:email]"
    assert plain_sink.last["of [redacted:email]"] == 1
    assert (plain_sink.last["order"], own_sink.last["order"]) == ("ORD-1", "[redacted:custom]")
    plain.unbind("order", "of [redacted:email]")
    everything.on_flow_start("chat")
    assert open_sink.last["mail"] == "ada@example.com"
    assert "order" not in open_sink.last


def test_a_second_configure_cleans_what_was_bound_before_it(captured: Any) -> None:
    """The setting counts that holds when the line is written."""
    flowemf.configure("App", sink=captured, redact=False)
    flowemf.bind(mail="ada@example.com")
    flowemf.configure("App", sink=captured)
    with structlog.contextvars.bound_contextvars(other="ada@example.com"), flowemf.flow("chat"):
        pass
    assert captured.last["mail"] == captured.last["other"] == "[redacted:email]"


def test_redacted_texts_are_counted(monitor: Monitor, captured: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever runs the application learns that secrets are on their way, once, and how many."""
    monitor.on_flow_error("chat", 1, "ada@example.com")
    monitor.on_flow_error("chat", 1, "harmless")
    monitor.on_flow_error("chat", 1, f"key {KEY_ID} of ada@example.com")
    assert monitor.stats() == {"lines_written": 3, "text_redacted": 2}
    assert capsys.readouterr().err.count("text_redacted") == 1


def test_a_text_that_comes_again_is_cleaned_as_before() -> None:
    """What is remembered of harmless texts lets no secret through, cuts no less, and stays small."""
    tally = Tally()
    redactor = Redactor((ORDER,), tally)
    for _ in range(3):
        assert redactor.clean("acme", 255) == "acme"
        assert redactor.clean("a name of some length", 255) == "a name of some length"
        assert redactor.clean("a name of some length", 10) == "a name ..."
        assert redactor.clean(KEY_ID, 255) == "[redacted:aws-access-key]"
        assert redactor.clean("ORD-17", 255) == "[redacted:custom]"
        assert redactor.clean("two\nlines", 255) == "two lines"
    assert tally.as_dict()["text_redacted"] == 6
    for number in range(5000):
        redactor.clean(f"request {number}", 255)
    assert len(redactor._known) <= 1024


def test_a_function_of_the_users_is_asked_each_time() -> None:
    """Its answer may change."""
    answers = iter(["first", "first", "second"])
    redactor = Redactor(lambda _: next(answers))
    assert [redactor.clean("first", 255) for _ in range(3)] == ["first", "first", "second"]


def test_the_number_of_a_card_is_none_the_less_one_for_being_an_integer(monitor: Monitor, captured: Any) -> None:
    """Other numbers stay numbers."""
    monitor.bind(
        card=4111111111111111, number=4111111111111112, negative=-4111111111111111, time_ns=1732377600123456789
    )
    monitor.on_flow_start("chat")
    assert captured.last["card"] == captured.last["negative"] == "[redacted:card]"
    assert captured.last["number"] == 4111111111111112
    assert captured.last["time_ns"] == 1732377600123456789


def test_a_secret_in_a_setting_is_refused_and_not_shown(make_monitor: Any) -> None:
    """Custom dimensions and namespaces stand in every line; the message of the error ends up in a log."""
    for wrong in ({"custom_dimensions": {"Key": KEY_ID}}, {"custom_dimensions": {KEY_ID: "x"}}, {"namespace": KEY_ID}):
        with pytest.raises(flowemf.ConfigurationError) as raised:
            make_monitor(**wrong)
        assert "holds a secret" in str(raised.value)
        assert KEY_ID not in str(raised.value)
    with pytest.raises(flowemf.ConfigurationError) as raised:
        make_monitor(rollups=f"all {KEY_ID}")
    assert KEY_ID not in str(raised.value)


def test_the_operators_own_dimensions_may_name_people_and_commits(make_monitor: Any, captured: Any) -> None:
    """Whoever configures them chose them: an owner's address, a version, even an identifier."""
    chosen = {
        "Owner": "team-ai@company.com",
        "Version": "9fceb02",
        "Commit": "0123456789abcdef0123456789abcdef01234567",
        "Tenant": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    }
    make_monitor(custom_dimensions=chosen).on_flow_start("chat")
    assert {key: captured.last[key] for key in chosen} == chosen
