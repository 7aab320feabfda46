"""A Genkit application whose only word of metrics is the plugin: `FlowMetrics`.

Its models are defined in code and need no network. Run it with `python examples/genkit_app.py`, or keep its log (Genkit
writes lines of its own to the same stream) and look at the metrics in it:

    pip install flowemf genkit
    python examples/genkit_app.py > app.log
    flowemf check app.log
    flowemf replay app.log --to metrics --dry-run
"""

import asyncio

from genkit import ActionRunContext, Genkit, GenkitError, Message, ModelRequest, ModelResponse, ModelResponseChunk, Part

from flowemf.integrations.genkit import FlowMetrics

ai = Genkit(plugins=[FlowMetrics(namespace="MyApp/GenKit")], model="cook")


# --- What a model plugin would bring


async def cook(request: ModelRequest, context: ActionRunContext) -> ModelResponse:
    """Answer with a recipe; ask for the larder's tool where there is one; stream where somebody listens."""
    larder_was_asked = any(part.tool_response for message in request.messages for part in message.content)
    if request.tools and not larder_was_asked:
        wanted = {"toolRequest": {"name": "larder", "ref": "1", "input": "flour"}}
        return response([wanted], inputTokens=30, outputTokens=5, totalTokens=35)
    for word in ("Flour, ", "water, ", "salt."):
        context.send_chunk(ModelResponseChunk(content=[Part(text=word)]))
    usage = {"inputTokens": 100, "outputTokens": 20, "thoughtsTokens": 8, "cachedContentTokens": 64, "totalTokens": 128}
    return response([{"text": "Flour, water, salt."}], **usage)


async def sulk(_request: ModelRequest, _context: ActionRunContext) -> ModelResponse:
    """Refuse: too many orders."""
    raise GenkitError(status="RESOURCE_EXHAUSTED", message="too many orders")


async def nap(_request: ModelRequest, _context: ActionRunContext) -> ModelResponse:
    """Never answer."""
    await asyncio.Event().wait()
    return response([{"text": ""}])


def response(content: list[dict], **usage: float) -> ModelResponse:
    """Make what a model returns."""
    return ModelResponse.model_validate({"message": Message(role="model", content=content), "usage": usage})


for model in (cook, sulk, nap):
    ai.define_model(model.__name__, model)


@ai.tool()
async def larder(what: str) -> str:
    """Tell how much is left."""
    return f"plenty of {what}"


# --- The flows


@ai.flow()
async def recipe(dish: str) -> str:
    """Succeed, with one call of a model."""
    return (await ai.generate(prompt=f"How do I make {dish}?")).text


@ai.flow()
async def shopping(dish: str) -> str:
    """Call a tool: two calls of the model."""
    return (await ai.generate(prompt=f"What must I buy for {dish}?", tools=["larder"])).text


@ai.flow(chunk_type=str)
async def dictation(dish: str, context: ActionRunContext) -> str:
    """Stream what the model streams."""
    answer = ai.generate_stream(prompt=f"Dictate {dish}")
    async for chunk in answer.stream:
        context.send_chunk(chunk.text)
    return (await answer.response).text


@ai.flow()
async def menu(dishes: list[str]) -> list[str]:
    """Call another flow, once for each dish."""
    return [await recipe(dish) for dish in dishes]


@ai.flow()
async def patience(dish: str) -> str:
    """Make do without an answer: the model fails and the flow does not."""
    answer = await ai.generate(model="sulk", prompt=dish)
    return "no recipe today" if answer.error else answer.text


@ai.flow()
async def order(dish: str) -> str:
    """Fail: the kitchen does not open in time."""
    raise TimeoutError(f"nobody takes an order for {dish}")


@ai.flow()
async def banquet(dish: str) -> str:
    """Fail because an inner flow does."""
    return await order(dish)


@ai.flow()
async def siesta(dish: str) -> str:
    """Wait for a model that never answers, until whoever called gives up."""
    return (await ai.generate(model="nap", prompt=dish)).text


async def main() -> None:
    """Serve the guests."""
    await recipe("bread")
    await shopping("pizza")
    async for _words in dictation.stream("pasta").stream:
        pass
    await menu(["soup", "salad"])
    await patience("cake")
    for flow in (order, banquet):
        try:
            await flow("oysters")
        except Exception as problem:
            print(f"sorry: {problem}")
    try:
        await asyncio.wait_for(siesta("porridge"), timeout=0.05)
    except asyncio.TimeoutError:
        print("sorry: not today")


ai.run_main(main())
