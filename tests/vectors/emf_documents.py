"""EMF documents for tests: a flawless one, and hypothesis strategies for any JSON and for documents gone wrong.

Nothing goes in; documents come out, each a new object that the caller may change.
"""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

from flowemf_schemas import names, units

# jsonschema cannot print integers of more than 4,300 digits; the tests of our own rules try those besides.
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 60, 0.0, 1.0, 1.5, -0.0, 5e-324, 1e308, float("nan"), float("inf"), 2**360, 10**400,
    1_700_000_000_000, "", "0", "1", " ", ":", ":a", "a\n", "ms", "Count", "é", "\ud800", "1700000000000", "x" * 1025,
    [], [[]], [["FlowName"]], ["FlowName"], [0] * 101, ["FlowName"] * 31, {}, {"Values": [1], "Counts": [1]},
    {"Sum": 1}, {"Min": 0, "Max": 2, "Sum": 3, "Count": 2}, {"Name": "m"}, [{"Name": "m"}] * 101,
)  # fmt: skip
"""Values that have broken a reader before, or look as if they could."""


def good_document() -> dict[str, Any]:
    """Give a document without a single finding, with two directives and every shape of a target."""
    return {
        names.AWS: {
            names.TIMESTAMP: 1_700_000_000_000,
            names.CLOUDWATCH_METRICS: [
                {
                    names.NAMESPACE: "MyApp/GenKit",
                    names.DIMENSIONS: [[names.FLOW_NAME, names.STATUS], [names.FLOW_NAME], []],
                    names.METRICS: [
                        {names.NAME: names.FLOW_DURATION, names.UNIT: units.MILLISECONDS},
                        {names.NAME: names.FLOW_COMPLETED, names.UNIT: units.COUNT, names.STORAGE_RESOLUTION: 1},
                    ],
                },
                {
                    names.NAMESPACE: "MyApp/GenKit",
                    names.DIMENSIONS: [[names.MODEL_ID]],
                    names.METRICS: [{names.NAME: names.TOKENS_USED}, {names.NAME: names.GENERATION_DURATION}],
                },
            ],
        },
        names.FLOW_NAME: "chat",
        names.STATUS: names.STATUS_SUCCESS,
        names.MODEL_ID: "model-1",
        names.FLOW_DURATION: 120.5,
        names.FLOW_COMPLETED: [1],
        names.TOKENS_USED: {names.VALUES: [10, 20], names.COUNTS: [1, 2]},
        names.GENERATION_DURATION: {names.MIN: 1, names.MAX: 3, names.SUM: 4, names.COUNT: 2},
    }


def written_document() -> dict[str, Any]:
    """Give a document such as flowemf writes: nothing optional is left out."""
    document = good_document()
    document[names.AWS][names.CLOUDWATCH_METRICS][1][names.METRICS] = [
        {names.NAME: names.TOKENS_USED, names.UNIT: units.COUNT}
    ]
    return document


def version0_document() -> dict[str, Any]:
    """Give a document as the CloudWatch agent writes version 0: all at the root, version and timestamp as text."""
    document = good_document()
    metadata = document.pop(names.AWS)
    return {**document, **metadata, names.VERSION: "0", names.TIMESTAMP: str(metadata[names.TIMESTAMP])}


def json_values() -> st.SearchStrategy[Any]:
    """Any value that Python's json module can give, with the members of EMF among the keys."""
    scalars = (
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(ODD_VALUES)
    )
    keys = st.text(max_size=3) | st.sampled_from(MEMBERS)
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5), max_leaves=12
    )


MEMBERS = (
    names.AWS, names.TIMESTAMP, names.CLOUDWATCH_METRICS, names.NAMESPACE, names.DIMENSIONS, names.METRICS, names.NAME,
    names.UNIT, names.STORAGE_RESOLUTION, names.VERSION, names.VALUES, names.COUNTS, names.MIN, names.MAX, names.SUM,
    names.COUNT,
)  # fmt: skip
"""The members that a reader of EMF looks at, targets left aside."""


@st.composite
def mutated_documents(draw: st.DrawFn) -> Any:
    """Take a good document of any sort and replace, remove or repeat one to three places of it."""
    document = draw(st.sampled_from([good_document, version0_document, written_document]))()
    for _ in range(draw(st.integers(1, 3))):
        _mutate(draw, document)
    return document


def _mutate(draw: st.DrawFn, document: dict[str, Any]) -> None:
    places = _places(document)
    if not places:  # everything was removed already
        return
    container, step = draw(st.sampled_from(places))
    change = draw(st.sampled_from(["replace", "replace", "replace", "remove", "repeat"]))
    if change == "replace":
        container[step] = copy.deepcopy(draw(st.sampled_from(ODD_VALUES) | json_values()))
    elif change == "remove":
        del container[step]
    elif isinstance(container, list):
        container.insert(step, copy.deepcopy(container[step]))


def _places(value: Any) -> list[tuple[Any, Any]]:
    """List every member and item inside a value, as the container and the key or index."""
    steps = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    found = [(value, step) for step in steps]
    for step in steps:
        found += _places(value[step])
    return found
