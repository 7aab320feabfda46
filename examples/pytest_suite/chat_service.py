"""The code under test: a chat service that is measured with flowemf, and knows nothing of its tests."""

from collections.abc import Callable

import flowemf

Model = Callable[[str], dict[str, object]]


@flowemf.flow("chat")
def chat(question: str, *, model: Model, tenant: str) -> str:
    """Answer a question; the model may not answer in time, which the caller is told."""
    flowemf.bind(tenant=tenant)
    with flowemf.generation("example-model") as generation:
        response = model(question)
        generation.record_response(response)
    documents = response["documents"]
    flowemf.metric("DocumentsFound", documents, "Count", {"Index": "manuals"})
    if not documents:
        flowemf.metric("Guesses", 1, "Count")
    return str(response["answer"])
