"""Unwraps: takes log events out of what containers, Lambda, Fluent Bit and CloudWatch Logs put around them.

One file for each family of shapes, each pure: a text or a parsed object goes in, what it holds comes out. The
unwrapper joins them; `formats.could_be_wrapped` tells for nearly nothing that a line needs none of this.
"""

from flowemf_processor.core.unwrap.duplicates import EVENT_ID_BYTES, EVENT_IDS, SeenEvents
from flowemf_processor.core.unwrap.formats import AUTO, NAMES, RAW, could_be_wrapped
from flowemf_processor.core.unwrap.unwrapper import Unwrapper

__all__ = ["AUTO", "EVENT_IDS", "EVENT_ID_BYTES", "NAMES", "RAW", "SeenEvents", "Unwrapper", "could_be_wrapped"]
