"""Brings the token numbers of gen_ai spans to our one meaning.

The attributes of a span go in, with the instrumentation that wrote them; metric -> number comes out. InputTokens
includes what was read from and written to a cache, OutputTokens includes reasoning. The conventions say the same of
`gen_ai.usage.input_tokens`, but not everybody follows: for one call of 33 tokens some write 33, others the 11 that did
not come from the cache. A reported total settles it; without one the table of those who leave the cache out.
"""

from __future__ import annotations

from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# The usual spelling first; the others are older ones, or somebody's own.
_SPELLINGS = {
    names.INPUT_TOKENS: ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    names.OUTPUT_TOKENS: ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    names.CACHE_READ_TOKENS: (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.details.cached_tokens",
    ),
    names.CACHE_WRITE_TOKENS: (
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.cache_write_input_tokens",
    ),
    names.REASONING_TOKENS: ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.details.reasoning_tokens"),
    names.TOKENS_USED: ("gen_ai.usage.total_tokens",),
}
_INPUT, _OUTPUT, _TOTAL = names.INPUT_TOKENS, names.OUTPUT_TOKENS, names.TOKENS_USED
_READ, _WRITTEN = names.CACHE_READ_TOKENS, names.CACHE_WRITE_TOKENS
_METRICS = tuple((spelling, metric) for metric, spellings in _SPELLINGS.items() for spelling in spellings)

# Instrumentations whose input tokens leave out what was read from or written to the cache: both pass Bedrock's numbers
# on as they are (https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html). Tried with a call of 11
# new, 20 read and 2 written tokens: these write 11; strands-agents, pydantic-ai, the anthropic SDK and the genai
# instrumentations for OpenAI, Anthropic and LangChain write 33.
INPUT_WITHOUT_CACHE = frozenset(
    ("opentelemetry.instrumentation.botocore.bedrock-runtime", "opentelemetry.instrumentation.genai.bedrock")
)


def tokens_of(attributes: Mapping[str, object], scope: str) -> dict[str, int]:
    """Read the tokens of a generation.

    >>> used = {"gen_ai.usage.input_tokens": 11, "gen_ai.usage.cache_read.input_tokens": 22}
    >>> tokens_of(used, "opentelemetry.instrumentation.genai.bedrock")
    {'InputTokens': 33, 'CacheReadTokens': 22, 'TokensUsed': 33}

    Args:
        attributes: the span's.
        scope: the name of the instrumentation that wrote them.

    Returns:
        metric -> number; empty where the span tells no numbers.
    """
    found: dict[str, int] = {}
    for key, metric in _METRICS:
        if key in attributes and metric not in found:
            value = attributes[key]
            number = value if type(value) is int and value >= 0 else _whole(value)
            if number is not None:
                found[metric] = number
    cached = found.get(_READ, 0) + found.get(_WRITTEN, 0)
    if cached and _INPUT in found and _is_without_cache(found, cached, scope):
        found[_INPUT] += cached
    if _TOTAL not in found and (_INPUT in found or _OUTPUT in found):
        # As `Lines` would; what comes complete takes its shortest way.
        found[_TOTAL] = found.get(_INPUT, 0) + found.get(_OUTPUT, 0)
    return found


def _is_without_cache(found: Mapping[str, int], cached: int, scope: str) -> bool:
    """Tell whether the cached tokens have to be added to those of the input."""
    taken, total = found[_INPUT], found.get(_TOTAL)
    if total is not None and _OUTPUT in found:
        outside = total - taken - found[_OUTPUT]
        if outside in (0, cached):
            return outside == cached
    return cached > taken or scope in INPUT_WITHOUT_CACHE  # a part is never larger than the whole


def _whole(value: object) -> int | None:
    """Take a whole number of tokens that was written as a float."""
    return int(value) if type(value) is float and value >= 0 and value % 1 == 0 else None
