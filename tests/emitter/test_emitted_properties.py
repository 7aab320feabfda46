"""What stands beside the metrics: bound properties, structlog's context, trace identifiers; never in their way."""

from __future__ import annotations

import contextvars
import datetime
import threading
import uuid
from typing import Any

import pytest
import structlog

from flowemf import Monitor


def test_bound_properties_stand_in_every_line_until_they_are_unbound(monitor: Monitor, captured: Any) -> None:
    """A second bind adds and replaces; unbind takes names, or everything."""
    monitor.bind(tenant="acme", attempt=1)
    monitor.bind(attempt=2, ratio=0.5)
    monitor.on_flow_start("chat")
    assert {name: captured.last[name] for name in ("tenant", "attempt", "ratio")} == {
        "tenant": "acme",
        "attempt": 2,
        "ratio": 0.5,
    }
    monitor.unbind("attempt", "unknown")
    monitor.on_flow_start("chat")
    assert "attempt" not in captured.last
    assert captured.last["tenant"] == "acme"
    monitor.unbind()
    monitor.on_flow_start("chat")
    assert "tenant" not in captured.last


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        ("caf\u00e9 \U0001f600", "caf\u00e9 \U0001f600"),
        ("\ud800", "\ufffd"),
        ("two\nlines", "two lines"),
        (None, None),
        (True, True),
        (2**64 - 1, 2**64 - 1),
        (-1.5, -1.5),
        ({"a": [1, {"b": (None, "c")}]}, {"a": [1, {"b": [None, "c"]}]}),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (datetime.date(2024, 5, 6), "2024-05-06"),
        (b"bytes", "b'bytes'"),
    ],
)
def test_a_property_is_what_was_bound(monitor: Monitor, captured: Any, value: object, expected: object) -> None:
    """JSON values as they are, anything else as its text."""
    monitor.bind(thing=value)
    monitor.on_flow_start("chat")
    assert captured.last["thing"] == expected
    assert type(captured.last["thing"]) is type(expected)


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**65, Hostile(), [float("nan")], {"a": Hostile()}, [1] * 101]
)
def test_a_property_without_a_json_form_is_left_out_and_counted(monitor: Monitor, captured: Any, value: object) -> None:
    """The line is written without it."""
    monitor.bind(thing=value, other=1)
    monitor.on_flow_start("chat")
    assert "thing" not in captured.last
    assert captured.last["other"] == 1
    assert monitor.stats()["property_dropped"] == 1


def test_a_circle_of_containers_is_left_out(monitor: Monitor, captured: Any) -> None:
    """What contains itself has no JSON form either."""
    circle: list[Any] = []
    circle.append(circle)
    monitor.bind(circle=circle)
    monitor.on_flow_start("chat")
    assert "circle" not in captured.last


def test_a_property_never_overwrites_a_metric_or_a_dimension(make_monitor: Any, captured: Any) -> None:
    """Ours, custom ones, those of the call, the metric's own name and the metadata: dropped and counted each time."""
    monitor = make_monitor(custom_dimensions={"Team": "ai"})
    monitor.bind(FlowName="x", TokensUsed=1, _aws={}, event="x", flow_id="x", Team="x", Index="x", Documents=9, ok=1)
    monitor.metric("Documents", 3, "Count", {"Index": "manuals"})
    document = captured.last
    assert (document["Team"], document["Index"], document["Documents"], document["event"]) == (
        "ai",
        "manuals",
        3,
        "metric",
    )
    assert document["ok"] == 1
    assert monitor.stats()["property_collision"] == 5 + 3
    monitor.on_flow_start("chat")
    assert captured.last["Index"] == "x"
    assert captured.last["Team"] == "ai"
    assert monitor.stats()["property_collision"] == 5 + 3 + 1


def test_names_that_become_equal_stand_once(monitor: Monitor, captured: Any) -> None:
    """A line never has a member twice, even where control characters told two names apart."""
    monitor.bind(**{"a\x01": 1, "a\x02": 2, "": 3, "x" * 256: 4})
    monitor.on_flow_start("chat")
    assert captured.last["a "] == 2
    assert monitor.stats()["property_dropped"] == 2


def test_threads_and_contexts_do_not_see_each_others_properties(monitor: Monitor, captured: Any) -> None:
    """What one request binds, no other carries."""
    monitor.bind(request="main")

    def other() -> None:
        monitor.bind(request="other")
        monitor.on_flow_start("chat")

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    contextvars.copy_context().run(other)
    monitor.on_flow_start("chat")
    assert [document["request"] for document in captured.documents] == ["other", "other", "main"]


def test_what_structlog_has_bound_is_in_the_line(monitor: Monitor, captured: Any) -> None:
    """As plain properties; what is bound with us is nearer and wins."""
    monitor.bind(tenant="ours")
    with structlog.contextvars.bound_contextvars(tenant="theirs", user="ada@example.com", FlowName="x"):
        monitor.on_flow_start("chat")
    assert captured.last["tenant"] == "ours"
    assert captured.last["user"] == "[redacted:email]"
    assert captured.last["FlowName"] == "chat"
    assert monitor.stats()["property_collision"] == 1
    monitor.on_flow_start("chat")
    assert "user" not in captured.last


def test_a_line_carries_the_trace_of_the_lambda_invocation(
    monitor: Monitor, captured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The root of the variable that the runtime sets anew with each invocation."""
    for root in ("1-5759e988-bd862e3fe1be46a994272793", "1-5759e988-000000000000000000000000"):
        monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={root};Parent=53995c3f42cd8ad8;Sampled=1")
        monitor.on_flow_start("chat")
        assert captured.last["trace_id"] == root
    for text in ("", "Parent=1", "garbage", "Root="):
        monkeypatch.setenv("_X_AMZN_TRACE_ID", text)
        monitor.on_flow_start("chat")
        assert "trace_id" not in captured.last


def test_a_line_that_would_be_too_large_leaves_its_properties_out(monitor: Monitor, captured: Any) -> None:
    """A log event holds 1 MB; the numbers are never what is lost, and the line says what is: the last ones."""
    monitor.bind(**{f"p{index}": "\u00e9" * 8192 for index in range(25)})
    monitor.on_generate("nova", duration_ms=1, input_tokens=3, error="timed out", resolved_model_id="nova-1")
    assert (captured.last["InputTokens"], captured.last["resolved_model_id"]) == (3, "nova-1")
    assert "p20" in captured.last
    assert "p21" not in captured.last
    assert captured.last["properties_cut"] == 4
    assert monitor.stats() == {"lines_written": 1, "properties_too_large": 4}


def test_the_message_of_an_error_names_its_class(monitor: Monitor, captured: Any) -> None:
    """Text is as it is; an exception without a text is its class; no error has no message."""
    messages = []
    for error in (ValueError("no"), ValueError(), Hostile, "plain", None, 3):
        monitor.on_flow_error("chat", 1, error)  # type: ignore[arg-type]
        messages.append(captured.last.get("error_message"))
    assert messages == ["ValueError: no", "ValueError", None, "plain", None, None]
    monitor.on_flow_error("chat", 1, "x" * 5000)
    assert len(captured.last["error_message"]) == 1024
