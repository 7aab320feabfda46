"""Makes hostile logs out of good and bad ones.

A choice of mutations goes in; bytes come out that no writer meant. The seeds are the shared vectors: every line with a
verdict, and every shape in which lines reach a processor.
"""

from __future__ import annotations

import bz2
import gzip
import json
import os
import random
import zlib
from collections.abc import Callable

from shape_corpus import corpus
from verdict_vectors import documents, sources, texts

MOST_EXAMPLES = int(os.environ.get("FLOWEMF_FUZZ_EXAMPLES", "40"))
"""How many logs each property is tried with; set the variable for a long hunt."""

_SMALL_BYTES = 20_000  # the vectors that lie at a limit of a megabyte are for other tests
LINES = [each.data for each in (*documents(), *texts()) if len(each.data) < _SMALL_BYTES]
FILES = [each.data for each in (*sources(), *corpus()) if len(each.data) < 4 * _SMALL_BYTES]

_SPLINTERS = [
    b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\xed\xa0\x80",
    b"\\", b'\\"', b'"', b"{", b"}", b"[", b"]", b",", b":", b"null", b"true", b"{}", b"[[]]",
    b"\\ud800", b"\\u0000", b"\\u005faws", b"CloudWatch\\u004detrics", b"[Truncated...]",
    b"NaN", b"-Infinity", b"1e999", b"1e-999", b"-0", b"9" * 5000, b"0." + b"3" * 400,
    b"[" * 600, b'{"a":' * 600, b'"' * 99,
    b'"_aws":{},', b'"_aws":{"CloudWatchMetrics":[]},', b'"CloudWatchMetrics":', b'"Version":0,',
    b'"Timestamp":1,', b'"Timestamp":-1e30,', b'"flowemf_rejects":1,',
    b'"log":', b'"message":', b'"logEvents":[', b'"data":"', b'"line":"', b'"line_base64":"',
    b"2025-10-09T08:53:20.1Z stdout P ", b"2025-10-09T08:53:20.1Z stderr F ",
    b"\x1f\x8b", b"BZh9", b"\x28\xb5\x2f\xfd",
]  # fmt: skip


def lines_of(seed: int, *, count: int = 40) -> bytes:
    """Make a log of mutated lines, some of them whole shapes."""
    chance = random.Random(seed)
    pieces = [mutated(chance.choice(LINES if chance.random() < 0.7 else FILES), chance) for _ in range(count)]
    return b"\n".join(pieces) + (b"\n" if chance.random() < 0.7 else b"")


def file_of(seed: int) -> bytes:
    """Make a mutated file of one shape."""
    chance = random.Random(seed)
    return mutated(chance.choice(FILES), chance)


def compressed_of(seed: int) -> bytes:
    """Make a compressed log: whole, cut off, damaged, several members, or with something behind it."""
    chance = random.Random(seed)
    pack: Callable[[bytes], bytes] = chance.choice([gzip.compress, bz2.compress, zlib.compress])
    packed = pack(lines_of(seed, count=5)) + chance.choice([b"", pack(chance.choice(LINES)), chance.choice(_SPLINTERS)])
    return mutated(packed, chance) if chance.random() < 0.7 else packed


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Mutate a text once or several times, or, sometimes, not at all."""
    for _ in range(chance.choice([0, 1, 1, 1, 2, 4])):
        data = chance.choice(_MUTATIONS)(data, chance)
    return data


def _span(data: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randint(0, len(data))
    return start, min(len(data), start + chance.choice([1, 2, 8, 50, 400]))


def _flip_bit(data: bytes, chance: random.Random) -> bytes:
    if not data:
        return data
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


def _cut_off(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randint(0, len(data))]


def _cut_out(data: bytes, chance: random.Random) -> bytes:
    start, end = _span(data, chance)
    return data[:start] + data[end:]


def _repeat(data: bytes, chance: random.Random) -> bytes:
    start, end = _span(data, chance)
    return data[:end] + data[start:end] * chance.choice([1, 2, 30]) + data[end:]


def _splice(data: bytes, chance: random.Random) -> bytes:
    other = chance.choice(LINES)
    return data[: chance.randint(0, len(data))] + other[chance.randint(0, len(other)) :]


def _splinter(data: bytes, chance: random.Random) -> bytes:
    start, end = _span(data, chance)
    return data[:start] + chance.choice(_SPLINTERS) + data[chance.choice([start, end]) :]


def _duplicate_key(data: bytes, chance: random.Random) -> bytes:
    """Write a member of an object twice, if the text is an object."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return data
    if not isinstance(document, dict) or not document:
        return data
    key = json.dumps(chance.choice(list(document)))
    return b"{" + key.encode() + b":1," + data.lstrip()[1:]


def _replace_value(data: bytes, chance: random.Random) -> bytes:
    """Put something of another type in the place of a member's value."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return data
    if not isinstance(document, dict | list):
        return data
    inside = document
    for _ in range(chance.randint(1, 5)):
        places = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
        if not places:
            break
        place = chance.choice(places)
        if isinstance(inside[place], dict | list) and inside[place] and chance.random() < 0.7:
            inside = inside[place]
            continue
        inside[place] = chance.choice(
            [None, True, "", "x", 0, -1, 1e300, 10**400, [], {}, [[]], [1, "x"], {"Values": [1], "Counts": []}]
        )
        break
    return json.dumps(document).encode()


def _wrap(data: bytes, chance: random.Random) -> bytes:
    """Put a shape around it, or several."""
    text = data.decode(errors="replace")
    return chance.choice(
        [
            lambda: json.dumps({"log": text, "stream": "stdout", "time": "2025-10-09T08:53:20.1Z"}).encode(),
            lambda: json.dumps({"flowemf_rejects": 1, "line": text}).encode(),
            lambda: json.dumps({"events": [{"timestamp": 1, "message": text, "eventId": "1"}]}).encode(),
            lambda: b"2025-10-09T08:53:20.1Z stdout " + chance.choice([b"F ", b"P "]) + data,
            lambda: b"2025-10-09T08:53:20.000Z\t8f507cfc-1c43-4a0b-9d3e-0a6a2d1f5b7c\tINFO\t" + data,
        ]
    )()


_MUTATIONS = [
    _flip_bit,
    _cut_off,
    _cut_out,
    _repeat,
    _splice,
    _splinter,
    _splinter,
    _duplicate_key,
    _replace_value,
    _replace_value,
    _wrap,
]
