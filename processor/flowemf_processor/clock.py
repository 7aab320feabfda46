"""The machine's clock, as the port `Clock` asks for it."""

from __future__ import annotations

import time


class SystemClock:
    """Tells the real time."""

    def now_ms(self) -> int:
        """Give the time in milliseconds since the epoch."""
        return time.time_ns() // 1_000_000
