"""Tells work that was stopped from work that failed.

An exception goes in; whether somebody cancelled comes out. Apart from the classifier, since every flow's end asks this
and only a failure needs the rest.
"""

from __future__ import annotations

import sys


def is_cancellation(error: BaseException) -> bool:
    """Tell whether somebody stopped the work, rather than the work failing.

    >>> is_cancellation(GeneratorExit())
    True
    """
    if isinstance(error, GeneratorExit):
        return True
    # A class that can be raised has been imported; asyncio itself costs 50 ms and need not be there.
    for module, name in (
        ("asyncio", "CancelledError"),
        ("trio", "Cancelled"),
        ("concurrent.futures", "CancelledError"),
    ):
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and isinstance(error, kind):
            return True
    return False
