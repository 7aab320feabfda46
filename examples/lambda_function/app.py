"""A Lambda function that answers questions: each invocation is a flow, each model call a generation.

Deploy it with `flowemf` in a layer or beside it, and `app.lambda_handler` as its handler. Here it runs with what Lambda
would pass, and without AWS: `python examples/lambda_function/app.py`
"""

import time

import flowemf
from flowemf.integrations.lambda_ import handler

flowemf.configure("MyApp/Chat", custom_dimensions={"Environment": "Example"})


def model(question: str) -> dict[str, object]:
    """Stand in for a model's client, such as `bedrock.converse(...)`."""
    if not question:
        raise TimeoutError("the model did not answer in time")
    return {"answer": f"You asked: {question}", "usage": {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}}


@handler
def lambda_handler(event: dict[str, str], _context: object) -> dict[str, object]:
    """Answer a question, for the tenant that asks."""
    flowemf.bind(tenant=event.get("tenant", "unknown"))
    with flowemf.generation("example-model") as generation:
        response = model(event["question"])
        generation.record_response(response)
    return {"answer": response["answer"]}


class LocalContext:
    """What Lambda passes beside the event, as far as this function needs it."""

    aws_request_id = "local"
    function_version = "$LATEST"

    def __init__(self, seconds: float) -> None:
        self.end_seconds = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """Count down."""
        return max(0, round(1000 * (self.end_seconds - time.monotonic())))


if __name__ == "__main__":
    for asked in ("How long does a flow take?", "And a cold start?", ""):
        try:
            lambda_handler({"tenant": "acme", "question": asked}, LocalContext(seconds=3))
        except TimeoutError:
            flowemf.metric("Apologies", 1, "Count")
