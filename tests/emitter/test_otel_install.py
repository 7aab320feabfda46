"""Switching the collection from spans on and off, and what there must be for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.util._once import Once

import flowemf
from flowemf import ConfigurationError
from flowemf._collecting import nesting
from flowemf.integrations import otel

Run = Callable[..., Any]
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "nova"}


@pytest.fixture(autouse=True)
def _fresh_provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let each test find a process without a provider."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    yield
    otel.uninstall()


def generate() -> None:
    trace.get_tracer("somebody").start_span("chat", attributes=CHAT).end()


def test_without_a_provider_one_is_made(captured: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody has to export anything; a tracer that was asked for before works too."""
    before = trace.get_tracer("somebody")
    flowemf.configure("App/Test", sink=captured)
    otel.install()
    before.start_span("chat", attributes=CHAT).end()
    generate()
    assert len(captured.documents) == 2
    assert captured.last["trace_id"].startswith("1-")
    assert capsys.readouterr().err == ""


def test_installing_twice_counts_once(captured: Any) -> None:
    """Also where the provider is named the second time."""
    flowemf.configure("App/Test", sink=captured)
    otel.install()
    otel.install()
    otel.install(tracer_provider=trace.get_tracer_provider())
    generate()
    assert len(captured.documents) == 1


def test_the_applications_provider_is_used_as_it_is(captured: Any) -> None:
    """It is neither replaced nor does it get an exporter."""
    provider = TracerProvider()
    trace.set_tracer_provider(provider)
    flowemf.configure("App/Test", sink=captured)
    otel.install()
    generate()
    assert trace.get_tracer_provider() is provider
    assert len(captured.documents) == 1


def test_several_providers_are_watched_together(captured: Any) -> None:
    """What is open in one of them may be around what another opens."""
    flowemf.configure("App/Test", sink=captured)
    providers = TracerProvider(), TracerProvider()
    for provider in providers:
        otel.install(tracer_provider=provider)
    outer, inner = (provider.get_tracer("x") for provider in providers)
    with outer.start_as_current_span("chat", attributes={**CHAT, "gen_ai.request.model": "outer"}):
        inner.start_span("chat", attributes=CHAT).end()
    inner.start_span("chat", attributes=CHAT).end()
    assert [line["ModelID"] for line in captured.documents] == ["outer", "nova"]


def test_a_monitor_of_its_own_may_be_given(make_monitor: Any, captured: Any) -> None:
    """The default monitor gets nothing then."""
    elsewhere: list[bytes] = []
    flowemf.configure("App/Test", sink=elsewhere.append)
    otel.install(make_monitor())
    otel.install()  # says nothing about the monitor, so that it stays
    generate()
    assert (len(captured.documents), elsewhere) == (1, [])


def test_nothing_is_collected_after_uninstalling(captured: Any) -> None:
    """And everything again after installing; the provider keeps no trace of it."""
    provider = TracerProvider()
    trace.set_tracer_provider(provider)
    sampler = provider.sampler
    flowemf.configure("App/Test", sink=captured)
    otel.install()
    otel.uninstall()
    otel.uninstall()
    generate()
    assert captured.lines == []
    assert nesting.watched is None
    assert provider.sampler is sampler
    assert provider._active_span_processor._span_processors == ()
    otel.install()
    generate()
    assert len(captured.documents) == 1


class Wrapped(trace.TracerProvider):
    """A provider around the SDK's, as vendors make them: it takes processors and shows nothing else of what it is."""

    def __init__(self) -> None:
        self._inner = TracerProvider()

    def add_span_processor(self, processor: Any) -> None:
        self._inner.add_span_processor(processor)

    def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
        return self._inner.get_tracer(*args, **kwargs)


def test_a_provider_that_cannot_let_go_is_watched_until_uninstalling(captured: Any) -> None:
    """The processor stays on it, and neither a span that is open by then nor a later one gives a line."""
    provider = Wrapped()
    flowemf.configure("App/Test", sink=captured)
    otel.install(tracer_provider=provider)
    tracer = provider.get_tracer("somebody")
    tracer.start_span("chat", attributes=CHAT).end()
    assert captured.last["ModelID"] == "nova"
    still_open = tracer.start_span("chat", attributes=CHAT)
    otel.uninstall()
    still_open.end()
    tracer.start_span("chat", attributes=CHAT).end()
    assert len(captured.lines) == 1
    otel.install(tracer_provider=provider)
    tracer.start_span("chat", attributes=CHAT).end()
    assert len(captured.lines) == 2


def test_a_provider_that_takes_no_processors_is_refused() -> None:
    """The message says what to pass instead."""
    with pytest.raises(ConfigurationError) as refusal:
        otel.install(tracer_provider=trace.NoOpTracerProvider())
    assert str(refusal.value) == (
        "tracer_provider takes no span processors: 'NoOpTracerProvider'; "
        "set or pass a TracerProvider of opentelemetry.sdk.trace"
    )


@pytest.mark.parametrize("value", ["true", " TRUE "])
def test_a_disabled_sdk_is_said_when_installing(
    captured: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    """There will be no spans, so no lines either."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", value)
    monitor = flowemf.configure("App/Test", sink=captured)
    otel.install()
    generate()
    assert captured.lines == []
    assert monitor.stats()["otel_sdk_disabled"] == 1
    assert "unset OTEL_SDK_DISABLED" in capsys.readouterr().err


def test_without_the_sdk_the_error_names_what_to_install(run_python: Run) -> None:
    """The API alone is not enough."""
    program = """
import sys
for name in ("opentelemetry.sdk", "opentelemetry.sdk.trace"):
    sys.modules[name] = None
try:
    import flowemf.integrations.otel
except ImportError as problem:
    print(problem)
"""
    finished = run_python(program)
    assert finished.stderr == b""
    assert b"pip install 'flowemf[otel]'" in finished.stdout
    assert b"opentelemetry-sdk" in finished.stdout


def test_no_framework_is_imported(run_python: Run) -> None:
    """They are the application's; nothing of ours needs them."""
    program = """
import sys, flowemf
from flowemf.integrations import otel
flowemf.configure("App/Test")
otel.install()
frameworks = {"genkit", "strands", "pydantic_ai", "anthropic", "openai", "botocore", "langchain_core"}
print(sorted(frameworks & set(sys.modules)))
"""
    finished = run_python(program)
    assert (finished.stdout, finished.stderr) == (b"[]\n", b"")


def test_a_program_without_opentelemetry_pays_nothing(run_python: Run) -> None:
    """Asking what is around a call imports nothing."""
    program = """
import sys, flowemf
from flowemf._collecting import nesting
flowemf.configure("App/Test", sink=lambda line: None)
with flowemf.flow("a"), flowemf.generation("b"):
    assert nesting.inside_generation()
assert nesting.begin() is not None
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    finished = run_python(program)
    assert (finished.stdout, finished.stderr) == (b"[]\n", b"")
