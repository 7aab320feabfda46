"""`flowemf report`: shows how the flows and models of an application are doing.

Logs or a store go in; a page of HTML comes out in one file, or the essentials on the terminal.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowemf_processor import __version__
from flowemf_processor.cli.options.metrics_input import DEFAULT_DATABASE, metrics_options, taken_metrics_input
from flowemf_processor.cli.output.placed_ledger import read_summary
from flowemf_processor.cli.output.streams import printable, say, sized
from flowemf_processor.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowemf_processor.cli.options.metrics_input import Metrics, MetricsInput
    from flowemf_processor.core.insight.figures import Figures

_TITLE = "Flows and generations"
_EPILOG = """
\b
Examples:
  flowemf report app.log
  flowemf report app.log -o report.html
  flowemf report --database metrics.duckdb --since 7d -o week.html
  flowemf report 'logs:///aws/ecs/chat?since=1h' -o hour.html --title Chat

The page needs no network and no server: send it, print it, keep it. It lets its reader choose flows, models and values
of custom dimensions.

Exits with 0 if it was made, 2 if an option is wrong or there is no such PATH, 3 if a source could not be read to its
end, so that the report lacks something.
"""


@click.command(epilog=_EPILOG)
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=str)
@click.option("-o", "--output", metavar="FILE", help="Write a page of HTML here; without it, the essentials are shown.")
@click.option("--title", metavar="TEXT", default=_TITLE, help=f"The heading. Default: {_TITLE}.")
@metrics_options
def report(paths: tuple[str, ...], output: str | None, title: str, **options: Any) -> int:
    """Show how flows and models are doing, from logs or from a local store.

    Success and errors, durations, tokens and costs, over time and one by one. PATH is a file, a directory (every file
    in it), a pattern, s3://BUCKET/KEY, logs://GROUP?since=1h or - for standard input; without any, the local store is
    shown. Nothing but the files of -o and --rejects is written.
    """
    chosen = taken_metrics_input(options)
    if output is not None:
        _refuse_to_replace_what_is_read(output, (*paths, chosen.database or DEFAULT_DATABASE))
    with chosen.open(paths, "report") as opened:
        origin = (*_sources(paths, chosen), *_conditions(chosen))
        if output is None:
            _show(opened, title, origin)
        else:
            _write(opened, title, origin, Path(output))
    return opened.exit_code


def _show(opened: Metrics, title: str, origin: Sequence[str]) -> None:
    from flowemf_processor.cli.report_terminal import PERIODS, print_report
    from flowemf_processor.core.insight.figures import gather

    figures = gather(opened.reader, most_periods=PERIODS)
    print_report(figures, (title, ", ".join(origin), *_span(figures)))
    _warn_of_nothing(figures)


def _write(opened: Metrics, title: str, origin: Sequence[str], file: Path) -> None:
    from flowemf_processor.cli.output.streams import written_whole
    from flowemf_processor.core.insight.figures import gather
    from flowemf_processor.report.page import Provenance, page

    figures = gather(opened.reader)
    account = read_summary(opened.ledger) if opened.ledger is not None else ""
    text = page(figures, Provenance(title, origin, account, SystemClock().now_ms(), __version__))
    with written_whole(file) as new:
        new.write_text(text, encoding="utf-8")
    say(f"flowemf report: wrote {printable(str(file))} ({sized(len(text.encode()))})")
    _warn_of_nothing(figures)


def _sources(paths: Sequence[str], chosen: MetricsInput) -> tuple[str, ...]:
    return tuple(paths) or (chosen.database or DEFAULT_DATABASE,)


def _conditions(chosen: MetricsInput) -> Iterator[str]:
    """Say what was left out because the user wanted so: a page is read by others, and later."""
    for name, value in (("since", chosen.since), ("until", chosen.until)):
        if value is not None:
            yield f"{name} {value}"
    yield from (f"namespace {each}" for each in chosen.reading.namespace)
    yield from (f"{key} = {value}" for key, value in chosen.where)


def _span(figures: Figures) -> Iterator[str]:
    from flowemf_processor.core.insight.axes import length, span

    axis = figures.axis
    if axis is not None:
        covered = span(axis.start_ms, axis.step_ms, axis.count)
        yield f"{covered}; one character of a curve is {length(axis.step_ms)}"


def _warn_of_nothing(figures: Figures) -> None:
    if figures.axis is None and not figures.others:
        say(
            "flowemf report: there are no metrics in it; flowemf check says what is wrong with lines meant to hold some"
        )


def _refuse_to_replace_what_is_read(output: str, read: Sequence[str]) -> None:
    target = Path(output)
    for path in read:
        if "://" not in path and target.exists() and Path(path).exists() and target.samefile(path):
            raise click.UsageError(f"-o {output} is what the report is made of; name another file.")
