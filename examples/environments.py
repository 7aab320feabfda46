"""One application, set up differently in each environment, with one model under several aliases.

Run it as the environment that it is to be, and look at the difference:

    python examples/environments.py > development.log
    GIT_COMMIT=4f2c1d0 python examples/environments.py production > production.log
    flowemf cost production.log --span 1h

Each alias of the model gets metrics of its own by ModelID; in production there are fewer lines, with more in each.
"""

import os
import sys
from dataclasses import dataclass
from typing import Any

import flowemf

MODEL = "anthropic.claude-sonnet"


@dataclass(frozen=True)
class ModelConfig:
    """How the model is asked under one alias."""

    max_tokens: int
    temperature: float


MODELS = {
    "fast": ModelConfig(max_tokens=100, temperature=0.3),
    "balanced": ModelConfig(max_tokens=1000, temperature=0.7),
    "creative": ModelConfig(max_tokens=2000, temperature=0.9),
}


def monitoring_settings(environment: str) -> dict[str, Any]:
    """Give the settings of an environment.

    A commit and a build time are new metrics with every build: `flowemf cost` tells what that comes to. What is not
    set is left out, since a dimension needs a value.
    """
    built = {"GitCommit": os.environ.get("GIT_COMMIT"), "BuildTime": os.environ.get("BUILD_TIME")}
    dimensions = {"Environment": environment, **{key: value for key, value in built.items() if value}}
    settings: dict[str, Any] = {
        "namespace": f"MyApp-{environment.capitalize()}/GenKit",
        "enable_flow_metrics": True,
        "enable_model_metrics": True,
        "custom_dimensions": dimensions,
    }
    if environment == "production":
        settings["metric_buffer_size"] = 50
        dimensions["AlertingEnabled"] = "true"
    return settings


def ask(alias: str, question: str) -> str:
    """Ask the model under an alias, which is what ModelID says; the model itself is a property."""
    config = MODELS[alias]
    with flowemf.generation(f"claude-sonnet-{alias}") as generation:
        answer = " ".join(["word"] * min(config.max_tokens, 150))  # your model call
        generation.record_usage(
            input_tokens=len(question.split()), output_tokens=len(answer.split()), resolved_model_id=MODEL
        )
    return answer


@flowemf.flow("chatFlow")
def chat(question: str) -> list[str]:
    """Answer a question under every alias."""
    return [ask(alias, question) for alias in MODELS]


if __name__ == "__main__":
    flowemf.configure(**monitoring_settings(sys.argv[1] if len(sys.argv) > 1 else "development"))
    for _ in range(3):
        chat("Which alias answers best?")
