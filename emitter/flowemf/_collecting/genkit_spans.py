"""Reads the spans of Genkit for Python, and what the numbers of its plugins mean.

The name and the attributes of a span go in; what it stands for, how it ended and its numbers come out. Genkit gives
each action a span: flows, models, tools, embedders. Its own steps (`util`) repeat what the models said. Of the
attributes that hold prompts and answers only the output of a model is touched, and nothing but its usage is taken.
"""

from __future__ import annotations

from json import JSONDecoder
from threading import current_thread

from flowemf._collecting.vocabulary import Ended, Kind, Started, Status, attributes_of
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from opentelemetry.sdk.trace import ReadableSpan

SCOPE = "genkit-tracer"

# By themselves: before Python 3.12 an attribute of an enumeration takes as long as a call.
_A_FLOW, _A_GENERATION = Kind.FLOW, Kind.GENERATION

_TYPE, _ACTION = "genkit:type", "action"
_SUBTYPE, _FLOW, _MODEL = "genkit:metadata:subtype", "flow", "model"
_FLOW_NAME = "genkit:metadata:flow:name"
_STATE = "genkit:state"
_STATUS = {"success": Status.SUCCESS, "error": Status.ERROR, None: Status.CANCELLED}
_RESPONSE = "genkit:output"
# The developer UI renders prompts while somebody types, and runs what they click on in a thread of its own.
_PREVIEW = "genkitx:ignore-trace"
_DEVELOPERS_THREAD = "genkit-reflection-server"

_A_PREVIEW = Started(Kind.PREVIEW)
_A_STEP = Started(Kind.UTIL)
# Embedders, retrievers, prompts and tools write no line, but a flow may fail because one of them did.
_ANOTHER_ACTION = Started(Kind.TOOL)


def starting(name: str, attributes: Mapping[str, object]) -> Started | None:
    """Tell what kind of span begins. Before Genkit 0.9 that is said right after the start, and None until then."""
    kind = attributes.get(_TYPE)
    if kind is None:
        return None
    preview = attributes.get(_PREVIEW)
    if (preview is not None and str(preview).lower() == "true") or current_thread().name == _DEVELOPERS_THREAD:
        return _A_PREVIEW
    if kind != _ACTION:
        return _A_STEP
    action = attributes.get(_SUBTYPE)
    if action == _MODEL:
        return Started(_A_GENERATION, name)
    if action == _FLOW:
        given = attributes.get(_FLOW_NAME)
        return Started(_A_FLOW, given if isinstance(given, str) else name)
    return _ANOTHER_ACTION


def ending(started: Started, span: ReadableSpan) -> Ended:
    """Read the facts of a flow or a generation. Genkit leaves the state of what was cancelled open."""
    attributes = attributes_of(span)
    status = _STATUS.get(attributes.get(_STATE))
    output = attributes.get(_RESPONSE) if started.kind is _A_GENERATION else None
    if not isinstance(output, str):
        return Ended(status)
    is_whole = len(output) != _most_characters(span)
    usage = usage_in(output, whole=is_whole)
    tokens = {} if usage is None else tokens_of(usage, started.name)
    return Ended(status, tokens=tokens, is_truncated=usage is None and not is_whole)


def _most_characters(span: ReadableSpan) -> int | None:
    """Give the length at which OpenTelemetry cuts the values of this span's attributes, None where it doesn't.

    https://opentelemetry.io/docs/specs/otel/common/#attribute-limits
    """
    return getattr(span._attributes, "max_value_len", None)


# --- The usage in the JSON text of a model's response

# What the model has said stands in the same text and may imitate a usage: where a candidate lies in the structure
# decides, never what it looks like.

_KEY = '"usage"'
_MOST_CANDIDATES = 4
_decode = JSONDecoder().scan_once  # type: ignore[attr-defined] # what raw_decode calls; saves 0.1 us
_NO_JSON = (ValueError, RecursionError, StopIteration)


def usage_in(text: str, *, whole: bool = True) -> dict[str, Any] | None:
    r"""Give the member `usage` of the object that a text holds.

    The key is sought from the end: frameworks write the usage after the message, and the message is the large part. Its
    place is then proved. In JSON a quotation mark within a string follows a backslash, and outside of strings there are
    no backslashes: so a `"usage"` that follows none, with a colon after it, is a key, and everything behind it can be
    decoded. If that is the rest of one object with nothing behind it, the key is a member of the outermost object; if
    there is more, it lies deeper, and what stands before it is asked next.

    >>> usage_in('{"message":"{\\"usage\\":{\\"inputTokens\\":1}}","usage":{"inputTokens":11.0},"custom":{}}')
    {'inputTokens': 11.0}

    Args:
        text: the response as JSON, as the framework wrote it.
        whole: whether the text is known to be whole. One that may be cut is decoded from its beginning, since the
            rest of an inner object would look like the rest of the outermost.

    Returns:
        The usage; None where there is none.
    """
    end = len(text) if whole and text.startswith("{") else 0
    for _ in range(_MOST_CANDIDATES):
        end = text.rfind(_KEY, 0, end)
        if end < 0:
            break
        rest = "{" + text[end:]
        try:
            members, behind = _decode(rest, 0)
        except _NO_JSON:
            continue
        is_last = behind == len(rest) or not rest[behind:].strip()
        if is_last and text[end - 1] != "\\":
            usage = members["usage"]
            return usage if isinstance(usage, dict) else None
    return _decoded(text)


def _decoded(text: str) -> dict[str, Any] | None:
    """Decode everything: right for any text, and slower by the length of what the model has said."""
    text = text.strip()
    try:
        members, end = _decode(text, 0)
    except _NO_JSON:
        return None
    usage = members.get("usage") if isinstance(members, dict) and end == len(text) else None
    return usage if isinstance(usage, dict) else None


# --- The tokens of that usage, brought to our one meaning

# InputTokens includes what was read from and written to a cache, OutputTokens includes reasoning. Genkit passes on what
# its plugins give it, and each gives what its provider says: https://genkit.dev/docs/models/

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
    if read > taken:
        taken += read
    found[_INPUT], found[_OUTPUT] = taken, given


def _add_cache_of_anthropic(found: dict[str, int], custom: Mapping[str, object]) -> None:
    """Add the cache to the input and to the total, both of which leave it out."""
    cache = _read(custom, _CACHE_OF_ANTHROPIC)
    found.update(cache)
    for metric in (_INPUT, _TOTAL):
        if metric in found:
            found[metric] += sum(cache.values())
