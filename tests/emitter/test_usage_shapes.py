"""What each provider reports, as JSON, and which of our numbers that becomes."""

from __future__ import annotations

from collections import UserDict
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowemf import Monitor
from flowemf._generations.usage import read
from flowemf._generations.usage_shapes import CONTAINERS, SHAPES
from flowemf_schemas import names


def tokens(
    taken: int | None = None,
    given: int | None = None,
    total: int | None = None,
    *,
    read: int | None = None,
    written: int | None = None,
    reasoning: int | None = None,
) -> dict[str, int]:
    """Spell the numbers of a line."""
    every = (taken, given, total, read, written, reasoning)
    metrics = ("InputTokens", "OutputTokens", "TokensUsed", "CacheReadTokens", "CacheWriteTokens", "ReasoningTokens")
    return {name: number for name, number in zip(metrics, every, strict=True) if number is not None}


SECRET_OUTPUT = [{"text": "what the model said"}]
CONVERSE_USAGE = {"inputTokens": 11, "outputTokens": 7, "totalTokens": 43, "cacheReadInputTokens": 22}
ANTHROPIC_USAGE = {
    "input_tokens": 11,
    "output_tokens": 7,
    "cache_creation_input_tokens": 3,
    "cache_read_input_tokens": 22,
}
GOOGLE_USAGE = {
    "prompt_token_count": 30,
    "cached_content_token_count": 20,
    "candidates_token_count": 7,
    "thoughts_token_count": 5,
    "tool_use_prompt_token_count": 2,
    "total_token_count": 44,
}
CASES: list[Any] = [
    pytest.param(
        {
            "output": {"message": {"role": "assistant", "content": SECRET_OUTPUT}},
            "stopReason": "end_turn",
            "usage": {**CONVERSE_USAGE, "cacheWriteInputTokens": 3},
            "metrics": {"latencyMs": 551},
            "ResponseMetadata": {"HTTPHeaders": {"date": "now"}},
        },
        tokens(36, 7, 43, read=22, written=3),
        id="Bedrock Converse: the cache is outside the input",
    ),
    pytest.param(
        {"metadata": {"usage": CONVERSE_USAGE, "metrics": {"latencyMs": 9}}},
        tokens(33, 7, 43, read=22),
        id="Bedrock ConverseStream: the event metadata",
    ),
    pytest.param(
        {
            "body": object(),
            "ResponseMetadata": {
                "HTTPHeaders": {
                    "x-amzn-bedrock-input-token-count": "11",
                    "x-amzn-bedrock-output-token-count": "7",
                    "x-amzn-bedrock-cache-read-input-token-count": "22",
                    "x-amzn-bedrock-cache-write-input-token-count": "3",
                }
            },
        },
        tokens(36, 7, read=22, written=3),
        id="Bedrock InvokeModel: the headers of any model",
    ),
    pytest.param(
        {"type": "message", "role": "assistant", "content": SECRET_OUTPUT, "model": "m", "usage": ANTHROPIC_USAGE},
        tokens(36, 7, read=22, written=3),
        id="Bedrock InvokeModel: Anthropic's body",
    ),
    pytest.param(
        {
            "output": {"message": {"content": SECRET_OUTPUT}},
            "stopReason": "end_turn",
            "usage": {
                "inputTokens": 11,
                "outputTokens": 7,
                "totalTokens": 43,
                "cacheReadInputTokenCount": 22,
                "cacheWriteInputTokenCount": 3,
            },
        },
        tokens(36, 7, 43, read=22, written=3),
        id="Bedrock InvokeModel: Nova's body",
    ),
    pytest.param(
        {
            "inputTextTokenCount": 11,
            "results": [
                {"tokenCount": 4, "outputText": "a", "completionReason": "FINISH"},
                {"tokenCount": 3, "outputText": "b", "completionReason": "FINISH"},
            ],
        },
        tokens(11, 7),
        id="Bedrock InvokeModel: Titan's body",
    ),
    pytest.param(
        {"embedding": [0.1, 0.2], "inputTextTokenCount": 11},
        tokens(11),
        id="Bedrock InvokeModel: an embedding has no output",
    ),
    pytest.param(
        {"outputText": "b", "index": 0, "totalOutputTextTokenCount": 7, "inputTextTokenCount": 11},
        tokens(11, 7),
        id="Bedrock stream: Titan's last chunk",
    ),
    pytest.param(
        {"generation": "a", "prompt_token_count": 11, "generation_token_count": 7, "stop_reason": "stop"},
        tokens(11, 7),
        id="Bedrock InvokeModel: Llama's body",
    ),
    pytest.param(
        {
            "choices": [{"message": {"content": "a"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        },
        tokens(11, 7, 18),
        id="Bedrock InvokeModel: Mistral's body",
    ),
    pytest.param(
        {
            "text": "a",
            "meta": {"tokens": {"input_tokens": 11, "output_tokens": 7}, "billed_units": {"input_tokens": 5}},
        },
        tokens(11, 7),
        id="Cohere, version 1: what was used, not what was billed",
    ),
    pytest.param(
        {"usage": {"tokens": {"input_tokens": 11, "output_tokens": 7}, "billed_units": {"input_tokens": 5}}},
        tokens(11, 7),
        id="Cohere, version 2",
    ),
    pytest.param(
        {"token_count": {"prompt_tokens": 11, "response_tokens": 7, "total_tokens": 18}},
        tokens(11, 7, 18),
        id="Cohere before that",
    ),
    pytest.param(
        {
            "type": "message_stop",
            "amazon-bedrock-invocationMetrics": {
                "inputTokenCount": 11,
                "outputTokenCount": 7,
                "cacheReadInputTokenCount": 22,
                "invocationLatency": 1,
            },
        },
        tokens(33, 7, read=22),
        id="Bedrock stream of InvokeModel: the last chunk, decoded",
    ),
    pytest.param(
        {
            "chunk": {
                "bytes": b'{"text": "\\"amazon-bedrock-invocationMetrics\\":{}", "amazon-bedrock-invocationMetrics":'
                b' {"inputTokenCount": 11, "outputTokenCount": 7}}'
            }
        },
        tokens(11, 7),
        id="Bedrock stream of InvokeModel: the last chunk as it comes",
    ),
    pytest.param(
        {
            "chunk": {
                "bytes": b'{"amazon-bedrock-invocationMetrics":{"inputTokenCount":11,"outputTokenCount":7},'
                b'"text":"\\"amazon-bedrock-invocationMetrics\\":{\\"inputTokenCount\\":9}"}'
            }
        },
        tokens(11, 7),
        id="Bedrock stream of InvokeModel: the model talks about the metrics",
    ),
    pytest.param(
        {
            "model": "gpt",
            "choices": [{"message": {"content": "a"}}],
            "usage": {
                "prompt_tokens": 33,
                "completion_tokens": 7,
                "total_tokens": 40,
                "prompt_tokens_details": {"cached_tokens": 22, "cache_write_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 5},
            },
        },
        tokens(33, 7, 40, read=22, written=4, reasoning=5),
        id="OpenAI chat: cache and reasoning are inside",
    ),
    pytest.param(
        {
            "usage": {
                "prompt_tokens": 33,
                "completion_tokens": 7,
                "total_tokens": 45,
                "completion_tokens_details": {"reasoning_tokens": 5},
            }
        },
        tokens(33, 12, 45, reasoning=5),
        id="an imitation of OpenAI whose total shows that its reasoning is outside",
    ),
    pytest.param(
        {"type": "response.completed", "response": {"model": "gpt", "usage": {"input_tokens": 33, "output_tokens": 7}}},
        tokens(33, 7),
        id="OpenAI responses: the last event of a stream",
    ),
    pytest.param(
        {"type": "message_start", "message": {"model": "claude", "content": [], "usage": ANTHROPIC_USAGE}},
        tokens(36, 7, read=22, written=3),
        id="Anthropic stream: message_start",
    ),
    pytest.param(
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 15, "input_tokens": None}},
        tokens(None, 15),
        id="Anthropic stream: message_delta",
    ),
    pytest.param(
        {"usage": {"inputTokens": 11.0, "outputTokens": 7.0, "totalTokens": 21.0, "thoughtsTokens": 3.0}},
        tokens(11, 10, 21, reasoning=3),
        id="Genkit with Google: the thoughts are outside, as the total shows",
    ),
    pytest.param(
        {"usage": {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18, "thoughtsTokens": 3}},
        tokens(11, 7, 18, reasoning=3),
        id="Genkit with another model: the thoughts are inside, as the total shows",
    ),
    pytest.param(
        {"usage": {"inputTokens": 33, "outputTokens": 7, "totalTokens": 40, "cachedContentTokens": 22}},
        tokens(33, 7, 40, read=22),
        id="Genkit: the cache is inside",
    ),
    pytest.param(
        {"usage": {"inputTokens": 11, "outputTokens": 7, "cachedContentTokens": 22}},
        tokens(33, 7, read=22),
        id="Genkit with Bedrock: more from the cache than the input has",
    ),
    pytest.param(
        {"usage_metadata": GOOGLE_USAGE, "model_version": "gemini"},
        tokens(32, 12, 44, read=20, reasoning=5),
        id="Google: thoughts and tool results are outside, the cache is inside",
    ),
    pytest.param(
        {"usageMetadata": {"promptTokenCount": 30, "candidatesTokenCount": 7, "totalTokenCount": 37}},
        tokens(30, 7, 37),
        id="Google's JSON",
    ),
    pytest.param(
        {
            "usage_metadata": {
                "input_tokens": 36,
                "output_tokens": 7,
                "total_tokens": 43,
                "input_token_details": {"cache_read": 22, "cache_creation": 3},
                "output_token_details": {"reasoning": 5},
            }
        },
        tokens(36, 7, 43, read=22, written=3, reasoning=5),
        id="LangChain: everything is inside",
    ),
    pytest.param(
        {
            "usage": {
                "prompt_tokens": 36,
                "completion_tokens": 7,
                "total_tokens": 43,
                "cache_read_input_tokens": 22,
                "cache_creation_input_tokens": 3,
            }
        },
        tokens(36, 7, 43, read=22, written=3),
        id="LiteLLM: Anthropic's names, but inside",
    ),
    pytest.param(CONVERSE_USAGE, tokens(33, 7, 43, read=22), id="the usage by itself"),
]
UNKNOWN: list[Any] = [
    pytest.param(None, id="None"),
    pytest.param({}, id="nothing"),
    pytest.param({"usage": None}, id="no usage"),
    pytest.param({"usage": {"input_tokens": True, "output_tokens": "seven"}}, id="no numbers"),
    pytest.param({"usage": {"input_tokens": -1, "output_tokens": 1.5}}, id="no whole numbers"),
    pytest.param({"usage": {"input_tokens": float("nan"), "output_tokens": float("inf")}}, id="no finite numbers"),
    pytest.param({"chunk": {"bytes": b'{"amazon-bedrock-invocationMetrics":oh'}}, id="a torn chunk"),
    pytest.param({"chunk": {"bytes": b'{"outputText": "a"}'}}, id="a chunk without metrics"),
    pytest.param({"outputs": [{"text": "a", "stop_reason": "stop"}]}, id="Mistral's old body, without numbers"),
    pytest.param("a text", id="text"),
    pytest.param(7, id="a number"),
    pytest.param(["a", "list"], id="a list"),
    pytest.param(MagicMock(), id="a mock, which has every attribute"),
]


class Attributes:
    """The same members as attributes, all the way down; whatever else is asked for is an error."""

    def __init__(self, members: dict[str, Any]) -> None:
        self._members = members

    def __getattr__(self, name: str) -> Any:
        if name not in self._members:
            raise LookupError(name)
        return as_attributes(self._members[name])


def as_attributes(value: Any) -> Any:
    return Attributes(value) if isinstance(value, dict) else value


@pytest.mark.parametrize(("response", "expected"), CASES)
def test_each_provider_s_numbers_get_our_meaning(response: Any, expected: dict[str, int]) -> None:
    """InputTokens includes the cache, OutputTokens the reasoning, whatever the provider means by its names."""
    assert read(response).tokens == expected
    assert read(as_attributes(response)).tokens == expected
    assert read(UserDict(response)).tokens == expected


@pytest.mark.parametrize("response", UNKNOWN)
def test_an_unknown_response_is_counted_and_raises_nothing(monitor: Monitor, captured: Any, response: Any) -> None:
    """The line is written without tokens, and one message says what to do."""
    with monitor.generation("nova") as generation:
        generation.record_response(response)
        generation.record_response(response)
    assert "TokensUsed" not in captured.last
    assert monitor.stats() == {"lines_written": 1, "usage_not_found": 1}


@pytest.mark.parametrize(
    ("response", "model"),
    [
        ({"model": "gpt-5-2026-01-01"}, "gpt-5-2026-01-01"),
        ({"model_version": "gemini-3"}, "gemini-3"),
        ({"modelVersion": "gemini-3"}, "gemini-3"),
        ({"message": {"model": "claude"}}, "claude"),
        ({"response": {"model": "gpt"}}, "gpt"),
        ({"trace": {"promptRouter": {"invokedModelId": "arn:nova"}}}, "arn:nova"),
        ({"metadata": {"trace": {"promptRouter": {"invokedModelId": "arn:nova"}}}}, "arn:nova"),
        ({"response_metadata": {"model_name": "claude"}}, "claude"),
        ({"model": ""}, None),
        ({"model": SimpleNamespace(name="x")}, None),
        ({}, None),
    ],
)
def test_the_model_that_answered_is_read(response: Any, model: str | None) -> None:
    """As the response names it; never the object of a client."""
    assert read(response).model == model


@pytest.mark.parametrize(
    ("response", "code"),
    [
        ({"error": {"code": "rate_limit_exceeded", "message": "said"}}, "rate_limit_exceeded"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "said"}}, "overloaded_error"),
        ({"error": {"status": "RESOURCE_EXHAUSTED", "message": "said"}}, "RESOURCE_EXHAUSTED"),
        ({"response": {"error": {"code": "server_error"}}}, "server_error"),
        ({"error": TimeoutError("said")}, "TimeoutError"),
        ({"error": "said"}, "error"),
        ({"error": {"code": "I am sorry, as the model said"}}, "error"),
        ({"error": {"code": "x" * 65}}, "error"),
        ({"error": None}, None),
        ({"error": {}}, None),
        (MagicMock(), None),
    ],
)
def test_an_error_in_the_place_of_an_answer_is_read_by_its_code(response: Any, code: str | None) -> None:
    """Its message stays unread: Genkit's begins with what the model has said."""
    assert read(response).error == code


def test_a_response_that_is_an_error_fails_the_generation(monitor: Monitor, captured: Any) -> None:
    """Genkit returns errors instead of raising them; without a usage, nothing is missing."""
    with monitor.generation("gemini") as generation:
        generation.record_response({"error": {"status": "RESOURCE_EXHAUSTED", "message": "what the model said"}})
    assert (captured.last["GenerationError"], captured.last["ErrorType"]) == (1, "Throttling")
    assert captured.last["error_message"] == "RESOURCE_EXHAUSTED"
    assert monitor.stats() == {"lines_written": 1}


def test_an_exception_goes_before_an_error_in_the_response(monitor: Monitor, captured: Any) -> None:
    """What really ended the block is what happened."""

    def fail() -> None:
        with monitor.generation("gemini") as generation:
            generation.record_response({"error": {"status": "RESOURCE_EXHAUSTED"}})
            raise TimeoutError

    with pytest.raises(TimeoutError):
        fail()
    assert captured.last["ErrorType"] == "Timeout"


def test_every_event_of_a_stream_may_be_given(monitor: Monitor, captured: Any) -> None:
    """Later numbers replace earlier ones; events without any are nothing to complain about."""
    events = [
        {"type": "message_start", "message": {"model": "claude-1", "usage": {**ANTHROPIC_USAGE, "output_tokens": 1}}},
        {"type": "content_block_delta", "delta": {"text": "what the model said"}},
        {"type": "message_delta", "usage": {"output_tokens": 15}},
        {"type": "message_stop"},
    ]
    with monitor.generation("claude") as generation:
        for event in events:
            generation.record_response(event)
    document = captured.last
    assert [document[name] for name in ("InputTokens", "OutputTokens", "TokensUsed")] == [36, 15, 51]
    assert document["resolved_model_id"] == "claude-1"
    assert monitor.stats() == {"lines_written": 1}


def test_nothing_but_the_numbers_leaves(monitor: Monitor, captured: Any) -> None:
    """Prompts and outputs stand in no line, whatever the shape."""
    with monitor.generation("any") as generation:
        for case in CASES:
            generation.record_response(case.values[0])
    assert b"what the model said" not in captured.lines[-1]
    assert b"outputText" not in captured.lines[-1]


class Stream:
    """A body that can be read once, as botocore's is."""

    def __init__(self) -> None:
        self.touched: list[str] = []

    def read(self) -> bytes:
        self.touched.append("read")
        return b"{}"

    def __iter__(self) -> Any:
        self.touched.append("iterated")
        return iter(())


@pytest.mark.parametrize("where", [lambda stream: stream, lambda stream: {"body": stream, "stream": stream}])
def test_a_stream_is_never_consumed(monitor: Monitor, where: Any) -> None:
    """Its items are the application's."""
    stream = Stream()
    with monitor.generation("nova") as generation:
        generation.record_response(where(stream))
    assert stream.touched == []


def test_where_nothing_is_written_nothing_is_read(make_monitor: Any) -> None:
    """Not even looked at."""
    touched = []

    class Touchy:
        def __getattr__(self, name: str) -> Any:
            touched.append(name)

    for settings_ in ({"disabled": True}, {"enable_model_metrics": False}):
        monitor = make_monitor(**settings_)
        with monitor.generation("nova") as generation:
            generation.record_response(Touchy())
        assert monitor.stats() == {"lines_written": 0}
    assert touched == []


NAMES = sorted({name for path in CONTAINERS for name in path} | {part for shape in SHAPES for part in shape.output})
NAMES += sorted({shape.input for shape in SHAPES} | {"error", "model", "code", "total_tokens", "cachedContentTokens"})
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150)
@given(response=ANYTHING)
def test_any_response_gives_whole_numbers_or_nothing(response: Any) -> None:
    """Nothing is raised, and no part is larger than its whole where both are known."""
    found = read(response).tokens
    assert all(type(number) is int and number >= 0 for number in found.values())
    assert read(as_attributes(response)).tokens == found
    if names.INPUT_TOKENS in found:
        cached = found.get(names.CACHE_READ_TOKENS, 0) + found.get(names.CACHE_WRITE_TOKENS, 0)
        assert cached <= found[names.INPUT_TOKENS]
    if names.OUTPUT_TOKENS in found:
        assert found.get(names.REASONING_TOKENS, 0) <= found[names.OUTPUT_TOKENS]


@settings(max_examples=150)
@given(
    plain=st.integers(0, 10**6),
    cache_read=st.integers(0, 10**6),
    cache_write=st.integers(0, 10**6),
    answer=st.integers(0, 10**6),
    reasoning=st.integers(0, 10**6),
)
def test_one_call_gives_the_same_numbers_whoever_reports_it(
    plain: int, cache_read: int, cache_write: int, answer: int, reasoning: int
) -> None:
    """Bedrock, Anthropic, OpenAI and LangChain count differently and mean the same."""
    whole, output = plain + cache_read + cache_write, answer + reasoning
    bedrock = {"inputTokens": plain, "outputTokens": output, "totalTokens": whole + output}
    bedrock |= {"cacheReadInputTokens": cache_read, "cacheWriteInputTokens": cache_write}
    anthropic = {"input_tokens": plain, "output_tokens": output}
    anthropic |= {"cache_read_input_tokens": cache_read, "cache_creation_input_tokens": cache_write}
    openai = {"prompt_tokens": whole, "completion_tokens": output, "total_tokens": whole + output}
    details = {"prompt_tokens_details": {"cached_tokens": cache_read, "cache_write_tokens": cache_write}}
    langchain = {"input_tokens": whole, "output_tokens": output, "total_tokens": whole + output}
    langchain_details = {"input_token_details": {"cache_read": cache_read, "cache_creation": cache_write}}
    expected = tokens(whole, output, read=cache_read, written=cache_write)
    for usage in (bedrock, anthropic, {**openai, **details}, {**langchain, **langchain_details}):
        found = read({"usage": usage}).tokens
        assert found.pop("TokensUsed", whole + output) == whole + output
        assert found == expected
    xai = {**openai, "completion_tokens": answer, "completion_tokens_details": {"reasoning_tokens": reasoning}}
    google = {"prompt_token_count": whole, "candidates_token_count": answer, "thoughts_token_count": reasoning}
    for usage in (xai, {**google, "total_token_count": whole + output}):
        found = read({"usage_metadata": usage}).tokens
        assert (found["OutputTokens"], found["TokensUsed"]) == (output, whole + output)
