"""The plugin for Genkit: its settings, and what it meets in a process of its own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from genkit import Genkit
from genkit.plugin_api import Plugin
from opentelemetry import trace
from opentelemetry.util._once import Once

import flowemf
from flowemf import ConfigurationError, _default
from flowemf.integrations import otel
from flowemf.integrations.genkit import FlowMetrics

Run = Callable[..., Any]

APPLICATION = """
import asyncio, json, sys
from genkit import Genkit, Message, ModelResponse, Part
from flowemf.integrations.genkit import FlowMetrics
import flowemf

ai = Genkit(plugins=[FlowMetrics(namespace="App/Test", sink="stdout")], model="answering")

async def answering(request, context):
    message = Message(role="model", content=[Part(text="Zanzibar-answer" * 40)])
    return ModelResponse.model_validate({"message": message, "usage": {"inputTokens": 11, "outputTokens": 7}})

ai.define_model("answering", answering)

@ai.flow()
async def asking(question: str) -> str:
    return (await ai.generate(prompt=question)).text

"""
ONE_FLOW = [("flow.start", "asking"), ("generation", "answering"), ("flow.end", "asking")]


@pytest.fixture(autouse=True)
def _fresh_provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let each test find a process without a provider."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    yield
    otel.uninstall()


@pytest.fixture
def run(run_python: Run) -> Run:
    """Run a program that must not fail; give its metric lines in short, and what it said on standard error."""

    def checked(program: str, **environment: str) -> tuple[list[tuple[str, str]], str]:
        finished = run_python(program, environment=environment, flags=("-W", "ignore"))
        assert finished.returncode == 0, finished.stderr.decode()
        lines = [json.loads(line) for line in finished.stdout.splitlines() if line.startswith(b'{"_aws"')]
        return [(line["event"], line.get("FlowName") or line["ModelID"]) for line in lines], finished.stderr.decode()

    return checked


# --- Settings


def test_it_takes_the_settings_of_configure(captured: Any) -> None:
    """One line is all that an application writes; the default monitor is made by it."""
    plugin = FlowMetrics(namespace="App/Test", sink=captured, custom_dimensions={"Team": "ai"}, rollups="none")
    Genkit(plugins=[plugin])
    flowemf.metric("Depth", 3)
    assert captured.last["Team"] == "ai"
    assert captured.last["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Team"]]


def test_the_environment_configures_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without arguments the settings come from where `configure` finds them."""
    monkeypatch.setenv("FLOWEMF_ROLLUPS", "some")
    with pytest.raises(ConfigurationError, match="FLOWEMF_ROLLUPS"):
        FlowMetrics()


@pytest.mark.parametrize(
    "settings",
    [
        {"namespace": ""},
        {"namespace": "App/Test", "rollups": "some"},
        {"namespace": "App/Test", "custom_dimensions": {"Team": ""}},
        {"namespace": "App/Test", "sample_rate": 3.5},
        {"namespace": "App/Test", "unheard_of": True},
    ],
    ids=str,
)
def test_a_wrong_setting_fails_as_in_configure(settings: dict[str, Any]) -> None:
    """The same exception with the same words, when the application starts."""
    with pytest.raises(Exception) as expected:  # noqa: PT011 - whatever it is
        flowemf.configure(**settings)
    with pytest.raises(type(expected.value)) as found:
        FlowMetrics(**settings)
    assert str(found.value) == str(expected.value)
    assert _default.configured() is None


def test_without_settings_it_leaves_what_was_configured(captured: Any) -> None:
    """An application that calls `configure` by itself adds the plugin for the collecting alone."""
    monitor = flowemf.configure("App/Test", sink=captured)
    FlowMetrics()
    assert _default.configured() is monitor
    FlowMetrics(namespace="App/Other", sink=captured)
    assert _default.configured() is not monitor


def test_it_is_a_plugin_without_actions() -> None:
    """Genkit asks it for models and tools, and gets none."""
    import asyncio

    plugin = FlowMetrics(namespace="App/Test", sink="stderr")
    assert isinstance(plugin, Plugin)

    async def asked() -> list[Any]:
        return [await plugin.init(), await plugin.list_actions(), await plugin.model("x"), await plugin.embedder("x")]

    assert asyncio.run(asked()) == [[], [], None, None]


def test_without_genkit_the_error_names_the_package(run_python: Run) -> None:
    """And not a module of ours that nobody knows."""
    finished = run_python("import sys; sys.modules['genkit'] = None; import flowemf.integrations.genkit")
    assert finished.returncode == 1
    last = finished.stderr.decode().splitlines()[-1]
    assert last.startswith("ImportError: flowemf.integrations.genkit needs Genkit for Python, which is not installed: ")
    assert "pip install 'genkit>=0.5.2'" in last


# --- In a process of its own


def test_where_there_is_no_provider_one_is_made(run: Run) -> None:
    """In production Genkit sets none, and without one there are no spans at all."""
    lines, said = run(APPLICATION + "asyncio.run(asking('q'))")
    assert lines == ONE_FLOW
    assert "flowemf" not in said


def test_a_provider_that_the_application_has_set_is_kept(run: Run) -> None:
    """Its exporters get every span of Genkit's, and its sampler decides what they get."""
    program = (
        "from opentelemetry import trace\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "from opentelemetry.sdk.trace.export import SimpleSpanProcessor\n"
        "from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter\n"
        "from opentelemetry.sdk.trace.sampling import TraceIdRatioBased\n"
        "exporter, own = InMemorySpanExporter(), TracerProvider(sampler=TraceIdRatioBased(0))\n"
        "own.add_span_processor(SimpleSpanProcessor(exporter))\n"
        "trace.set_tracer_provider(own)\n"
        + APPLICATION
        + "asyncio.run(asking('q'))\n"
        + "assert trace.get_tracer_provider() is own\n"
        + "assert exporter.get_finished_spans() == ()\n"
    )
    lines, _ = run(program)
    assert lines == ONE_FLOW


def test_importing_genkit_first_or_last_makes_no_difference(run: Run) -> None:
    """Genkit takes its tracer when it is imported; a provider set later is found by it."""
    for first in ("import genkit\n", "import flowemf.integrations.otel\n"):
        lines, _ = run(first + APPLICATION + "asyncio.run(asking('q'))")
        assert lines == ONE_FLOW


@pytest.mark.parametrize("variable", ["OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"])
def test_tokens_that_a_limit_cuts_off_are_counted_as_lost(run: Run, variable: str) -> None:
    """The generation is counted, the loss is said once, with the remedy."""
    program = APPLICATION + (
        "for question in 'qr':\n    asyncio.run(asking(question))\n"
        "stats = flowemf.stats()\n"
        "assert stats['usage_truncated'] == 2, stats\n"
    )
    lines, said = run(program, **{variable: "200"})
    assert lines == ONE_FLOW * 2
    assert said.count(variable) == 1


def test_a_limit_that_cuts_nothing_off_changes_nothing(run: Run) -> None:
    """A limit above the length of the output is none."""
    for limit in ("5000", "20000"):
        program = APPLICATION + "asyncio.run(asking('q'))\nassert 'usage_truncated' not in flowemf.stats()\n"
        assert run(program, OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=limit)[0] == ONE_FLOW


class _TelemetryServer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.spans.extend(body.get("spans", {}).values())  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        """Stay silent."""


@pytest.fixture
def telemetry_server() -> Iterator[HTTPServer]:
    """Serve as the developer UI's own store of traces."""
    with HTTPServer(("127.0.0.1", 0), _TelemetryServer) as server:
        server.spans = []  # type: ignore[attr-defined]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_under_development_a_flow_counts_once_and_what_the_ui_runs_does_not(
    run: Run, telemetry_server: HTTPServer, tmp_path: Path
) -> None:
    """Genkit exports each span twice to its UI, when it starts and when it ends; the UI runs flows by itself."""
    program = f"import os\nos.chdir({str(tmp_path)!r})\n" + APPLICATION
    program += """
import time, urllib.request
assert ai._reflection_ready.wait(20)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
body = json.dumps({"key": "/flow/asking", "input": "from the ui"}).encode()
address = ai._reflection_server_spec.url + "/api/runAction"
request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
for _ in range(100):
    try:
        answer = json.load(opener.open(request, timeout=10))
        break
    except OSError:
        time.sleep(0.1)
assert "Zanzibar-answer" in json.dumps(answer), answer
asyncio.run(asking("from the application"))
time.sleep(0.5)
"""
    address = f"http://127.0.0.1:{telemetry_server.server_port}"
    lines, _ = run(program, GENKIT_ENV="dev", GENKIT_TELEMETRY_SERVER=address, NO_PROXY="127.0.0.1")
    assert lines == ONE_FLOW
    spans = Counter(span["displayName"] for span in telemetry_server.spans)  # type: ignore[attr-defined]
    assert spans["asking"] >= 2
