"""Brings the usage of a Genkit model's response to our one meaning.

The member `usage` goes in, with the name of the model; metric -> number comes out. InputTokens includes what was read
from and written to a cache, OutputTokens includes reasoning. Genkit passes on what its plugins give it, and each gives
what its provider says: https://genkit.dev/docs/models/
"""

from __future__ import annotations

from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_INPUT, _OUTPUT, _TOTAL = "inputTokens", "outputTokens", "totalTokens"
_CACHED, _THOUGHTS = "cachedContentTokens", "thoughtsTokens"
# Genkit 0.5 writes the names of Python, later releases those of JSON.
_IN_PYTHON = {
    _INPUT: "input_tokens",
    _OUTPUT: "output_tokens",
    _TOTAL: "total_tokens",
    _CACHED: "cached_content_tokens",
    _THOUGHTS: "thoughts_tokens",
}
# The plugin for Anthropic puts the cache here, adds it neither to the input nor to the total, and makes that total
# itself (https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching#tracking-cache-performance).
_CUSTOM = "custom"
_CUSTOM_READ, _CUSTOM_WRITTEN = "cache_read_input_tokens", "cache_creation_input_tokens"
# The plugin for Bedrock gives the input without the cache, what was read from it, and Bedrock's total; what was written
# is only in that total (https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html).
_BEDROCK = "bedrock"
# With Google the input includes the cache, the output leaves the thoughts out, and the prompts that its own tools made
# are only in the total (https://ai.google.dev/api/generate-content#UsageMetadata).
_TOTAL_SAYS_MORE = frozenset((_BEDROCK, "amazon-bedrock", "googleai", "vertexai"))


def tokens_of(usage: Mapping[str, object], model: str) -> dict[str, int]:
    """Read the tokens of a generation.

    >>> tokens_of({"inputTokens": 11.0, "outputTokens": 7.0, "totalTokens": 21.0, "thoughtsTokens": 3.0}, "googleai/g")
    {'InputTokens': 11, 'OutputTokens': 10, 'TokensUsed': 21, 'ReasoningTokens': 3}

    Args:
        usage: the numbers, which Genkit makes floats of.
        model: the name of the model; what stands before its first slash is the plugin's.

    Returns:
        metric -> number; empty where the usage tells no numbers.
    """
    if "input_tokens" in usage or "output_tokens" in usage:
        usage = {name: usage.get(in_python) for name, in_python in _IN_PYTHON.items()} | {_CUSTOM: usage.get(_CUSTOM)}
    taken, given = _whole(usage.get(_INPUT)), _whole(usage.get(_OUTPUT))
    total = _whole(usage.get(_TOTAL))
    cached, thoughts = usage.get(_CACHED), usage.get(_THOUGHTS)
    found = {names.INPUT_TOKENS: taken, names.OUTPUT_TOKENS: given, names.TOKENS_USED: total}
    if thoughts is not None:
        found[names.REASONING_TOKENS] = _whole(thoughts)
    if cached is not None:
        found[names.CACHE_READ_TOKENS] = _whole(cached)
    if taken is not None and given is not None:
        plugin = model.partition("/")[0]
        custom = usage.get(_CUSTOM)
        if isinstance(custom, dict) and (_CUSTOM_READ in custom or _CUSTOM_WRITTEN in custom):
            _add_cache_of_anthropic(found, custom)
        elif thoughts is not None or cached is not None or plugin in _TOTAL_SAYS_MORE:
            _add_what_is_outside(found, taken, given, plugin)
    return {metric: number for metric, number in found.items() if number is not None}


def _add_what_is_outside(found: dict[str, int | None], taken: int, given: int, plugin: str) -> None:
    """Add thoughts to the output and the cache to the input, where they are not contained already.

    The total tells, where there is one; and a part is never larger than the whole.
    """
    total, read = found[names.TOKENS_USED], found.get(names.CACHE_READ_TOKENS) or 0
    thoughts = found.get(names.REASONING_TOKENS) or 0
    if total is None or total - taken - given >= thoughts or thoughts > given:
        given += thoughts
    more = 0 if total is None else total - taken - given
    if more > 0 and (plugin in _TOTAL_SAYS_MORE or more == read):
        if plugin == _BEDROCK and more > read:
            found[names.CACHE_WRITE_TOKENS] = more - read
        taken += more
    elif read > taken:
        taken += read
    found[names.INPUT_TOKENS], found[names.OUTPUT_TOKENS] = taken, given


def _add_cache_of_anthropic(found: dict[str, int | None], custom: Mapping[str, object]) -> None:
    """Add the cache to the input and to the total, both of which leave it out."""
    read, written = _whole(custom.get(_CUSTOM_READ)), _whole(custom.get(_CUSTOM_WRITTEN))
    if read is not None:
        found[names.CACHE_READ_TOKENS] = read
    if written is not None:
        found[names.CACHE_WRITE_TOKENS] = written
    for metric in (names.INPUT_TOKENS, names.TOKENS_USED):
        number = found[metric]
        if number is not None:
            found[metric] = number + (read or 0) + (written or 0)


def _whole(value: object) -> int | None:
    """Take a whole number of tokens."""
    if type(value) is float or type(value) is int:
        return int(value) if value >= 0 and value % 1 == 0 else None
    return None
