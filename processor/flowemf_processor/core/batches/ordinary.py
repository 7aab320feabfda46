"""Tells lines that are certainly ordinary log, many at once.

Lines without `_aws` go in; the places of those that need a closer look come out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowemf_processor.core.blocks import OBJECTS_HINT
from flowemf_processor.core.document import may_be_metric
from flowemf_processor.core.unwrap.formats import any_could_be_wrapped, could_be_wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

_SEVERAL_OBJECTS = re.compile(re.escape(OBJECTS_HINT))  # a pattern finds them in half the time that `in` takes
_BACKSLASH = b"\\"  # one byte is looked for several times as fast as four
_ESCAPE = b"\\u00"  # behind it the name of a member may hide


def needs_a_look(lines: Sequence[bytes], places: Sequence[int]) -> set[int]:
    """Find lines that may be metric lines though they do not say so plainly, wrap some, or are several objects.

    Args:
        lines: those of a block, without their endings.
        places: which of them are asked about.

    Returns:
        The places of the lines that have to be read one by one.
    """
    asked = [lines[place] for place in places]
    text = b"\n".join(asked)
    is_escaped = _BACKSLASH in text and _ESCAPE in text
    if not is_escaped and not any_could_be_wrapped(asked, text) and _SEVERAL_OBJECTS.search(text) is None:
        return set()
    return {place for place in places if _needs_a_look(lines[place].removesuffix(b"\r"))}


def _needs_a_look(line: bytes) -> bool:
    return may_be_metric(line) or could_be_wrapped(line) or OBJECTS_HINT in line
