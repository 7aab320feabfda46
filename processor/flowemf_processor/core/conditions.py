"""What the user demands of a metric line beyond what CloudWatch does: strictness, namespaces that may be read.

A document goes in; the findings of the shared rules come out, with those of these conditions among them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flowemf_schemas import names
from flowemf_schemas.rules import bounded, examine, examine_metadata, finding, metadata_of, shown
from flowemf_schemas.verdicts import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowemf_schemas.rules import Finding

ANY_ENDING = "*"


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is demanded of a line, the same for whichever road reads it.

    >>> Conditions(namespaces=("Shop/*",)).allows("Shop/Orders"), Conditions(namespaces=("Shop",)).allows("Shop/Orders")
    (True, False)

    Attributes:
        strict: whether a note rejects the line.
        namespaces: those that may be read, each exact or, with a trailing `*`, the beginning of any; empty for all.
    """

    strict: bool = False
    namespaces: tuple[str, ...] = ()

    def allows(self, namespace: str) -> bool:
        """Tell whether the directives of a namespace may be read."""
        return not self.namespaces or any(
            namespace.startswith(each[:-1]) if each.endswith(ANY_ENDING) else namespace == each
            for each in self.namespaces
        )

    def judge(self, document: Any, *, size_bytes: int = 0, also: Sequence[Finding] = ()) -> list[Finding]:
        """List everything that is wrong with a document.

        Args:
            document: what JSON gave: any type.
            size_bytes: the length of the line, where it is known.
            also: what was found in the text already.

        Returns:
            The findings, as `flowemf_schemas.rules.examine` gives them.
        """
        return self._extended([*examine(document, size_bytes=size_bytes), *also], document)

    def judge_metadata(self, document: Any) -> list[Finding]:
        """List what is wrong with the metadata alone, which whoever reads many lines of one directive asks once.

        Args:
            document: a document, of which `_aws` (or, in version 0, the metadata at the root) is all that counts.

        Returns:
            The findings; where there are none, only the targets of a line can be at fault.
        """
        return self._extended(examine_metadata(document), document)

    def _extended(self, found: list[Finding], document: Any) -> list[Finding]:
        if self.namespaces and not any(each.scope is Scope.LINE for each in found):
            found = [*found, *bounded(self._foreign(document))]
        if self.strict:
            found = [replace(each, is_strict=True) if each.scope is Scope.NOTE else each for each in found]
        return found

    def _foreign(self, document: Any) -> Iterator[Finding]:
        for index, directive in enumerate(metadata_of(document)[names.CLOUDWATCH_METRICS]):
            namespace = directive[names.NAMESPACE]
            if not self.allows(namespace):
                yield finding("namespace-not-allowed", f"namespace {shown(namespace)}", directive=index)


NO_CONDITIONS = Conditions()
"""What CloudWatch demands, and nothing beyond it."""
