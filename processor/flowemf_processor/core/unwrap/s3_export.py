"""What CloudWatch Logs exports to S3: each line is a time, a space and the message.

Bytes go in; the log event comes out (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3Export.html).
"""

from __future__ import annotations

import re

from flowemf_processor.core.unwrap.pieces import ISO_SECONDS, Opened, Piece, iso_milliseconds
from flowemf_processor.model import Origin

_LINE = re.compile(rb"(%s\.\d{3}Z) (.*)" % ISO_SECONDS, re.DOTALL)


def of_text(data: bytes) -> Opened | None:
    """Open a line; None where it has another shape."""
    found = _LINE.fullmatch(data)
    if found is None:
        return None
    origin = Origin(iso_milliseconds(found[1].decode()), from_log_group=True)
    return Opened((Piece(found[2], origin, ends_with_line=True),))
