"""What is said of one defect of a document.

A reason code of the table in `verdicts` and a place go in; a finding comes out, in words.
"""

from __future__ import annotations

from dataclasses import dataclass

from flowemf_schemas.verdicts import VERDICTS, Scope


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect of one document.

    Attributes:
        reason: a key of `verdicts.VERDICTS`.
        message: where it is, the offending value, and what is meant by it; one line of text.
        hint: what to do.
        directive: the index of the metric directive concerned, where there is one.
        dimension_set: the index of the dimension set concerned, within its directive.
        metric: the index of the metric definition concerned, within its directive.
        is_strict: whether a note counts as a defect of the whole line.
    """

    reason: str
    message: str
    hint: str
    directive: int | None = None
    dimension_set: int | None = None
    metric: int | None = None
    is_strict: bool = False

    @property
    def scope(self) -> Scope:
        """How much of the line this takes with it."""
        scope = VERDICTS[self.reason].scope
        return Scope.LINE if self.is_strict and scope is Scope.NOTE else scope


def finding(
    reason: str,
    where: str,
    *,
    hint: str = "",
    directive: int | None = None,
    dimension_set: int | None = None,
    metric: int | None = None,
) -> Finding:
    """Build a finding whose words come from the table of verdicts.

    Args:
        reason: a key of `verdicts.VERDICTS`.
        where: the place and the offending value, as the beginning of a sentence.
        hint: a better remedy than the table's, if there is one.
        directive: the index of the metric directive concerned, where there is one.
        dimension_set: the index of the dimension set concerned.
        metric: the index of the metric definition concerned.

    Returns:
        The finding.
    """
    verdict = VERDICTS[reason]
    message = f"{where}: {verdict.meaning}" if where else verdict.meaning
    return Finding(reason, message, hint or verdict.remedy, directive, dimension_set, metric)
