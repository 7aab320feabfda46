"""A LangChain application, measured by one call: the chain is a flow, each call of its model a generation.

Its model needs no network; put `ChatBedrockConverse(model=...)` in its place.

    pip install flowemf langchain-core
    python examples/langchain_app.py
"""

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

import flowemf

flowemf.configure("MyApp/Chains")
flowemf.install()

usage = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
model = GenericFakeChatModel(messages=iter([AIMessage("Flour, water, salt.", usage_metadata=usage)]))
prompt = ChatPromptTemplate.from_template("How do I make {dish}?")
chain = (prompt | model | StrOutputParser()).with_config(run_name="recipe")

print(chain.invoke({"dish": "bread"}))
