"""An application that asks models through LiteLLM, measured by one call: each completion is a generation.

It needs no account: LiteLLM answers itself with `mock_response`, which you leave out.

    pip install flowemf litellm
    python examples/litellm_app.py
"""

import litellm

import flowemf

flowemf.configure("MyApp/Router")
flowemf.install()


@flowemf.flow("recipe")
def recipe(dish: str) -> str:
    """Ask for a recipe; the completion inside becomes a generation."""
    answer = litellm.completion(
        model="openai/gpt-4o-mini",
        messages=[{"role": "user", "content": f"How do I make {dish}?"}],
        mock_response="Flour, water, salt.",
    )
    return answer.choices[0].message.content


print(recipe("bread"))
