"""The token numbers of spans, brought to one meaning: a table of what was seen, and what holds for any numbers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowemf._collecting.gen_ai_spans import INPUT_WITHOUT_CACHE, tokens_of

BOTOCORE = "opentelemetry.instrumentation.botocore.bedrock-runtime"
GENAI_BEDROCK = "opentelemetry.instrumentation.genai.bedrock"
ANYBODY = "somebody"
READ, WRITTEN = "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_creation.input_tokens"
INPUT, OUTPUT, TOTAL = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.total_tokens"


@pytest.mark.parametrize(
    ("scope", "attributes", "expected"),
    [
        # One call of 33 tokens of input: 11 new ones, 20 read, 2 written.
        (ANYBODY, {INPUT: 33, OUTPUT: 7, READ: 20, WRITTEN: 2}, (33, 7, 20, 2, 40)),
        (BOTOCORE, {INPUT: 11, OUTPUT: 7, READ: 20, WRITTEN: 2}, (33, 7, 20, 2, 40)),
        (GENAI_BEDROCK, {INPUT: 11, OUTPUT: 7, READ: 20, WRITTEN: 2}, (33, 7, 20, 2, 40)),
        # A reported total settles it, whoever says so.
        (ANYBODY, {INPUT: 11, OUTPUT: 7, READ: 20, WRITTEN: 2, TOTAL: 40}, (33, 7, 20, 2, 40)),
        (BOTOCORE, {INPUT: 33, OUTPUT: 7, READ: 20, WRITTEN: 2, TOTAL: 40}, (33, 7, 20, 2, 40)),
        # A total that agrees with neither settles nothing.
        (BOTOCORE, {INPUT: 30, OUTPUT: 7, READ: 3, TOTAL: 1000}, (33, 7, 3, None, 1000)),
        # Less input than came from the cache: it cannot be among it.
        (ANYBODY, {INPUT: 11, OUTPUT: 7, READ: 20}, (31, 7, 20, None, 38)),
        # Without a cache there is nothing to settle.
        (BOTOCORE, {INPUT: 11, OUTPUT: 7}, (11, 7, None, None, 18)),
        (BOTOCORE, {INPUT: 11, OUTPUT: 7, READ: 0}, (11, 7, 0, None, 18)),
        (BOTOCORE, {OUTPUT: 7, READ: 3}, (None, 7, 3, None, 7)),
        # Older spellings; where both are there, the usual one counts.
        (
            ANYBODY,
            {"gen_ai.usage.prompt_tokens": 1, INPUT: 33, OUTPUT: 7, "gen_ai.usage.completion_tokens": 1},
            (33, 7, None, None, 40),
        ),
        (
            ANYBODY,
            {
                "gen_ai.usage.prompt_tokens": 33,
                "gen_ai.usage.completion_tokens": 7,
                "gen_ai.usage.cache_read_input_tokens": 20,
                "gen_ai.usage.cache_write_input_tokens": 2,
            },
            (33, 7, 20, 2, 40),
        ),
        (ANYBODY, {INPUT: 33.0, OUTPUT: 7.0, "gen_ai.usage.cache_write.input_tokens": 2}, (33, 7, None, 2, 40)),
        # What is no number of tokens is none.
        (ANYBODY, {INPUT: "33", OUTPUT: -7, READ: 1.5, TOTAL: True}, (None, None, None, None, None)),
    ],
)
def test_the_tokens_of_a_span_get_one_meaning(
    scope: str, attributes: dict[str, object], expected: tuple[int | None, ...]
) -> None:
    """Input includes what was read from and written to the cache."""
    names = ("InputTokens", "OutputTokens", "CacheReadTokens", "CacheWriteTokens", "TokensUsed")
    found = tokens_of(attributes, scope)
    assert tuple(found.get(name) for name in names) == expected


@settings(max_examples=200)
@given(
    new=st.integers(0, 10**6),
    read=st.integers(0, 10**6),
    written=st.integers(0, 10**6),
    output=st.integers(0, 10**6),
    outside=st.booleans(),
    scope=st.sampled_from([ANYBODY, BOTOCORE, GENAI_BEDROCK]),
    reported=st.booleans(),
)
def test_a_call_has_the_same_tokens_whoever_reports_it(
    new: int, read: int, written: int, output: int, outside: bool, scope: str, reported: bool
) -> None:
    """With a total any way of counting is understood; without one, each instrumentation's own."""
    whole = new + read + written
    if not reported:
        outside = scope in INPUT_WITHOUT_CACHE
    attributes = {INPUT: new if outside else whole, OUTPUT: output, READ: read, WRITTEN: written}
    if reported:
        attributes[TOTAL] = whole + output
    assert tokens_of(attributes, scope)["InputTokens"] == whole
