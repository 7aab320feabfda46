"""A chat application measured by hand: a flow, a streamed generation, a failure, and a metric of its own.

Run it with `python examples/chat.py`, or keep its log and look at it:

    python examples/chat.py > app.log
    flowemf check app.log
    flowemf replay app.log --to metrics --dry-run
"""

import asyncio
from collections.abc import AsyncIterator

import flowemf

flowemf.configure("MyApp/Chat", custom_dimensions={"Environment": "Example"})


async def model(question: str) -> AsyncIterator[str]:
    """Stand in for a model that streams its answer."""
    if not question:
        raise TimeoutError("the model did not answer in time")
    for word in f"You asked: {question}".split():
        await asyncio.sleep(0.001)
        yield word


@flowemf.flow("chat")
async def chat(question: str) -> str:
    """Answer a question; each call is a flow, with one generation in it."""
    words = []
    async with flowemf.generation("example-model") as generation:
        async for word in model(question):
            generation.first_token()
            words.append(word)
        generation.record_usage(input_tokens=len(question.split()), output_tokens=len(words))
    return " ".join(words)


async def main() -> None:
    """Serve three requests; the last one fails, and its caller deals with that."""
    flowemf.bind(tenant="example")
    for question in ("How long does a flow take?", "And how many tokens?", ""):
        try:
            await chat(question)
        except TimeoutError:
            flowemf.metric("Apologies", 1, "Count")


asyncio.run(main())
