"""Brings the usage of a Genkit model's response to our one meaning.

The member `usage` goes in, with the name of the model; metric -> number comes out. InputTokens includes what was read
from and written to a cache, OutputTokens includes reasoning. Genkit passes on what its plugins give it, and each gives
what its provider says: https://genkit.dev/docs/models/
"""

from __future__ import annotations

from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# By themselves: to look one up in another module takes as long as to compare two numbers, and each is used thrice.
_INPUT = names.INPUT_TOKENS
_OUTPUT = names.OUTPUT_TOKENS
_TOTAL = names.TOKENS_USED
_THOUGHTS = names.REASONING_TOKENS
_CACHE_READ = names.CACHE_READ_TOKENS
_CACHE_WRITE = names.CACHE_WRITE_TOKENS

_METRICS = (
    ("inputTokens", _INPUT),
    ("outputTokens", _OUTPUT),
    ("totalTokens", _TOTAL),
    ("thoughtsTokens", _THOUGHTS),
    ("cachedContentTokens", _CACHE_READ),
)
# Genkit 0.5 writes the names of Python, later releases those of JSON.
_METRICS_IN_PYTHON = (
    ("input_tokens", _INPUT),
    ("output_tokens", _OUTPUT),
    ("total_tokens", _TOTAL),
    ("thoughts_tokens", _THOUGHTS),
    ("cached_content_tokens", _CACHE_READ),
)
# The plugin for Anthropic puts the cache here, adds it neither to the input nor to the total, and makes that total
# itself (https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching#tracking-cache-performance).
_CUSTOM = "custom"
_CACHE_OF_ANTHROPIC = (
    ("cache_read_input_tokens", _CACHE_READ),
    ("cache_creation_input_tokens", _CACHE_WRITE),
)
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
    found = _read(usage, _METRICS) or _read(usage, _METRICS_IN_PYTHON)
    if _INPUT in found and _OUTPUT in found:
        custom = usage.get(_CUSTOM)
        if isinstance(custom, dict) and any(name in custom for name, _ in _CACHE_OF_ANTHROPIC):
            _add_cache_of_anthropic(found, custom)
        else:
            _add_what_is_outside(found, model.partition("/")[0])
    return found


def _read(usage: Mapping[str, object], metrics: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Take the whole numbers that a usage has under these names."""
    found = {}
    for name, metric in metrics:
        value = usage.get(name)
        if (type(value) is float or type(value) is int) and value >= 0 and value % 1 == 0:
            found[metric] = int(value)
    return found


def _add_what_is_outside(found: dict[str, int], plugin: str) -> None:
    """Add thoughts to the output and the cache to the input, where they are not contained already.

    The total tells, where there is one; and a part is never larger than the whole.
    """
    taken, given, total = found[_INPUT], found[_OUTPUT], found.get(_TOTAL)
    thoughts, read = found.get(_THOUGHTS, 0), found.get(_CACHE_READ, 0)
    if total is None or total - taken - given >= thoughts or thoughts > given:
        given += thoughts
    more = 0 if total is None else total - taken - given
    if more > 0 and (plugin in _TOTAL_SAYS_MORE or more == read):
        if plugin == _BEDROCK and more > read:
            found[_CACHE_WRITE] = more - read
        taken += more
    elif read > taken:
        taken += read
    found[_INPUT], found[_OUTPUT] = taken, given


def _add_cache_of_anthropic(found: dict[str, int], custom: Mapping[str, object]) -> None:
    """Add the cache to the input and to the total, both of which leave it out."""
    cache = _read(custom, _CACHE_OF_ANTHROPIC)
    found.update(cache)
    for metric in (_INPUT, _TOTAL):
        if metric in found:
            found[metric] += sum(cache.values())
