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

_INPUT = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
_OUTPUT = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
_TOTAL = ("gen_ai.usage.total_tokens",)
_CACHE_READ = ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens")
_CACHE_WRITE = (
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "gen_ai.usage.cache_write_input_tokens",
)
_REASONING = ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.details.reasoning_tokens")

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
    {'InputTokens': 33, 'CacheReadTokens': 22}

    Args:
        attributes: the span's.
        scope: the name of the instrumentation that wrote them.

    Returns:
        metric -> number; empty where the span tells no numbers.
    """
    taken, given, total = (_first(attributes, keys) for keys in (_INPUT, _OUTPUT, _TOTAL))
    read, written = _first(attributes, _CACHE_READ), _first(attributes, _CACHE_WRITE)
    cached = (read or 0) + (written or 0)
    if taken is not None and cached and _is_without_cache(taken, given, total, cached, scope):
        taken += cached
    found = {
        names.INPUT_TOKENS: taken,
        names.OUTPUT_TOKENS: given,
        names.CACHE_READ_TOKENS: read,
        names.CACHE_WRITE_TOKENS: written,
        names.REASONING_TOKENS: _first(attributes, _REASONING),
        names.TOKENS_USED: total,
    }
    return {metric: number for metric, number in found.items() if number is not None}


def _is_without_cache(taken: int, given: int | None, total: int | None, cached: int, scope: str) -> bool:
    """Tell whether the cached tokens have to be added to those of the input."""
    if total is not None and given is not None:
        if taken + given == total:
            return False
        if taken + cached + given == total:
            return True
    return cached > taken or scope in INPUT_WITHOUT_CACHE  # a part is never larger than the whole


def _first(attributes: Mapping[str, object], keys: tuple[str, ...]) -> int | None:
    for key in keys:
        number = attributes.get(key)
        if type(number) is int and number >= 0:
            return number
        if type(number) is float and number >= 0 and number % 1 == 0:
            return int(number)
    return None
