"""Tests that ask for metrics as they ask for results: what is counted, under which dimensions, how long, and what not.

    pip install 'flowemf[testing]'
    python -m pytest examples/pytest_suite

The fixture `flowemf_capture` comes with flowemf; no settings and no conftest.py are needed. Nothing is written to
standard output, and every line is held against the schemas: one that CloudWatch would refuse fails its test.
"""

import pytest
from chat_service import chat

from flowemf.testing import Captured, ManualClock, capture_metrics

ANSWER = {
    "answer": "Forty-two.",
    "documents": 3,
    "usage": {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18},
}


def knowing(_question: str) -> dict[str, object]:
    """Answer out of three documents."""
    return ANSWER


def guessing(_question: str) -> dict[str, object]:
    """Answer out of none."""
    return {**ANSWER, "documents": 0}


def silent(_question: str) -> dict[str, object]:
    """Never answer."""
    raise TimeoutError("no answer within 30 s to user ann@example.com")


def test_an_answer_is_one_flow_with_one_generation(flowemf_capture: Captured) -> None:
    """Counts are asked for by metric and dimensions."""
    assert chat("How long?", model=knowing, tenant="acme") == "Forty-two."
    assert flowemf_capture.count("FlowCompleted", FlowName="chat") == 1
    assert flowemf_capture.count("FlowError") == 0
    assert flowemf_capture.count("GenerationCount", ModelID="example-model") == 1
    assert flowemf_capture.sum("TokensUsed") == 18
    assert flowemf_capture.values("DocumentsFound", Index="manuals") == [3]


def test_a_guess_is_counted(flowemf_capture: Captured) -> None:
    """A metric of one's own is tested like the code that it belongs to."""
    chat("How long?", model=guessing, tenant="acme")
    assert flowemf_capture.sum("Guesses") == 1


def test_a_silent_model_is_a_timeout(flowemf_capture: Captured) -> None:
    """The exception reaches the caller, and an alarm on ErrorType=Timeout would see it."""
    with pytest.raises(TimeoutError):
        chat("How long?", model=silent, tenant="acme")
    assert flowemf_capture.count("FlowError", FlowName="chat", ErrorType="Timeout") == 1
    assert flowemf_capture.count("GenerationError", ModelID="example-model", ErrorType="Timeout") == 1
    assert flowemf_capture.count("DocumentsFound") == 0


def test_a_tenant_is_a_property_and_no_dimension(flowemf_capture: Captured) -> None:
    """Each value of a dimension is a metric to pay for; a property costs nothing."""
    chat("How long?", model=knowing, tenant="acme")
    assert all("tenant" not in keys for keys in flowemf_capture.dimensions("FlowCompleted"))
    assert [line["tenant"] for line in flowemf_capture.lines if line["event"] == "flow.end"] == ["acme"]


def test_nothing_personal_leaves(flowemf_capture: Captured) -> None:
    """Neither the question nor an address in an error's message is in any line."""
    with pytest.raises(TimeoutError):
        chat("Where does Ann live?", model=silent, tenant="acme")
    written = str(flowemf_capture.lines)
    assert "Ann live" not in written
    assert "ann@example.com" not in written


def test_durations_are_exact_with_a_clock_of_ones_own() -> None:
    """Time passes when the test says so: no sleep, no tolerance."""
    clock = ManualClock()

    def slow(_question: str) -> dict[str, object]:
        clock.advance(1_250)
        return ANSWER

    with capture_metrics(clock=clock) as captured:
        chat("How long?", model=slow, tenant="acme")
    assert captured.values("GenerationDuration") == [1_250]
    assert captured.values("FlowDuration", FlowName="chat") == [1_250]
