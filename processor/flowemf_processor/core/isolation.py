"""Finds the datum for which a whole request was refused.

A refused batch and the datums that the service names go in; smaller batches come out that are to be sent in its place.
One bad datum fails the 999 good ones beside it
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Raw
from msgspec.json import Decoder, encode

from flowemf_processor.model import Batch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_MEMBERS = Decoder(dict[str, Raw])
_DATUMS = Decoder(list[Raw])
_MEMBERS_DIVIDED = ("MetricData", "logEvents")


def divided(batch: Batch, culprits: Collection[int]) -> list[Batch]:
    """Cut a refused batch in two.

    Args:
        batch: one of at least two datums.
        culprits: the indexes of those that the service names; empty where it names none.

    Returns:
        What is probably good and what is probably bad; halves where nothing is known. Their datums are those of the
        batch, byte by byte.
    """
    everything = range(len(batch.parts))
    suspects = set(culprits) if 0 < len(set(culprits)) < len(batch.parts) else set(everything[: len(everything) // 2])
    good = [index for index in everything if index not in suspects]
    return [_of(batch, good), _of(batch, sorted(suspects))]


def _of(batch: Batch, indexes: Iterable[int]) -> Batch:
    members = _MEMBERS.decode(batch.body)
    member = next(each for each in _MEMBERS_DIVIDED if each in members)
    datums = _DATUMS.decode(members[member])
    chosen = list(indexes)
    body = encode({**members, member: [datums[index] for index in chosen]})
    return Batch(body, tuple(batch.parts[index] for index in chosen))
