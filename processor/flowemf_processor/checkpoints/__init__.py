"""Remembers, in an SQLite file, how far sources have been delivered and which batches are on their way.

Marks and planned batches go in, in one transaction; what is unfinished comes out at the next start, and what a file
holds can be looked at and forgotten.
"""

from flowemf_processor.checkpoints.contents import (
    Contents,
    DestinationContents,
    RememberedSource,
    contents,
    forget,
    found,
)
from flowemf_processor.checkpoints.file import APPLICATION_ID, FORMAT_VERSION, default_path
from flowemf_processor.checkpoints.store import Checkpoints

__all__ = [
    "APPLICATION_ID",
    "FORMAT_VERSION",
    "Checkpoints",
    "Contents",
    "DestinationContents",
    "RememberedSource",
    "contents",
    "default_path",
    "forget",
    "found",
]
