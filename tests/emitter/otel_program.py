"""A small program for each framework, run with the oldest release that is supported, in an environment of its own.

The name of a framework, the address of `otel_services` and the name of a package come in as arguments; the lines that
it writes to standard output are what the test looks at, and the package's version on standard error shows that it ran
with the right one. It uses nothing that came later than those releases.
"""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import version
from typing import Any

import flowemf
from flowemf.integrations import otel

PROMPT = "Zanzibar-prompt"


def strands(url: str) -> None:
    """Run an agent on Bedrock."""
    import boto3
    from strands import Agent
    from strands.models import BedrockModel

    # Older releases cannot be told another address.
    session = boto3.Session(region_name="us-east-1")
    model = BedrockModel(model_id="nova", boto_session=session)
    model.client = session.client("bedrock-runtime", endpoint_url=url)
    Agent(model=model, callback_handler=None)(PROMPT)


def pydantic_ai(url: str) -> None:
    """Run an agent on OpenAI's protocol."""
    from openai import AsyncOpenAI
    from pydantic_ai import Agent
    from pydantic_ai.models import openai
    from pydantic_ai.providers.openai import OpenAIProvider

    kind: Any = getattr(openai, "OpenAIChatModel", None) or openai.OpenAIModel
    Agent.instrument_all()
    client = AsyncOpenAI(base_url=f"{url}/v1", api_key="k")
    asyncio.run(Agent(kind("gpt", provider=OpenAIProvider(openai_client=client)), name="helper").run(PROMPT))


def anthropic(url: str) -> None:
    """Ask for a message."""
    from anthropic import Anthropic

    client: Any = Anthropic(base_url=url, api_key="k")
    client.messages.create(model="claude", max_tokens=9, messages=[{"role": "user", "content": PROMPT}])


def genai_anthropic(url: str) -> None:
    """Ask for a message, instrumented."""
    from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor

    AnthropicInstrumentor().instrument()
    anthropic(url)


def genai_openai(url: str) -> None:
    """Ask for a completion, instrumented."""
    from openai import OpenAI
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument()
    client: Any = OpenAI(base_url=f"{url}/v1", api_key="k")
    client.chat.completions.create(model="gpt", messages=[{"role": "user", "content": PROMPT}])


def _converse(url: str) -> None:
    import boto3

    client = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=url)
    client.converse(modelId="nova", messages=[{"role": "user", "content": [{"text": PROMPT}]}])


def botocore(url: str) -> None:
    """Call Bedrock, instrumented."""
    from opentelemetry.instrumentation.botocore import BotocoreInstrumentor

    BotocoreInstrumentor().instrument()
    _converse(url)


def genai_bedrock(url: str) -> None:
    """Call Bedrock, instrumented otherwise."""
    from opentelemetry.instrumentation.genai.bedrock import BedrockInstrumentor

    BedrockInstrumentor().instrument()
    _converse(url)


def genai_langchain(url: str) -> None:
    """Run a chain, instrumented."""
    del url
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import RunnableLambda
    from opentelemetry.instrumentation.genai.langchain import LangChainInstrumentor

    LangChainInstrumentor().instrument()
    usage: Any = {"input_tokens": 33, "output_tokens": 7, "total_tokens": 40}
    model = GenericFakeChatModel(messages=iter([AIMessage("Zanzibar-answer", usage_metadata=usage)]))
    chain = (RunnableLambda(lambda x: x) | model).with_config(
        run_name="asking", metadata={"ls_model_name": "fake", "model_name": "fake"}
    )
    chain.invoke(PROMPT)


if __name__ == "__main__":
    flowemf.configure("App/Test")
    otel.install()
    globals()[sys.argv[1]](sys.argv[2])
    sys.stderr.write(version(sys.argv[3]))
