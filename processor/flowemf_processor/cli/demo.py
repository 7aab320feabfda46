"""`flowemf demo`: the whole way of a metric on this machine, without an account and without a network.

A number of events and a seed go in; a sample application's log, a local store made of it and two tables come out.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowemf_processor.cli.output.placed_ledger import PlacedLedger, read_summary
from flowemf_processor.cli.output.streams import counted, printable, say
from flowemf_processor.errors import ConfigurationError, ProcessorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf_processor.core.insight.figures import Figures

_LOG, _DATABASE = "app.log", "demo.duckdb"
_EPILOG = """
\b
Examples:
  flowemf demo
  flowemf demo --events 20000 --seed 7 --directory /tmp/demo
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--events", metavar="N", type=click.IntRange(1), default=2000, show_default=True, help="How many metric lines."
)
@click.option(
    "--seed", metavar="S", type=int, default=1, show_default=True, help="A seed; the same one gives the same tables."
)
@click.option(
    "--directory",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("flowemf-demo"),
    show_default=True,
    help=f"Where {_LOG} and {_DATABASE} go; those of an earlier run are replaced.",
)
def demo(events: int, seed: int, directory: Path) -> int:
    """Run a sample application and show what its log lines tell.

    A small assistant with simulated models runs as a process of its own. It is measured with flowemf and writes its
    log, metric lines among ordinary ones, into a file. That file is replayed into a local store, and the store is asked
    for the tables. No AWS account and no network are needed; it takes a few seconds.
    """
    log, database = _fresh_files(directory)
    _run_application(events, seed, log)
    _print_tables(_replay_and_ask(log, database))
    for line in _what_next(log):
        say(line)
    return 0


def _fresh_files(directory: Path) -> tuple[Path, Path]:
    """Make the directory, and remove what an earlier run left: these files and nothing else."""
    log, database = directory / _LOG, directory / _DATABASE
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for file in (log, database, database.with_name(f"{_DATABASE}.wal")):
            file.unlink(missing_ok=True)
        log.touch()  # a directory that takes no files is found here, before anything runs
    except OSError as error:
        raise ConfigurationError(
            f"{directory}: the demo's files cannot be made there ({error.strerror}); choose another --directory"
        ) from error
    return log, database


def _run_application(events: int, seed: int, log: Path) -> None:
    command = [sys.executable, "-m", "flowemf.demo", "--events", str(events), "--seed", str(seed)]
    # The application's settings come from the demo alone, and its modules not from the directory that the user is in.
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(("FLOWEMF_", "AWS_EMF_"))}
    environment = {**inherited, "PYTHONSAFEPATH": "1", "PYTHONIOENCODING": "utf-8"}
    with log.open("wb") as output:
        finished = subprocess.run(  # noqa: S603 - our own module
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, env=environment, check=False
        )
    if finished.returncode:
        said = finished.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise ProcessorError(f"the sample application ended with {finished.returncode}: {said}")


def _replay_and_ask(log: Path, database: Path) -> Figures:
    from flowemf_processor.clock import SystemClock
    from flowemf_processor.core.insight.figures import gather
    from flowemf_processor.pipeline import replay_to_store
    from flowemf_processor.sinks.local import LocalStore
    from flowemf_processor.sinks.metrics_reader import MetricsReader
    from flowemf_processor.sources.opening import open_sources

    ledger = PlacedLedger()
    with LocalStore(database) as store:
        replay_to_store(open_sources([str(log)]), store, ledger=ledger, clock=SystemClock())
        figures = gather(MetricsReader(store.connection))
    say(f"wrote {printable(str(log))}: {read_summary(ledger)}")
    say(f"stored {counted(ledger.values, 'value')} in {printable(str(database))}")
    say("")
    return figures


def _print_tables(figures: Figures) -> None:
    from flowemf_processor.cli.report_terminal import flow_and_model_tables, print_tables

    print_tables(flow_and_model_tables(figures))


def _what_next(log: Path) -> Iterator[str]:
    command, file = _as_called(), shlex.quote(printable(str(log)))
    yield ""
    yield "Try next:"
    yield f"  {command} check {file}"
    yield f"  {command} replay {file} --to metrics --dry-run"
    yield f"  less {file}"


def _as_called() -> str:
    """Name the command so that it can be pasted back: by its path where the shell would not find it by its name."""
    called, found = Path(sys.argv[0]), shutil.which("flowemf")
    if called.name != "flowemf" or (found is not None and Path(found).samefile(called)):
        return "flowemf"
    return shlex.quote(printable(str(called)))
