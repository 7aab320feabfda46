"""Cutting a refused request so that one bad datum does not take the good ones with it."""

from __future__ import annotations

import json

import pytest

from flowemf_processor.core.metric_batches import divided
from flowemf_processor.model import Batch


def batch_of(datums: int) -> Batch:
    """Make a request whose datums can be told apart, and carry 1, 2, 3, ... datapoints."""
    data = [{"MetricName": f"m{number}", "Values": [1e-07, 2.5]} for number in range(datums)]
    return Batch(json.dumps({"Namespace": "N", "MetricData": data}).encode(), tuple(range(1, datums + 1)))


def names(batch: Batch) -> list[str]:
    """List its datums."""
    return [datum["MetricName"] for datum in batch.request["MetricData"]]


@pytest.mark.parametrize(
    ("culprits", "good", "bad"),
    [
        ((1,), ["m0", "m2", "m3"], ["m1"]),
        ((0, 3), ["m1", "m2"], ["m0", "m3"]),
        ((), ["m2", "m3"], ["m0", "m1"]),
        ((0, 1, 2, 3), ["m2", "m3"], ["m0", "m1"]),
    ],
    ids=["one is named", "two are named", "none is named", "all are named"],
)
def test_what_is_named_is_parted_from_the_rest(culprits: tuple[int, ...], good: list[str], bad: list[str]) -> None:
    """Where nothing is known, or everything accused, halves are tried."""
    pieces = divided(batch_of(4), culprits)
    assert [names(piece) for piece in pieces] == [good, bad]
    assert [piece.parts for piece in pieces] == [tuple(int(name[1:]) + 1 for name in piece) for piece in (good, bad)]
    assert all(piece.request["Namespace"] == "N" for piece in pieces)


def test_a_datum_stays_the_same_byte_by_byte() -> None:
    """It is not written anew, so no number can change."""
    assert all(
        b'{"MetricName": "m0", "Values": [1e-07, 2.5]}' in piece.body for piece in divided(batch_of(2), (1,))[:1]
    )
