"""Calls of Amazon Bedrock with boto3, measured without a word about metrics but `flowemf.install()`.

It needs no account: botocore's own Stubber answers in Bedrock's place. Run it with `python examples/bedrock_boto3.py`;
in a program of yours, take out what is stubbed and keep the rest.
"""

import boto3
from botocore.exceptions import ClientError
from botocore.stub import Stubber

import flowemf

flowemf.configure("MyApp/Chat")
flowemf.install()

client = boto3.client(
    "bedrock-runtime", region_name="us-east-1", aws_access_key_id="example", aws_secret_access_key="example"
)


@flowemf.flow("chat")
def chat(question: str) -> str:
    """Answer a question; the call of the model inside becomes a generation."""
    answer = client.converse(
        modelId="amazon.nova-lite-v1:0", messages=[{"role": "user", "content": [{"text": question}]}]
    )
    return answer["output"]["message"]["content"][0]["text"]


ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Forty-two."}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 11, "outputTokens": 7, "totalTokens": 40, "cacheReadInputTokens": 22},
    "metrics": {"latencyMs": 312},
}

with Stubber(client) as stubber:
    stubber.add_response("converse", ANSWER)
    stubber.add_client_error("converse", "ThrottlingException", "Too many requests", http_status_code=429)
    for question in ("How long does a flow take?", "And how many tokens?"):
        try:
            chat(question)
        except ClientError:
            flowemf.metric("Apologies", 1, "Count")
