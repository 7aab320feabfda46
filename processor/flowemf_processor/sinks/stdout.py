"""Standard output, for the next program in a pipe.

Metric lines go in; they leave at once, each ended by a line feed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flowemf_processor.errors import TryAgainLaterError

if TYPE_CHECKING:
    from collections.abc import Sequence


class StandardOutput:
    """Writes lines to standard output."""

    name = "stdout"

    def write(self, lines: Sequence[bytes]) -> None:
        """Write lines, and leave nothing in a buffer: who follows a log wants to see them now.

        Raises:
            BrokenPipeError: the reader went away.
            TryAgainLaterError: it cannot be written for another reason, such as a full disk.
        """
        if sys.stdout is None:  # started with stdout closed: the reader went away before the first line
            raise BrokenPipeError
        if not lines:
            return
        try:
            sys.stdout.buffer.write(b"\n".join(lines) + b"\n")
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise TryAgainLaterError(
                f"standard output cannot be written: {error.strerror}; make room and run the command again"
            ) from error
