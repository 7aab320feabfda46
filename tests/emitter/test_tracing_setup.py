"""enable_xray_tracing: whose tracer provider is used, what is said where something is missing, and what it costs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

CONFIGURE = "import os, sys, flowemf\nmonitor = flowemf.configure(sink=os.devnull, enable_xray_tracing=True)\n"
FLOW = "with flowemf.flow('chat'):\n    pass\n"
SPAN = (
    "from opentelemetry import trace\n"
    "with flowemf.flow('chat'):\n"
    "    context = trace.get_current_span().get_span_context()\n"
)
OWN_PROVIDER = (
    "from opentelemetry import trace\n"
    "from opentelemetry.sdk.trace import TracerProvider\n"
    "own = TracerProvider()\n"
    "trace.set_tracer_provider(own)\n"
)
Run = Callable[..., Any]


@pytest.fixture
def run(run_python: Run) -> Run:
    """Run a program that must not fail; give what it printed and what it said."""

    def checked(program: str, **environment: str) -> tuple[str, str]:
        finished = run_python(program, environment=environment)
        assert finished.returncode == 0, finished.stderr.decode()
        return finished.stdout.decode().strip(), finished.stderr.decode()

    return checked


def test_without_a_provider_one_with_xray_identifiers_is_made(run: Run) -> None:
    """X-Ray takes a trace whose identifier begins with the time, in seconds since the epoch."""
    output, said = run(CONFIGURE + SPAN + "print(f'{context.trace_id:032x}', context.trace_flags.sampled)")
    trace_id, sampled = output.split()
    assert abs(int(trace_id[:8], 16) - time.time()) < 60
    assert sampled == "True"
    assert "OTEL_TRACES_EXPORTER=otlp" in said


@pytest.mark.parametrize("program", [OWN_PROVIDER + CONFIGURE, CONFIGURE + OWN_PROVIDER])
def test_the_provider_of_the_application_is_used_and_stays(run: Run, program: str) -> None:
    """Set before `configure` or after it, by the first flow; nothing is said."""
    program += SPAN + "span_processor = trace.get_tracer_provider()\nprint(span_processor is own, flowemf.stats())"
    assert run(program) == ("True {'lines_written': 2}", "")


def test_an_application_with_a_provider_needs_no_aws_extension(run: Run) -> None:
    """What would make a provider is asked for only where one has to be made."""
    missing = "import sys\nsys.modules['opentelemetry.sdk.extension'] = None\n"
    assert run(missing + OWN_PROVIDER + CONFIGURE + FLOW + "print(flowemf.stats())") == ("{'lines_written': 2}", "")


def test_spans_are_collected_without_the_aws_extension(run: Run) -> None:
    """Only a trace for X-Ray needs its identifiers; the provider that is made for collecting goes without."""
    program = (
        "import sys\nsys.modules['opentelemetry.sdk.extension'] = None\n"
        "import flowemf\nfrom flowemf.integrations import otel\n"
        "flowemf.configure('App', sink='stderr')\notel.install()\n"
        "from opentelemetry import trace\n"
        "with trace.get_tracer('strands-agents').start_as_current_span('chat') as span:\n"
        "    span.set_attributes({'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'nova'})\n"
        "print(flowemf.stats()['lines_written'], span.get_span_context().is_valid)"
    )
    printed, said = run(program)
    assert printed == "1 True"
    assert '"ModelID":"nova"' in said


@pytest.mark.parametrize("module", ["opentelemetry", "opentelemetry.sdk", "opentelemetry.sdk.extension"])
def test_what_is_missing_is_said_at_configure(run: Run, module: str) -> None:
    """With what to install; without the setting, nothing is missing."""
    program = (
        f"import sys\nsys.modules[{module!r}] = None\n"
        "import os, flowemf\n"
        "flowemf.configure(sink=os.devnull)\n"
        "flowemf.configure(sink=os.devnull, enable_xray_tracing=True, disabled=True)\n"
        "try:\n"
        "    flowemf.configure(sink=os.devnull, enable_xray_tracing=True)\n"
        "except flowemf.ConfigurationError as error:\n"
        "    print(error)\n"
    )
    output, _ = run(program)
    assert "enable_xray_tracing needs OpenTelemetry" in output
    assert "pip install 'flowemf[otel]'" in output


def test_the_environment_turns_it_on(run: Run) -> None:
    """FLOWEMF_ENABLE_XRAY_TRACING."""
    program = CONFIGURE.replace(", enable_xray_tracing=True", "") + SPAN + "print(context.is_valid)"
    assert run(program, FLOWEMF_ENABLE_XRAY_TRACING="true", OTEL_TRACES_EXPORTER="none") == ("True", "")
    output, _ = run(program, FLOWEMF_ENABLE_XRAY_TRACING="false")
    assert output == "False"


def test_the_exporters_of_the_environment_get_the_spans(run: Run) -> None:
    """The SDK's own console exporter, as the batch processor hands it over at exit."""
    output, said = run(CONFIGURE + FLOW, OTEL_TRACES_EXPORTER="console")
    span = json.loads(output)
    assert span["name"] == "invoke_workflow chat"
    assert span["attributes"]["gen_ai.workflow.name"] == "chat"
    assert said == ""


@pytest.mark.parametrize("name", ["otlp", "nonsense"])
def test_an_exporter_that_is_not_there_is_counted(run: Run, name: str) -> None:
    """The flow goes on; the others get the spans."""
    output, said = run(CONFIGURE + FLOW + "print(flowemf.stats())", OTEL_TRACES_EXPORTER=f"{name}, console")
    assert output.startswith("{'lines_written': 2, 'span_exporter_missing': 1}")
    assert "invoke_workflow chat" in output
    assert f"the exporter {name!r}, which OTEL_TRACES_EXPORTER names, is not installed" in said


def test_an_sdk_that_is_switched_off_changes_nothing(run: Run) -> None:
    """OTEL_SDK_DISABLED: no spans, all lines."""
    output, _ = run(CONFIGURE + FLOW + "print(flowemf.stats())", OTEL_SDK_DISABLED="true", OTEL_TRACES_EXPORTER="none")
    assert output == "{'lines_written': 2}"


def test_two_monitors_share_the_provider(run: Run) -> None:
    """One process, one provider."""
    program = (
        CONFIGURE + FLOW + "from opentelemetry import trace\nfirst = trace.get_tracer_provider()\n"
        "flowemf.configure(sink=os.devnull, enable_xray_tracing=True)\n" + FLOW
    )
    assert run(program + "print(trace.get_tracer_provider() is first)", OTEL_TRACES_EXPORTER="none") == ("True", "")


def test_without_the_setting_nothing_of_opentelemetry_is_imported(run: Run) -> None:
    """Nor is the module that opens spans."""
    program = (
        "import os, sys, flowemf\nflowemf.configure(sink=os.devnull)\n"
        + FLOW
        + "with flowemf.generation('nova'): pass\n"
        "print([name for name in sys.modules if 'opentelemetry' in name or name.startswith('flowemf._tracing.')])"
    )
    assert run(program)[0] == "['flowemf._tracing.context']"
