"""What the numbers of Genkit's model plugins mean: one call's tokens in the words of each, and in ours."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowemf._collecting.genkit_spans import tokens_of

# (the model, the usage as its plugin gives it, what it means)
CASES: dict[str, tuple[str, dict[str, Any], dict[str, int]]] = {
    "Gemini: 64 of the 100 were cached, 8 tokens of thought beside the 20 of the answer": (
        "googleai/gemini-flash",
        {"inputTokens": 100, "outputTokens": 20, "totalTokens": 128, "thoughtsTokens": 8, "cachedContentTokens": 64},
        {"InputTokens": 100, "OutputTokens": 28, "TokensUsed": 128, "ReasoningTokens": 8, "CacheReadTokens": 64},
    ),
    "Gemini with a tool of Google's own, whose 50 tokens are only in the total": (
        "vertexai/gemini-pro",
        {"inputTokens": 100, "outputTokens": 20, "totalTokens": 178, "thoughtsTokens": 8},
        {"InputTokens": 150, "OutputTokens": 28, "TokensUsed": 178, "ReasoningTokens": 8},
    ),
    "Bedrock without a cache": (
        "bedrock/amazon.nova-lite-v1:0",
        {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18, "cachedContentTokens": 0},
        {"InputTokens": 11, "OutputTokens": 7, "TokensUsed": 18, "CacheReadTokens": 0},
    ),
    "Bedrock: 11 new tokens, 22 from the cache": (
        "bedrock/amazon.nova-lite-v1:0",
        {"inputTokens": 11, "outputTokens": 7, "totalTokens": 40, "cachedContentTokens": 22},
        {"InputTokens": 33, "OutputTokens": 7, "TokensUsed": 40, "CacheReadTokens": 22},
    ),
    "Bedrock: 11 new tokens, 20 from the cache, 2 written to it, which only the total knows": (
        "bedrock/anthropic.claude-haiku",
        {"inputTokens": 11, "outputTokens": 7, "totalTokens": 40, "cachedContentTokens": 20},
        {"InputTokens": 33, "OutputTokens": 7, "TokensUsed": 40, "CacheReadTokens": 20, "CacheWriteTokens": 2},
    ),
    "Bedrock: a first call that only writes to the cache": (
        "bedrock/anthropic.claude-haiku",
        {"inputTokens": 11, "outputTokens": 7, "totalTokens": 40, "cachedContentTokens": 0},
        {"InputTokens": 33, "OutputTokens": 7, "TokensUsed": 40, "CacheReadTokens": 0, "CacheWriteTokens": 22},
    ),
    "the old plugin for Bedrock, which does not tell of the cache": (
        "amazon-bedrock/amazon.nova-lite-v1:0",
        {"inputTokens": 11, "outputTokens": 7, "totalTokens": 40},
        {"InputTokens": 33, "OutputTokens": 7, "TokensUsed": 40},
    ),
    "Anthropic: the cache stands elsewhere, outside of input and total": (
        "anthropic/claude-haiku",
        {
            "inputTokens": 11,
            "outputTokens": 7,
            "totalTokens": 18,
            "custom": {"cache_read_input_tokens": 20, "cache_creation_input_tokens": 2},
        },
        {"InputTokens": 33, "OutputTokens": 7, "TokensUsed": 40, "CacheReadTokens": 20, "CacheWriteTokens": 2},
    ),
    "Anthropic with a cache and without a total": (
        "anthropic/claude-haiku",
        {"inputTokens": 11, "outputTokens": 7, "custom": {"cache_read_input_tokens": 20}},
        {"InputTokens": 31, "OutputTokens": 7, "CacheReadTokens": 20},
    ),
    "Anthropic without a cache": (
        "anthropic/claude-haiku",
        {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18, "inputCharacters": 40},
        {"InputTokens": 11, "OutputTokens": 7, "TokensUsed": 18},
    ),
    "Ollama": (
        "ollama/llama",
        {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18, "outputImages": 0},
        {"InputTokens": 11, "OutputTokens": 7, "TokensUsed": 18},
    ),
    "a plugin of one's own, with the thoughts inside": (
        "mine/thinker",
        {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18, "thoughtsTokens": 3},
        {"InputTokens": 11, "OutputTokens": 7, "TokensUsed": 18, "ReasoningTokens": 3},
    ),
    "a model without a plugin and without a total: more was cached than was put in": (
        "thinker",
        {"inputTokens": 11, "outputTokens": 7, "cachedContentTokens": 22},
        {"InputTokens": 33, "OutputTokens": 7, "CacheReadTokens": 22},
    ),
    "thoughts without a total, as Google gives them": (
        "thinker",
        {"inputTokens": 11, "outputTokens": 7, "thoughtsTokens": 3},
        {"InputTokens": 11, "OutputTokens": 10, "ReasoningTokens": 3},
    ),
    "a total that nobody can explain": (
        "mine/thinker",
        {"inputTokens": 11, "outputTokens": 7, "totalTokens": 99, "thoughtsTokens": 3},
        {"InputTokens": 11, "OutputTokens": 10, "TokensUsed": 99, "ReasoningTokens": 3},
    ),
    "Gemini, with more from the cache than its total has room for": (
        "googleai/gemini-flash",
        {"inputTokens": 0, "outputTokens": 7, "totalTokens": 8, "cachedContentTokens": 2},
        {"InputTokens": 3, "OutputTokens": 7, "TokensUsed": 8, "CacheReadTokens": 2},
    ),
    "only a total": ("thinker", {"totalTokens": 99}, {"TokensUsed": 99}),
    "nothing": ("openai/gpt", {}, {}),
    "characters only": ("googleai/x", {"inputCharacters": 12, "custom": {"cost": 1}}, {}),
}


@pytest.mark.parametrize(("model", "usage", "expected"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("number", [float, int])
def test_each_plugin_comes_to_one_meaning(model: str, usage: dict[str, Any], expected: Any, number: type) -> None:
    """Input with the cache, output with the thoughts, the total of the service; floats as Genkit writes them."""
    given = {name: value if isinstance(value, dict) else number(value) for name, value in usage.items()}
    found = tokens_of(given, model)
    assert found == expected
    assert {type(value) for value in found.values()} <= {int}


def test_genkit_0_5_spells_the_names_otherwise() -> None:
    """The same numbers under Python's names."""
    usage = {"input_tokens": 100.0, "output_tokens": 20.0, "total_tokens": 128.0, "thoughts_tokens": 8.0}
    expected = {"InputTokens": 100, "OutputTokens": 28, "TokensUsed": 128, "ReasoningTokens": 8}
    assert tokens_of(usage, "googleai/gemini") == expected


_number = st.integers(0, 10_000).map(float) | st.none()
_strange = st.sampled_from([-1.0, 1.5, float("nan"), float("inf"), "7", True, [], {}])
_names = ("inputTokens", "outputTokens", "totalTokens", "thoughtsTokens", "cachedContentTokens", "custom")


@given(
    usage=st.dictionaries(st.sampled_from(_names), _number | _strange),
    model=st.sampled_from(["googleai/x", "bedrock/x", "anthropic/x", "x"]),
)
@settings(max_examples=300, deadline=None)
def test_no_usage_gives_numbers_that_contradict_each_other(usage: dict[str, Any], model: str) -> None:
    """Whole numbers from zero up, and a part is never larger than its whole."""
    found = tokens_of(usage, model)
    assert all(type(number) is int and number >= 0 for number in found.values())
    if {"InputTokens", "OutputTokens"} <= found.keys():
        assert found.get("CacheReadTokens", 0) + found.get("CacheWriteTokens", 0) <= found["InputTokens"]
        assert found.get("ReasoningTokens", 0) <= found["OutputTokens"]
