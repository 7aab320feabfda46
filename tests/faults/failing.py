"""How a CloudWatch fails: one answer for each way, and what lets some requests meet it.

Requests go in; answers that are told to fail come out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from cloudwatch_server import Answer


@dataclass(frozen=True)
class Fault:
    """How a request fails.

    Attributes:
        answer: what the server does.
        may_be_kept: whether the request may count all the same, which nobody tells us.
        is_mended_by_hand: whether trying again is of no use before somebody mends something.
    """

    answer: Callable[[], Answer]
    may_be_kept: bool = False
    is_mended_by_hand: bool = False


FAULTS = {
    "throttled": Fault(lambda: Answer(400, "Throttling")),
    "throttled, 429": Fault(lambda: Answer(429, "TooManyRequestsException")),
    "expired credentials": Fault(lambda: Answer(400, "ExpiredToken"), is_mended_by_hand=True),
    "access denied": Fault(lambda: Answer(403, "AccessDenied"), is_mended_by_hand=True),
    "500": Fault(lambda: Answer(500, "InternalFailure"), may_be_kept=True),
    "503": Fault(lambda: Answer(503, "ServiceUnavailable"), may_be_kept=True),
    "503 of a proxy": Fault(lambda: Answer(503, body=b"<html>no</html>"), may_be_kept=True),
    "200, a proxy's page": Fault(lambda: Answer(200, body=b"<html>", content_type="text/html"), may_be_kept=True),
    "hangs up": Fault(lambda: Answer(0), may_be_kept=True),
    "hangs up in its answer": Fault(lambda: Answer(500, "InternalFailure", missing_bytes=9), may_be_kept=True),
    "hangs": Fault(lambda: Answer(after_seconds=0.7), may_be_kept=True),
}
SLOW = Fault(lambda: Answer(after_seconds=0.05))


class Failing:
    """Lets some of the first requests fail.

    Args:
        fault: how.
        dice: decides which, and whether one is kept that may be.
        most: how many fail before all is well.
    """

    def __init__(self, fault: Fault, dice: Random, most: int) -> None:
        self._fault = fault
        self._dice = dice
        self._most = most
        self.failed = 0

    def __call__(self, _: dict[str, Any]) -> Answer:
        if self.failed == self._most or self._dice.random() < 0.5:
            return Answer()
        self.failed += 1
        answer = self._fault.answer()
        answer.keeps = self._fault.may_be_kept and self._dice.random() < 0.5
        return answer
