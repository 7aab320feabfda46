"""Writes the reference of what `flowemf check` finds, from the table of verdicts.

Nothing goes in; a page comes out with every reason, how much it takes with it, what it means and what to do.
"""

from __future__ import annotations

from flowemf_schemas.verdicts import VERDICTS, Scope, Verdict

_SCOPES = {
    Scope.LINE: ("The whole line", "Nothing of the line is used: the record is rejected."),
    Scope.DIRECTIVE: ("A directive", "The other directives of the record are used."),
    Scope.DIMENSION_SET: ("A dimension set", "The metrics are published under the other sets."),
    Scope.METRIC: ("A metric", "The other metrics of the record are used."),
    Scope.NOTE: ("A note", "Everything is used; the note says what may surprise. `--strict` rejects such lines."),
}
_HEAD = """\
# Findings

What `flowemf check` and `flowemf replay` say of lines: the reason in brackets at the end of each finding, or the member
`reason` of `check --json`. Reasons are never renamed ([compatibility.md](../compatibility.md)). Each takes with it what
CloudWatch is known to lose; [reading.md](../reading.md#what-a-defect-costs) explains how, and
[mistakes.md](../mistakes.md) has a bad line for the frequent ones.
"""


def page() -> str:
    """Give the text of the page."""
    return "\n".join([_HEAD, *(_section(scope) for scope in _SCOPES)])


def _section(scope: Scope) -> str:
    title, consequence = _SCOPES[scope]
    rows = "".join(_row(verdict) for verdict in VERDICTS.values() if verdict.scope is scope)
    return f"## {title}\n\n{consequence}\n\n| reason | what it means | what to do |\n|---|---|---|\n{rows}"


def _row(verdict: Verdict) -> str:
    cells = [f"`{verdict.reason}`", _cell(verdict.meaning), _cell(verdict.remedy)]
    return f"| {' | '.join(cells)} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
