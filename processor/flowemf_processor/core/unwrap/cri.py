"""The lines that containerd and CRI-O write: time, stream, tag and content, separated by spaces.

Bytes go in; the log event or the part comes out. The tag is `P` for a part and `F` for the last one; a part may end
inside a character
(https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md).
"""

from __future__ import annotations

import re

from flowemf_processor.core.unwrap.pieces import ISO_SECONDS, Opened, Part, Piece, iso_milliseconds
from flowemf_processor.model import Origin

_LINE = re.compile(
    rb"(%s(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([PF])(?::[^ ]*)?(?: (.*))?" % ISO_SECONDS, re.DOTALL
)


def of_text(data: bytes) -> Opened | None:
    """Open a line; None where it has another shape."""
    found = _LINE.fullmatch(data)
    if found is None:
        return None
    part = Part(("cri", found[2].decode()), is_last=found[3] == b"F")
    origin = Origin(iso_milliseconds(found[1].decode()))
    return Opened((Piece(found[4] or b"", origin, part, ends_with_line=True),))
