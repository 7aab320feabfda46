"""Where providers put the numbers of a model call, and what each of them means by them.

Nothing goes in; tables come out, each row with its source. To read another provider is to add a row.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    # A member of a member of...: the names on the way.
    Path = tuple[str, ...]

INVOCATION_METRICS = "amazon-bedrock-invocationMetrics"


class Part:
    """One number that others may or may not contain.

    Attributes:
        path: where it is, seen from the usage.
        outside: whether the provider documents it as not contained in the input or the output that it belongs to.
    """

    __slots__ = ("outside", "path")

    def __init__(self, path: str, *, outside: bool = False) -> None:
        self.path: Path = tuple(path.split("/"))
        self.outside = outside


class Shape:
    """How one family of providers spells its usage; alternatives come in the order in which they are tried."""

    __slots__ = ("also_input", "cache_read", "cache_write", "input", "output", "reasoning", "total")

    def __init__(
        self,
        *,
        input: str,  # noqa: A002 - the keyword reads as the column that it is
        output: str,
        total: str = "",
        also_input: str = "",
        cache_read: tuple[Part, ...] = (),
        cache_write: tuple[Part, ...] = (),
        reasoning: tuple[Part, ...] = (),
    ) -> None:
        self.input = input
        self.output = output.split()
        self.total = total
        self.also_input = also_input
        self.cache_read = cache_read
        self.cache_write = cache_write
        self.reasoning = reasoning


SHAPES = (
    # OpenAI's chat completions: cached and reasoning tokens are inside
    # (https://platform.openai.com/docs/api-reference/chat/object). Mistral, AI21, DeepSeek and LiteLLM have the same
    # (https://docs.litellm.ai/docs/completion/prompt_caching), Cohere's old `token_count` almost.
    Shape(
        input="prompt_tokens",
        output="completion_tokens response_tokens",
        total="total_tokens",
        cache_read=(Part("prompt_tokens_details/cached_tokens"), Part("cache_read_input_tokens")),
        cache_write=(
            Part("prompt_tokens_details/cache_write_tokens"),
            Part("prompt_tokens_details/cache_creation_tokens"),
            Part("cache_creation_input_tokens"),
        ),
        reasoning=(Part("completion_tokens_details/reasoning_tokens"),),
    ),
    # Anthropic's messages: cached tokens are outside, thinking is inside
    # (https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching#tracking-cache-performance).
    # OpenAI's responses (https://platform.openai.com/docs/api-reference/responses/object), LangChain
    # (https://python.langchain.com/api_reference/core/messages/langchain_core.messages.ai.UsageMetadata.html),
    # Genkit for Python and our own names: cached tokens are inside. Genkit passes on the thoughts of Google's models,
    # which are outside.
    Shape(
        input="input_tokens",
        output="output_tokens",
        total="total_tokens",
        cache_read=(
            Part("cache_read_input_tokens", outside=True),
            Part("input_tokens_details/cached_tokens"),
            Part("input_token_details/cache_read"),
            Part("cached_content_tokens"),
            Part("cache_read_tokens"),
        ),
        cache_write=(
            Part("cache_creation_input_tokens", outside=True),
            Part("input_tokens_details/cache_write_tokens"),
            Part("input_token_details/cache_creation"),
            Part("cache_write_tokens"),
        ),
        reasoning=(
            Part("output_tokens_details/reasoning_tokens"),
            Part("output_tokens_details/thinking_tokens"),
            Part("output_token_details/reasoning"),
            Part("thoughts_tokens", outside=True),
        ),
    ),
    # Bedrock's Converse and Nova: cached tokens are outside
    # (https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html). Genkit's JSON has the same names.
    Shape(
        input="inputTokens",
        output="outputTokens",
        total="totalTokens",
        cache_read=(
            Part("cacheReadInputTokens", outside=True),
            Part("cacheReadInputTokenCount", outside=True),
            Part("cachedContentTokens"),
        ),
        cache_write=(Part("cacheWriteInputTokens", outside=True), Part("cacheWriteInputTokenCount", outside=True)),
        reasoning=(Part("thoughtsTokens", outside=True),),
    ),
    # Google: cached tokens are inside, thoughts and the results of tools outside
    # (https://ai.google.dev/api/generate-content#UsageMetadata). Llama on Bedrock begins the same
    # (https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-meta.html).
    Shape(
        input="prompt_token_count",
        output="candidates_token_count generation_token_count",
        total="total_token_count",
        also_input="tool_use_prompt_token_count",
        cache_read=(Part("cached_content_token_count"),),
        reasoning=(Part("thoughts_token_count", outside=True),),
    ),
    Shape(
        input="promptTokenCount",
        output="candidatesTokenCount",
        total="totalTokenCount",
        also_input="toolUsePromptTokenCount",
        cache_read=(Part("cachedContentTokenCount"),),
        reasoning=(Part("thoughtsTokenCount", outside=True),),
    ),
    # The last chunk of InvokeModelWithResponseStream, with any model
    # (https://docs.aws.amazon.com/bedrock/latest/userguide/inference-invoke.html).
    Shape(
        input="inputTokenCount",
        output="outputTokenCount",
        cache_read=(Part("cacheReadInputTokenCount", outside=True),),
        cache_write=(Part("cacheWriteInputTokenCount", outside=True),),
    ),
    # Titan (https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-text.html)
    Shape(input="inputTextTokenCount", output="totalOutputTextTokenCount"),
    # The headers of InvokeModel
    Shape(
        input="x-amzn-bedrock-input-token-count",
        output="x-amzn-bedrock-output-token-count",
        cache_read=(Part("x-amzn-bedrock-cache-read-input-token-count", outside=True),),
        cache_write=(Part("x-amzn-bedrock-cache-write-input-token-count", outside=True),),
    ),
)

# Where the usage is, seen from the response.
CONTAINERS: tuple[Path, ...] = (
    ("usage",),
    ("usage_metadata",),
    ("usageMetadata",),
    ("metadata", "usage"),  # the event `metadata` of ConverseStream
    ("message", "usage"),  # the event `message_start` of Anthropic
    ("response", "usage"),  # the event `response.completed` of OpenAI
    ("usage", "tokens"),  # Cohere, version 2
    ("meta", "tokens"),  # Cohere, version 1
    ("token_count",),  # Cohere before
    (INVOCATION_METRICS,),
    (),  # Titan, Llama, and a usage that is handed over by itself
    ("ResponseMetadata", "HTTPHeaders"),  # InvokeModel, whose body is not for us to read
)

# Where the name of the model that answered is.
MODELS: tuple[Path, ...] = (
    ("model",),
    ("model_version",),
    ("modelVersion",),
    ("message", "model"),
    ("response", "model"),
    ("trace", "promptRouter", "invokedModelId"),
    ("metadata", "trace", "promptRouter", "invokedModelId"),
    ("response_metadata", "model_name"),
)

# Where a response says that there is no answer, and the members of that which name what went wrong. Its message is not
# among them: Genkit puts the beginning of the model's output into it.
ERRORS: tuple[Path, ...] = (("error",), ("response", "error"))
ERROR_CODES = ("code", "status", "type")
