"""The properties trace_id and span_id: which trace a line names, where several are known."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import flowemf
from flowemf import Monitor
from flowemf._tracing import context as _trace_context

TRACE, CALLER = "4efaaf4d1e8720b39541901950019ee5", "53995c3f42cd8ad8"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"
XRAY = "1-4efaaf4d-1e8720b39541901950019ee5"
LAMBDA = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


@pytest.fixture(autouse=True)
def _fresh_trace(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start each test in no trace."""
    monkeypatch.delenv("TRACEPARENT", raising=False)
    monkeypatch.setattr(_trace_context, "_inherited", None)
    monkeypatch.setattr(_trace_context, "given", False)
    yield
    _trace_context.drop()


def trace_of(monitor: Monitor, captured: Any) -> tuple[str | None, str | None]:
    """Write a line and say which trace and span it names."""
    monitor.on_flow_start("chat")
    return captured.last.get("trace_id"), captured.last.get("span_id")


def test_a_line_in_no_trace_names_none(monitor: Monitor, captured: Any) -> None:
    """OpenTelemetry being imported is no trace yet."""
    assert trace_of(monitor, captured) == (None, None)


@pytest.mark.parametrize("header", [TRACEPARENT, TRACEPARENT.encode(), f" {TRACEPARENT} ", f"cc-{TRACE}-{CALLER}-00-x"])
def test_a_bound_traceparent_names_its_trace(monitor: Monitor, captured: Any, header: Any) -> None:
    """In the form of X-Ray; it is no property of its own, and its span is the caller's."""
    monitor.bind(traceparent=header, tenant="acme")
    assert trace_of(monitor, captured) == (XRAY, None)
    assert captured.last["tenant"] == "acme"
    assert "traceparent" not in captured.last


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        TRACEPARENT.upper(),
        f"ff-{TRACE}-{CALLER}-01",
        f"00-{TRACE}-{CALLER}-01-more",
        f"00-{'0' * 32}-{CALLER}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{CALLER}-01",
        f"00-{TRACE}-{CALLER}-zz",
        f"0x-{TRACE}-{CALLER}-01",
        f"00-{TRACE}-{CALLER}-1\u00b2",
        7,
        [TRACEPARENT],
    ],
)
def test_what_is_no_traceparent_is_counted(monitor: Monitor, captured: Any, header: Any) -> None:
    """It replaces the one before, since it belongs to this request."""
    monitor.bind(traceparent=TRACEPARENT)
    monitor.bind(traceparent=header)
    assert trace_of(monitor, captured) == (None, None)
    assert monitor.stats() == {"lines_written": 1, "traceparent_invalid": 1}


def test_a_request_without_the_header_is_in_no_trace(monitor: Monitor, captured: Any) -> None:
    """`bind(traceparent=headers.get("traceparent"))` is right with and without it."""
    monitor.bind(traceparent=TRACEPARENT)
    monitor.bind(traceparent=None)
    assert trace_of(monitor, captured) == (None, None)
    assert monitor.stats() == {"lines_written": 1}


@pytest.mark.parametrize("names", [("traceparent",), ()])
def test_unbinding_leaves_the_trace(monitor: Monitor, captured: Any, names: tuple[str, ...]) -> None:
    """By its name, or with everything else; other names leave it alone."""
    monitor.bind(traceparent=TRACEPARENT, tenant="acme")
    monitor.unbind("tenant")
    assert trace_of(monitor, captured) == (XRAY, None)
    monitor.unbind(*names)
    assert trace_of(monitor, captured) == (None, None)


def test_requests_do_not_see_each_other_s_trace(monitor: Monitor, captured: Any) -> None:
    """Neither tasks nor threads."""

    async def request(number: int) -> None:
        monitor.bind(traceparent=f"00-{number:032x}-{CALLER}-01")
        await asyncio.sleep(0)
        assert trace_of(monitor, captured)[0] == _trace_context.xray_id(f"{number:032x}")

    async def main() -> None:
        await asyncio.gather(*(request(number) for number in range(1, 20)))

    asyncio.run(main())
    monitor.bind(traceparent=TRACEPARENT)
    thread = threading.Thread(target=lambda: seen.append(trace_of(monitor, captured)))
    seen: list[Any] = []
    thread.start()
    thread.join()
    assert seen == [(None, None)]


def test_the_environment_of_the_process_names_its_trace(
    monkeypatch: pytest.MonkeyPatch, make_monitor: Any, captured: Any
) -> None:
    """TRACEPARENT, as it is when the monitor is made."""
    monkeypatch.setenv("TRACEPARENT", TRACEPARENT)
    monitor = make_monitor()
    monkeypatch.delenv("TRACEPARENT")
    assert trace_of(monitor, captured) == (XRAY, None)
    monkeypatch.setenv("TRACEPARENT", "nonsense")
    assert trace_of(make_monitor(), captured) == (None, None)


def test_the_nearest_trace_is_named(monkeypatch: pytest.MonkeyPatch, make_monitor: Any, captured: Any) -> None:
    """The current span, the bound header, the Lambda invocation, the process: each where those before are missing."""
    monkeypatch.setenv("TRACEPARENT", f"00-{'1' * 32}-{CALLER}-01")
    monitor = make_monitor()
    assert trace_of(monitor, captured) == ("1-11111111-111111111111111111111111", None)
    monkeypatch.setenv("_X_AMZN_TRACE_ID", LAMBDA)
    assert trace_of(monitor, captured) == ("1-5759e988-bd862e3fe1be46a994272793", None)
    monitor.bind(traceparent=TRACEPARENT)
    assert trace_of(monitor, captured) == (XRAY, None)
    with TracerProvider().get_tracer("app").start_as_current_span("request") as span:
        context = span.get_span_context()
        expected = (_trace_context.xray_id(f"{context.trace_id:032x}"), f"{context.span_id:016x}")
        assert trace_of(monitor, captured) == expected
    assert trace_of(monitor, captured) == (XRAY, None)


def test_a_span_of_another_process_gives_its_trace_alone(monitor: Monitor, captured: Any) -> None:
    """What a propagator has read from the request is the caller's span."""
    context = trace.SpanContext(int(TRACE, 16), int(CALLER, 16), is_remote=True)
    with trace.use_span(trace.NonRecordingSpan(context)):
        assert trace_of(monitor, captured) == (XRAY, None)


def test_inner_spans_are_named_as_they_come_and_go(monitor: Monitor, captured: Any) -> None:
    """Nothing is remembered for too long."""
    tracer = TracerProvider().get_tracer("app")
    with tracer.start_as_current_span("outer") as outer:
        with tracer.start_as_current_span("inner") as inner:
            assert trace_of(monitor, captured)[1] == f"{inner.get_span_context().span_id:016x}"
        assert trace_of(monitor, captured)[1] == f"{outer.get_span_context().span_id:016x}"
    assert trace_of(monitor, captured) == (None, None)


def test_a_stranger_s_span_cannot_break_a_line(
    monkeypatch: pytest.MonkeyPatch, monitor: Monitor, captured: Any
) -> None:
    """Whatever stands in the place of OpenTelemetry."""
    monkeypatch.setattr(trace, "get_current_span", lambda: None)
    assert trace_of(monitor, captured) == (None, None)
    assert monitor.stats() == {"lines_written": 1}


def test_fields_of_log_events_name_the_trace_too(captured: Any, monitor: Monitor) -> None:
    """The application's own lines are found with the same search."""
    from flowemf import _context

    monitor.bind(traceparent=TRACEPARENT)
    assert _context.current()["trace_id"] == XRAY


def test_nobody_else_may_write_these_properties(monitor: Monitor, captured: Any) -> None:
    """Readers know what they mean."""
    monitor.bind(span_id="x", trace_id="y")
    assert trace_of(monitor, captured) == (None, None)
    assert monitor.stats() == {"lines_written": 1, "property_collision": 2}


def test_opentelemetry_is_never_imported_for_this(run_python: Any) -> None:
    """Whoever does not use it does not pay for it."""
    program = (
        "import sys, os, flowemf\n"
        "flowemf.configure(sink=os.devnull)\n"
        f"flowemf.bind(traceparent='{TRACEPARENT}')\n"
        "flowemf.on_flow_start('chat')\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')], flowemf.stats())"
    )
    assert run_python(program).stdout == b"[] {'lines_written': 1}\n"


@settings(max_examples=200)
@given(text=st.text(alphabet="0123456789abcdefF-", max_size=60) | st.text() | st.binary(max_size=60))
def test_any_header_is_a_trace_or_none(text: str | bytes) -> None:
    """Nothing that a client sends can break a line."""
    remote = _trace_context.parsed(text)
    assert remote is None or remote.encoded == f',"trace_id":"{_trace_context.xray_id(remote.trace_id)}"'


@settings(max_examples=100)
@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 255))
def test_every_valid_header_is_read(trace_id: int, span_id: int, flags: int) -> None:
    """Identifiers and the flag for sampling come through."""
    remote = _trace_context.parsed(f"00-{trace_id:032x}-{span_id:016x}-{flags:02x}")
    assert remote is not None
    assert (int(remote.trace_id, 16), int(remote.span_id, 16)) == (trace_id, span_id)
    assert remote.sampled is bool(flags & 1)


def test_the_front_door_binds_it(captured: Any) -> None:
    """`flowemf.bind(traceparent=...)`."""
    flowemf.configure("App/Test", sink=captured)
    flowemf.bind(traceparent=TRACEPARENT)
    with flowemf.flow("chat"):
        pass
    assert {document["trace_id"] for document in captured.documents} == {XRAY}
