"""The shortest way of a generation that succeeded, from the second one of a model on.

What was measured goes in, by metric; the line goes out as the general way would write it. That has to look up and to
check what is the same every time.
"""

from __future__ import annotations

from flowemf._encoding.text import json_string, member_text
from flowemf._encoding.values import LEAST, MOST
from flowemf_schemas import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowemf._encoding.shapes import Shape
    from flowemf._events.shortcut import ShortcutOfMany
    from flowemf._events.writer import Writer
    from flowemf._redaction.redactor import Redactor

# These caches are emptied when they are full: a program that keeps inventing names stays within its memory.
_MOST_WAYS = 1024
_MOST_WHOLE = 2**53
_MOST_MODELS = 512
_MODEL_CHARACTERS = 1024


class ShortGenerations:
    """The short ways of one monitor, by model and by what was measured.

    Args:
        writer: the monitor's way to the sink.
        redactor: what cleans its texts.
    """

    __slots__ = ("_redactor", "_resolved", "_ways", "_writer")

    def __init__(self, writer: Writer, redactor: Redactor) -> None:
        self._writer = writer
        self._redactor = redactor
        self._ways: dict[tuple[object, ...], ShortcutOfMany] = {}
        self._resolved: dict[str, str] = {}

    def write(self, model_id: object, measured: Mapping[str, object], resolved_model_id: object, own: str) -> bool:
        """Write a generation that succeeded.

        Returns:
            Whether it was written; False where the general way has to look at it.
        """
        if type(model_id) is not str:
            return False
        known: list[str] = [model_id]
        values: list[int | float] = []
        for metric, value in measured.items():
            # One pass, and whole numbers held against whole numbers: 1 us of the 7 that such a line takes.
            if type(value) is int:
                if not 0 <= value <= _MOST_WHOLE:
                    return False
            elif type(value) is float:
                if not LEAST <= value <= MOST:
                    return False
            elif value is None:
                continue
            else:
                return False
            known.append(metric)
            values.append(value)
        way = self._ways.get(tuple(known))
        if way is None:
            return False
        way(values, own + self.resolved(resolved_model_id))
        return True

    def learn(self, shape: Shape, dimensions: tuple[str, ...], measured: Mapping[str, object]) -> None:
        """Find the short way for more generations like one that was written, where there is one.

        Args:
            shape: the kind of its line.
            dimensions: the model, as it was given where it was a text.
            measured: metric -> value, as it was given.
        """
        known = [metric for metric, value in measured.items() if value is not None]
        # Without a duration, something has to be counted each time.
        if shape.metrics == (names.GENERATION_COUNT, *known) and names.GENERATION_DURATION in known:
            found = self._writer.shortcut_of_many(shape, dimensions)
            if found is not None:
                if len(self._ways) >= _MOST_WAYS:
                    self._ways.clear()
                kind = (*dimensions, *known)
                self._ways[kind] = found

    def resolved(self, model_id: object) -> str:
        """Encode the model that answered; there are few, and cleaning a text takes longer than finding it."""
        if not (isinstance(model_id, str) and model_id):
            return ""
        known = self._resolved.get(model_id)
        if known is None:
            if len(self._resolved) >= _MOST_MODELS:
                self._resolved.clear()
            text = self._redactor.clean(model_id, _MODEL_CHARACTERS)
            known = self._resolved[model_id] = member_text(names.RESOLVED_MODEL_ID, json_string(text))
        return known
