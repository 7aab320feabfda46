"""Reads the spans of the gen_ai conventions, which every source but Genkit follows more or less.

The name and the attributes of a span go in; what it stands for and its numbers come out. The names are written out,
since the package of constants calls them deprecated and moves them:
https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ and .../gen-ai-agent-spans/. No attribute that may hold
a prompt or an answer is read.
"""

from __future__ import annotations

from flowemf._collecting.vocabulary import Ended, Kind, Started, Status, attributes_of
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import ReadableSpan

OPERATION = "gen_ai.operation.name"
_REQUEST_MODEL = "gen_ai.request.model"
_RESPONSE_MODEL = "gen_ai.response.model"
# Seconds, under the name of the convention and under that of the metric, which pydantic-ai gives the attribute too.
_FIRST_CHUNK_SECONDS = ("gen_ai.response.time_to_first_chunk", "gen_ai.client.operation.time_to_first_chunk")
# Milliseconds: strands-agents.
_FIRST_TOKEN_MS = "gen_ai.server.time_to_first_token"  # noqa: S105 - no password
# strands-agents leaves the status of what was cancelled alone and says so here.
_CANCELLED = "strands.cancellation.type"

_GENERATIONS = frozenset(("chat", "generate_content", "text_completion"))
_NAME_OF_FLOW = {"invoke_agent": "gen_ai.agent.name", "invoke_workflow": "gen_ai.workflow.name"}
_TOOL = "execute_tool"
# By themselves: before Python 3.12 an attribute of an enumeration takes as long as a call.
_FLOW, _GENERATION = Kind.FLOW, Kind.GENERATION


def starting(name: str, attributes: Mapping[str, object]) -> Started | None:
    """Tell what kind of span begins, by its operation."""
    operation = attributes.get(OPERATION)
    return None if operation is None else _started(operation, name, attributes)


def ending(started: Started, span: ReadableSpan) -> Ended:
    """Read the facts of a flow or a generation."""
    attributes = attributes_of(span)
    status = Status.CANCELLED if _CANCELLED in attributes else None
    if started.kind is _FLOW:
        return Ended(status)
    scope = span.instrumentation_scope
    resolved, asked = attributes.get(_RESPONSE_MODEL), attributes.get(_REQUEST_MODEL)
    return Ended(
        status,
        name=asked if isinstance(asked, str) else "",
        tokens=tokens_of(attributes, "" if scope is None else scope.name),
        resolved_model_id=resolved if isinstance(resolved, str) else None,
        first_token_ms=_first_token_ms(attributes),
    )


def _started(operation: object, name: str, attributes: Mapping[str, object]) -> Started | None:
    if operation in _GENERATIONS:
        model = attributes.get(_REQUEST_MODEL)
        return Started(_GENERATION, model if isinstance(model, str) else "")
    if isinstance(operation, str) and operation in _NAME_OF_FLOW:
        given = attributes.get(_NAME_OF_FLOW[operation])
        # Agents without a name have spans that are called like the operation.
        return Started(Kind.FLOW, given if isinstance(given, str) and given else _after(operation, name))
    return Started(Kind.TOOL) if operation == _TOOL else None


def _after(operation: str, name: str) -> str:
    return name.removeprefix(operation).strip() or operation


def _first_token_ms(attributes: Mapping[str, object]) -> float | None:
    for key in _FIRST_CHUNK_SECONDS:
        seconds = attributes.get(key)
        if isinstance(seconds, (int, float)):
            return round(seconds * 1000, 3)
    milliseconds = attributes.get(_FIRST_TOKEN_MS)
    return float(milliseconds) if isinstance(milliseconds, (int, float)) else None


# --- Those who depart from the conventions where a span starts; at the end their spans are like all others

# strands-agents: older releases call the span of the model otherwise.
# https://strandsagents.com/latest/documentation/docs/user-guide/observability-evaluation/traces/
_STRANDS_GENERATIONS = frozenset(("chat", "Model invoke"))
_STRANDS_FLOWS = ("invoke_agent ", "invoke_swarm", "invoke_graph")
_STRANDS_TOOLS = ("execute_tool ", "Tool: ")
# pydantic-ai: https://ai.pydantic.dev/logfire/#opentelemetry
_OLDER_RUN = "agent run"
_OLDER_NAME = "agent_name"


def starting_of_strands(name: str, attributes: Mapping[str, object]) -> Started | None:
    """Tell what kind of span of strands-agents begins, which has nothing but a name by then."""
    del attributes  # they are set right after the start
    if name in _STRANDS_GENERATIONS:
        return Started(_GENERATION)
    if name.startswith(_STRANDS_FLOWS):
        return Started(_FLOW, name.removeprefix("invoke_agent ").strip())
    return Started(Kind.TOOL) if name.startswith(_STRANDS_TOOLS) else None


def starting_of_pydantic_ai(name: str, attributes: Mapping[str, object]) -> Started | None:
    """Tell what kind of span of pydantic-ai begins; in older releases a run has no operation, only a name."""
    if name != _OLDER_RUN:
        return starting(name, attributes)
    agent = attributes.get(_OLDER_NAME)
    return Started(_FLOW, agent if isinstance(agent, str) and agent else name)


def starting_of_ours(name: str, attributes: Mapping[str, object]) -> Started | None:
    """Tell whether a generation begins that flowemf itself opened a span for (`enable_xray_tracing`).

    It is counted already, and nothing inside it is counted again; the flows of ours are in the context anyway.
    """
    started = starting(name, attributes)
    return Started(Kind.OWN_GENERATION) if started is not None and started.kind is _GENERATION else None


# --- The tokens, brought to our one meaning

# InputTokens includes what was read from and written to a cache, OutputTokens includes reasoning. The conventions say
# the same of `gen_ai.usage.input_tokens`, but not everybody follows: for one call of 33 tokens some write 33, others
# the 11 that did not come from the cache. A reported total settles it; without one the table of those who leave it out.

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
