"""`flowemf check`: says which metric lines CloudWatch would refuse, misread or partly ignore.

Logs go in; findings come out on stdout, one place each with a hint, and a closing line on stderr.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flowemf_processor.cli.options.building import EXIT_FINDINGS, allowance_option, taken
from flowemf_processor.cli.options.reading import (
    InputOptions,
    ReadingOptions,
    chosen_paths,
    input_options,
    paths_argument,
    reading_options,
)
from flowemf_processor.cli.output.placed_ledger import read_summary, rejects_summary
from flowemf_processor.cli.output.progress import ReadingProgress
from flowemf_processor.cli.output.streams import counted, data, json_data, place, printable, say, styled
from flowemf_processor.errors import TryAgainLaterError
from flowemf_schemas.verdicts import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowemf_processor.cli.options.building import Allowance
    from flowemf_processor.cli.output.placed_ledger import PlacedLedger
    from flowemf_processor.model import Position
    from flowemf_processor.pipeline.guards import Guards
    from flowemf_processor.ports import Source
    from flowemf_schemas.rules import Finding

_EPILOG = """
\b
Examples:
  flowemf check app.log logs/
  kubectl logs deploy/chat | flowemf check
  flowemf check --strict --rejects rejects.jsonl app.log
  flowemf check --json app.log | jq -r .reason | sort | uniq -c

Exits with 0 if there is no finding, 1 if there are any (but see --max-invalid), 2 if there is no such PATH, 3 if a
source could not be read to its end.
"""


@click.command(epilog=_EPILOG)
@paths_argument
@input_options
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print each finding as one JSON object a line.")
@allowance_option(default="exit with 1 on any finding, notes included")
def check(paths: tuple[str, ...], as_json: bool, allowance: Allowance | None, **reading: Any) -> int:
    """Say which metric lines CloudWatch would refuse, misread or partly ignore.

    PATH is a file, a directory (every file in it), a pattern, s3://BUCKET/KEY, logs://GROUP?since=1h or - for
    standard input; without any, standard input is read. Compressed logs are decompressed.
    Lines that are no metric lines are counted and otherwise left alone. Nothing is sent, and nothing but the
    file of --rejects is written.
    A finding is printed as file:line: message [reason], with line 0 for a source as a whole.
    """
    from flowemf_processor.cli.output.placed_ledger import PlacedLedger

    inputs = taken(InputOptions, reading)
    wanted = chosen_paths(paths)
    sources = inputs.open(wanted)
    ledger = PlacedLedger()
    with ReadingOptions(**reading).guards(sources, wanted, ledger) as guards:
        try:
            _print_findings(sources, ledger, guards, as_json=as_json)
        except TryAgainLaterError:
            _close(ledger)
            raise
    _close(ledger)
    if ledger.unreadable_sources:
        return TryAgainLaterError.exit_code
    too_many = bool(ledger.reasons) if allowance is None else allowance.is_exceeded(ledger)
    return EXIT_FINDINGS if too_many else 0


def _print_findings(sources: Sequence[Source], ledger: PlacedLedger, guards: Guards, *, as_json: bool) -> None:
    from flowemf_processor import pipeline
    from flowemf_processor.clock import SystemClock

    with ReadingProgress(sources) as progress:
        for position, found in pipeline.check(
            sources, ledger=ledger, clock=SystemClock(), progress=progress.advance, guards=guards
        ):
            progress.make_way()
            if as_json:
                json_data(_as_json(position, found))
            else:
                _show(position, found)


def _close(ledger: PlacedLedger) -> None:
    for line in (_closing_line(ledger), *rejects_summary(ledger)):
        say(line)


def _show(position: Position, found: Finding) -> None:
    kind = "note: " if found.scope is Scope.NOTE else ""
    message = printable(f"{kind}{found.message} [{found.reason}]")
    data(f"{styled(f'{place(position)}:', bold=True)} {message}")
    data(styled(printable(f"    hint: {found.hint}"), dim=True))


def _as_json(position: Position, found: Finding) -> dict[str, object]:
    return {
        "source": position.source,
        "line": position.line,
        "event": position.event,
        "offset_bytes": position.offset_bytes,
        "reason": found.reason,
        "scope": found.scope.value,
        "message": found.message,
        "hint": found.hint,
    }


def _closing_line(ledger: PlacedLedger) -> str:
    read = f"flowemf check: {read_summary(ledger)}"
    if not ledger.reasons:
        return f"{read}; no findings"
    findings = counted(ledger.reasons.total() - ledger.notes, "finding")
    return f"{read}; {findings} in {counted(ledger.invalid_records, 'line')}, {counted(ledger.notes, 'note')}"
