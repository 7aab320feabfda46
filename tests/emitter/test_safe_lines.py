"""Whole lines, whatever the application passes: no secret is in them, and none of them is anything but one line."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from made_secrets import SHAPES, core, made

from flowemf import Monitor

ROOT = Path(__file__).parent.parent.parent
Write = Callable[[Monitor, str], None]


def in_structlogs_context(monitor: Monitor, text: str) -> None:
    with structlog.contextvars.bound_contextvars(note=text, **{f"n {text}"[:255]: 1}):
        monitor.on_flow_start("chat")


def bound(monitor: Monitor, **properties: Any) -> None:
    monitor.bind(**properties)
    monitor.on_flow_start("chat")


class Described:
    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


def of_a_class_called(name: str) -> ValueError:
    kind = type("Error", (ValueError,), {})
    with contextlib.suppress(ValueError, UnicodeEncodeError):  # as far as Python takes it
        kind.__name__ = name
    return kind()


# Every place of a line, or of what is said about it, into which an application can put a text.
PLACES: dict[str, Write] = {
    "flow name": lambda monitor, text: monitor.on_flow_start(text),
    "flow name of an end": lambda monitor, text: monitor.on_flow_end(text, 1),
    "model": lambda monitor, text: monitor.on_generate(text, duration_ms=1),
    "resolved model": lambda monitor, text: monitor.on_generate("nova", duration_ms=1, resolved_model_id=text),
    "error text": lambda monitor, text: monitor.on_flow_error("chat", 1, text),
    "exception": lambda monitor, text: monitor.on_flow_error("chat", 1, ValueError(text)),
    "exception of two parts": lambda monitor, text: monitor.on_flow_error("chat", 1, ValueError("because", text)),
    "error of a generation": lambda monitor, text: monitor.on_generate("nova", duration_ms=1, error=RuntimeError(text)),
    "class name": lambda monitor, text: monitor.on_flow_error("chat", 1, of_a_class_called(text)),
    "property": lambda monitor, text: bound(monitor, note=text),
    "name of a property": lambda monitor, text: bound(monitor, **{text: 1}),
    "nested property": lambda monitor, text: bound(monitor, note={"a": [text, {"b": (text,)}]}),
    "nested name": lambda monitor, text: bound(monitor, note={text: [{text: 1}]}),
    "object as text": lambda monitor, text: bound(monitor, note=Described(text)),
    "object as name": lambda monitor, text: bound(monitor, note={Described(text): Described(text)}),
    "structlog": in_structlogs_context,
    "metric": lambda monitor, text: monitor.metric(text, 1),
    "dimension": lambda monitor, text: monitor.metric("Hits", 1, "Count", {"Kind": text}),
    "dimension key": lambda monitor, text: monitor.metric("Hits", 1, "Count", {text: "x"}),
    "unit": lambda monitor, text: monitor.metric("Hits", 1, text),
    "namespace": lambda monitor, text: monitor.metric("Hits", 1, namespace=text),
    "dimensions that are none": lambda monitor, text: monitor.metric("Hits", 1, "Count", [text]),  # type: ignore[arg-type]
}


@settings(max_examples=400)
@given(
    place=st.sampled_from(sorted(PLACES)),
    shape=st.sampled_from(sorted(SHAPES)),
    seed=st.integers(0, 300),
    before=st.sampled_from(["", "calling with ", "key=", "\n", "caf\u00e9 ", '{"a":"', "x" * 900 + " "]),
    after=st.sampled_from(["", " failed", "\n", '"}', "\u2028", " " + "y" * 2000]),
)
def test_no_secret_is_in_any_place_of_a_line(
    captured_class: Any, place: str, shape: str, seed: int, before: str, after: str
) -> None:
    """Nor in what is said on standard error, nor in the counts; as it stands, decoded, or percent-decoded."""
    captured, said = captured_class(), Said()
    monitor = Monitor("App/Test", sink=captured)
    secret = made(shape, seed)
    with said:
        PLACES[place](monitor, f"{before}{secret}{after}")
        monitor.unbind()
    assert "internal_error" not in monitor.stats()
    assert monitor.stats().get("dimensions_not_a_mapping", 0) == (place == "dimensions that are none")
    texts = [line.decode() for line in captured.lines] + [str(monitor.stats()), said.text]
    texts += [json.dumps(document, ensure_ascii=False) for document in captured.documents]
    written = "\n".join(texts + [urllib.parse.unquote(text) for text in texts])
    for part in {core(shape, secret), core(shape, secret)[-12:]}:
        assert part not in written
        assert json.dumps(part)[1:-1] not in written


class Said:
    """What is written to standard error meanwhile; hypothesis and capsys do not go together."""

    text = ""

    def __enter__(self) -> None:
        self.before, sys.stderr = sys.stderr, self

    def __exit__(self, *details: object) -> None:
        sys.stderr = self.before

    def write(self, text: str) -> None:
        self.text += text


FORGED = st.lists(
    st.sampled_from(
        [
            *(
                "\n",
                "\r",
                "\r\n",
                "\x0b",
                "\x0c",
                "\x1c",
                "\x1d",
                "\x1e",
                "\x85",
                "\u2028",
                "\u2029",
                "\0",
                "\b",
                "\x7f",
            ),
            *(
                "\x1b[31m",
                "\x1b]0;title\x07",
                "\x9b31m",
                "\x1b",
                "\u202e",
                "\u2066",
                "\ud800",
                "\udfff",
                '"',
                "\\",
                "%",
                "%0A",
            ),
            *('{"_aws":{"Timestamp":1,"CloudWatchMetrics":[]}}', "ERROR", " ", "x", "\u00e9", "\U0001f600", "}", ","),
        ]
    ),
    min_size=1,
    max_size=8,
).map("".join)
CONTROL = {*map(chr, range(32)), *map(chr, range(127, 160)), "\u2028", "\u2029", "\u202e", "\u2066"}


def texts_in(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in texts_in(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts_in(each)]
    return [value] if isinstance(value, str) else []


@settings(max_examples=400)
@given(place=st.sampled_from(sorted(PLACES)), text=FORGED)
def test_no_text_begins_a_second_line_or_reaches_a_terminal(captured_class: Any, place: str, text: str) -> None:
    """Printable ASCII on the wire, and no control character in what a reader decodes from it: log forging, CWE-117."""
    captured, said = captured_class(), Said()
    monitor = Monitor("App/Test", sink=captured)
    with said:
        PLACES[place](monitor, text)
        monitor.unbind()
    for line in captured.lines:
        assert line.endswith(b"}\n")
        assert line[:-1].decode("ascii").isprintable()
        assert len(line.splitlines()) == 1
    assert not any(CONTROL.intersection(each) for each in texts_in(captured.documents))
    assert all(each.isprintable() for each in said.text.splitlines())
    assert all(each.startswith("flowemf: ") for each in said.text.split("\n") if each)


def test_the_halves_of_a_secret_do_not_come_together(monitor: Monitor, captured: Any) -> None:
    """A dimension loses its control characters, and what was apart before is one word then."""
    for control in ("\0", "\n", "\x1b", "\u2028", "\x85"):
        secret = made("AWS access key", 1)
        monitor.metric("Hits", 1, "Count", {"Kind": f"{secret[:9]}{control}{secret[9:]}"})
        assert captured.last["Kind"] == "[redacted:aws-access-key]"


def test_a_terminal_is_not_coloured_by_a_readers_decoding(monitor: Monitor, captured: Any) -> None:
    """`jq -r .error_message` prints what is decoded; the escape is a space then."""
    monitor.on_flow_error("\x1b[2Jchat", 1, ValueError("\x1b[31mred\x1b[0m\x07"))
    assert captured.last["FlowName"] == "[2Jchat"
    assert captured.last["error_message"] == "ValueError:  [31mred [0m "


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_a_real_terminal_shows_one_line_for_each_event() -> None:
    """Two events with everything that moves a cursor in them, written to a terminal."""
    program = (
        "import flowemf\n"
        "monitor = flowemf.Monitor('App')\n"
        "monitor.bind(note='a\\r\\x1b[1A\\x1b[2Kb\\u2028c')\n"
        "monitor.on_flow_start('chat\\n{\"_aws\":1}')\n"
        "monitor.on_flow_error('chat', 1, ValueError('x\\n\\x1b[31my'))\n"
    )
    ours, theirs = pty.openpty()
    path = os.pathsep.join(str(ROOT / part) for part in ("emitter", "schemas"))
    subprocess.run(
        [sys.executable, "-c", program],
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path},
        check=True,
        timeout=60,
    )
    os.close(theirs)
    shown = b""
    while shown.count(b"\n") < 2:
        shown += os.read(ours, 65536)
    os.close(ours)
    lines = shown.decode("ascii").replace("\r\n", "\n").splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["flow.start", "flow.end"]
    assert all(line.isprintable() for line in lines)
