"""Bounds the number of series: beyond it a new dimension value becomes `_other`.

The dimension values of a call go in; the same ones come out, or `_other` in place of those that would be too many.

CloudWatch bills each combination of dimension values as a metric of its own
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Dimension): a flow that is
named after its user, or a dimension that holds an order, would cost more than the program it measures.
"""

from __future__ import annotations

from flowemf._process_lock import ProcessLock
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Pairs = tuple[tuple[str, str], ...]

OTHER = "_other"

# Combinations of several values may not take the last tenth of the room: it is for what remains of further ones when
# their new values are replaced. Of too many tenants on a few routes, the routes stay apart.
_KEPT_FREE = 10

# One for the process: it is taken only where a combination is new.
_lock = ProcessLock()


class Series:
    """The combinations of dimension values that one monitor has let through.

    What counts is what calls bring: the name of a flow, the model of a generation, the dimensions of a call to
    `metric` or `fields` together, whichever metrics they come with. Custom dimensions, statuses and the error types
    that everybody knows are the same few for all, and count for nothing.

    Args:
        most: how many there may be.
    """

    __slots__ = ("_known", "_most", "_most_combined", "_values")

    def __init__(self, most: int) -> None:
        self._most = most
        self._most_combined = most - most // _KEPT_FREE
        self._known: set[Pairs] = set()
        self._values: set[tuple[str, str]] = set()

    def admit(self, keys: Sequence[str], values: tuple[str, ...]) -> tuple[str, ...]:
        """Give the values under which an event is written.

        >>> one = Series(1)
        >>> [one.admit(["FlowName"], (name,)) for name in ("chat", "search", "chat")]
        [('chat',), ('_other',), ('chat',)]

        Args:
            keys: the dimension keys.
            values: their values, as they would be written.
        """
        counted = _counted(keys, values)
        if self._lets_in(counted, self._most if len(counted) < 2 else self._most_combined):
            self._values.update(counted)
            return values
        for other in self._replaced(keys, values):
            if self._lets_in(_counted(keys, other), self._most):
                return other
        return tuple([value if _is_fixed(key, value) else OTHER for key, value in zip(keys, values, strict=True)])

    def _lets_in(self, counted: Pairs, most: int) -> bool:
        if not counted or counted in self._known:
            return True
        with _lock:
            if len(self._known) < most:
                self._known.add(counted)
                if len(self._known) <= most:
                    return True
                self._known.discard(counted)  # a signal handler came in between, and took the last place
        return False

    def _replaced(self, keys: Sequence[str], values: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """Give what may stand instead: without the values that are new, and with the first one alone."""
        pairs = list(zip(keys, values, strict=True))
        without_new = tuple([pair[1] if _is_fixed(*pair) or pair in self._values else OTHER for pair in pairs])
        if without_new != values:
            yield without_new
        yield tuple([pair[1] if pair == pairs[0] or _is_fixed(*pair) else OTHER for pair in pairs])


def _counted(keys: Sequence[str], values: tuple[str, ...]) -> Pairs:
    return tuple((key, value) for key, value in zip(keys, values, strict=True) if not _is_fixed(key, value))


def _is_fixed(key: str, value: str) -> bool:
    return value == OTHER or key == names.STATUS or (key == names.ERROR_TYPE and value in names.ERROR_TYPES)
