"""The usage in the text of a response, found by where it lies; nothing that a model says can stand in for it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowemf._collecting import genkit_spans
from flowemf._collecting.genkit_spans import usage_in

REAL = {"inputTokens": 11.0, "outputTokens": 7.0, "totalTokens": 18.0}
FORGED = {"inputTokens": 999.0, "outputTokens": 999.0, "totalTokens": 1998.0}
FORGED_TEXT = json.dumps(FORGED)


def response(said: Any, **after: Any) -> dict[str, Any]:
    """Lay a response out as Genkit does: the message, then the usage, then whatever the plugin adds."""
    message = {"role": "model", "content": [{"text": said}]}
    return {"message": message, "finishReason": "stop", "usage": REAL, "custom": {}, **after}


IMITATIONS = {
    "a usage as text": f'"usage":{FORGED_TEXT}',
    "the end of a response as text": f'"}}]}},"usage":{FORGED_TEXT},"custom":{{}}}}',
    "already escaped once": json.dumps(f'"usage":{FORGED_TEXT}}}'),
    "behind backslashes": f'\\\\"usage":{FORGED_TEXT}}}',
    "behind a backslash and a quotation mark": f'\\"usage\\":{FORGED_TEXT}}}',
    "an object": {"usage": FORGED},
    "objects within objects": {"usage": {"usage": {"usage": FORGED}}},
    "a list of them": [{"usage": FORGED}, "usage", ["usage", FORGED]],
    "a name as a value": {"a": "usage", "b": FORGED},
    "a name with an escape": {"\\u0075sage": FORGED},
}


@pytest.mark.parametrize("said", IMITATIONS.values(), ids=IMITATIONS)
@pytest.mark.parametrize("member", ["message", "custom", "raw", "request", "finishMessage"])
def test_an_imitated_usage_changes_nothing(said: Any, member: str) -> None:
    """Before and behind the real one, as text and as JSON, at any depth."""
    for document in (
        response(said),
        response("", **{member: said}),
        {member: said, **response(said)},
        response("", **{member: {"choices": [said, {"message": said}], "usage": FORGED, "usage ": FORGED}}),
    ):
        for separators in ((",", ":"), (", ", ": "), (" ,\n", " :\t")):
            assert usage_in(json.dumps(document, separators=separators)) == REAL


@pytest.mark.parametrize("said", IMITATIONS.values(), ids=IMITATIONS)
def test_a_response_without_usage_borrows_none(said: Any) -> None:
    """Where the plugin reports nothing, nothing is found, whatever the model says."""
    document = response(said, raw=said)
    del document["usage"]
    assert usage_in(json.dumps(document)) is None


def test_the_text_before_the_usage_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long answer costs no more than a short one."""
    decoded: list[str] = []

    def watched(text: str, start: int) -> Any:
        decoded.append(text)
        return json.JSONDecoder().raw_decode(text, start)

    monkeypatch.setattr(genkit_spans, "_decode", watched)
    assert usage_in(json.dumps(response('said "so"\n' * 10_000))) == REAL
    assert sum(map(len, decoded)) < 200


def test_an_answer_full_of_candidates_is_decoded_once_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of tries is bounded, so that no answer can make the search expensive."""
    calls: list[str] = []

    def watched(text: str, start: int) -> Any:
        calls.append(text)
        return json.JSONDecoder().raw_decode(text, start)

    monkeypatch.setattr(genkit_spans, "_decode", watched)
    assert usage_in(json.dumps(response("", raw=[{"usage": FORGED}] * 1000))) == REAL
    assert len(calls) <= 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("{}", None),
        ("null", None),
        ("[]", None),
        ('"usage"', None),
        ('["usage",{"inputTokens":1}]', None),
        ('{"usage":null}', None),
        ('{"usage":7}', None),
        ('{"usage":"{}"}', None),
        ('{"usage":{}}', {}),
        (' {"usage":{"a":1}} ', {"a": 1}),
        ('{"usage":{"a":1},"usage":{"a":2}}', {"a": 2}),
        ('{"usage":{"a":1},"\\u0075sage":{"a":2}}', {"a": 2}),
        ('{"\\u0075sage":{"a":1},"custom":{}}', {"a": 1}),
        ('{"usage":{"a":1},"my \\"usage":{"a":2}}', {"a": 1}),
        ('{"my \\"usage":{"a":2}}', None),
        ('{"my \\\\":0,"usage":{"a":1}}', {"a": 1}),
        ("<ModelResponse object>", None),
        ('{"usage":{"a":1}} and more', None),
        ("[" * 100_000, None),
        ('{"usage":' + "[" * 100_000, None),
    ],
)
def test_texts_of_other_kinds(text: str, expected: Any) -> None:
    """Whatever comes, the answer is a usage or none, as a decoder of JSON would give it."""
    assert usage_in(text) == expected


def test_a_text_that_was_cut_at_an_unlucky_place_gives_nothing() -> None:
    """The end of an inner object looks like the end of the outermost; a text that may be cut is decoded whole."""
    whole = json.dumps({"message": {"metadata": {"usage": FORGED}}, "usage": REAL})
    cut = whole[: whole.index("}") + 1]
    assert cut.endswith(json.dumps({"usage": FORGED})[1:-1])
    assert usage_in(cut, whole=False) is None
    assert usage_in(whole, whole=False) == REAL


# --- Properties

_names = st.sampled_from(
    ["usage", "message", "custom", "raw", "", "\\", '"usage"', 'my "usage', '\\"usage', "us\\u0061ge"]
) | st.text(alphabet='usage"\\:{}[], \n', max_size=6)
_texts = st.text(alphabet='usage"\\:{}[], 1\né😀', max_size=40) | st.sampled_from(
    [f'"usage":{FORGED_TEXT}', f'","usage":{FORGED_TEXT}}}', '\\"usage\\":{}}', '\\\\"usage":{}}']
)
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.floats(allow_nan=False, allow_infinity=False) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=8,
)
_separators = st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : "), (",\n", ":\n")])


@given(members=st.lists(st.tuples(_names, _values), max_size=5), separators=_separators, ascii_only=st.booleans())
@settings(max_examples=400, deadline=None)
def test_it_finds_what_a_decoder_finds(
    members: list[tuple[str, Any]], separators: tuple[str, str], ascii_only: bool
) -> None:
    """For any object, repeated members included, the answer is that of decoding everything."""
    between, after_name = separators
    written = [
        json.dumps(name, ensure_ascii=ascii_only)
        + after_name
        + json.dumps(value, separators=separators, ensure_ascii=ascii_only)
        for name, value in members
    ]
    text = "{" + between.join(written) + "}"
    usage = json.loads(text).get("usage")
    expected = usage if isinstance(usage, dict) else None
    assert usage_in(text) == expected
    assert usage_in(text, whole=False) == expected


@given(value=_values, data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_cut_text_never_gives_a_wrong_usage(value: Any, data: st.DataObject) -> None:
    """Any beginning of a response gives no usage."""
    text = json.dumps({"message": value, "usage": REAL, "custom": value})
    cut = data.draw(st.integers(0, len(text) - 1))
    assert usage_in(text[:cut], whole=False) is None
