"""Which logs a command reads, what it demands of their lines, and how: PATH, --format, --strict, --rejects, --jobs.

The texts of these options go in; sources come out, standard input among them, and the guards of a run, with the file
of rejected records open.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowemf_processor.cli.options.building import together
from flowemf_processor.cli.output.streams import is_terminal
from flowemf_processor.core.conditions import ANY_ENDING, Conditions
from flowemf_processor.core.unwrap import AUTO, NAMES
from flowemf_processor.errors import ConfigurationError
from flowemf_processor.pipeline.guards import Guards
from flowemf_processor.sources.compression import MAX_EXPANSION
from flowemf_processor.sources.standard_input import STANDARD_INPUT
from flowemf_schemas import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowemf_processor.core.ledger import Ledger
    from flowemf_processor.pipeline.elsewhere import StartReader
    from flowemf_processor.ports import Source
    from flowemf_processor.sources.standard_input import Spool

STDIN = STANDARD_INPUT

paths_argument: Callable[[Any], Any] = click.argument("paths", metavar="[PATH]...", nargs=-1, type=str)
"""The argument PATH of a command: any number of files, directories, patterns and URLs."""


def _shape_option(name: str) -> Callable[[Any], Any]:
    return click.option(
        name,
        "form",
        metavar="NAME",
        type=click.Choice(NAMES),
        default=AUTO,
        help=f"What is wrapped around the log events: {', '.join(NAMES)}. Default: {AUTO}, which tells it line by "
        "line; with any other, a line that does not fit is rejected.",
    )


format_option = _shape_option("--format")
"""The option --format of a command that reads logs."""

log_format_option = _shape_option("--log-format")
"""The same for a command whose --format says what comes out."""
_max_expansion = click.option(
    "--max-expansion",
    metavar="N",
    type=click.IntRange(1),
    default=MAX_EXPANSION,
    help="Read compressed logs up to N times their size; smaller ones than 64 MB are always read. "
    f"Default: {MAX_EXPANSION}.",
)
_s3_endpoint_url = click.option(
    "--s3-endpoint-url", metavar="URL", help="Where s3:// is. Default: $AWS_ENDPOINT_URL_S3, or Amazon S3."
)
input_options = together(_max_expansion, _s3_endpoint_url)
"""Adds them to a command, which gets `max_expansion` and `s3_endpoint_url`."""


@dataclass(frozen=True, slots=True)
class InputOptions:
    """What the user chose; each member is the option of its name."""

    max_expansion: int
    s3_endpoint_url: str | None

    def open(self, paths: Sequence[str], *, source_id: str | None = None, spool: Spool | None = None) -> list[Source]:
        """Open what is to be read.

        Args:
            paths: as the user wrote them.
            source_id: a name for standard input, under which a checkpoint knows it again.
            spool: keeps standard input for others that read it too; None where there are none.

        Raises:
            ConfigurationError: something does not exist or may not be read.
            TryAgainLaterError: an object store or a log group cannot be reached.
        """
        from flowemf_processor.sources.opening import open_sources

        return open_sources(
            paths,
            source_id=source_id,
            max_expansion=self.max_expansion,
            s3_endpoint_url=self.s3_endpoint_url,
            spool=spool,
        )


def chosen_paths(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Settle what to read.

    Args:
        paths: as the user wrote them.

    Returns:
        The same, or standard input alone where there are none and something is connected to it.

    Raises:
        click.UsageError: there are none, and standard input is a terminal or closed: waiting for somebody to type a
            log would look like hanging.
    """
    if paths:
        return paths
    if sys.stdin is None or is_terminal(sys.stdin):
        raise click.UsageError(
            "no PATH, and nothing is piped in. Name files or directories, pipe a log in (cat app.log | flowemf ...), "
            "or write - to type one."
        )
    return (STDIN,)


_MOST_JOBS = 256


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """What the user chose; each member is the option of its name, `form` that of --format."""

    form: str
    strict: bool
    namespace: tuple[str, ...]
    rejects: str | None = None
    max_series: int | None = None
    jobs: int = 1

    @contextlib.contextmanager
    def guards(self, sources: Sequence[Source], paths: Sequence[str], ledger: Ledger) -> Iterator[Guards]:
        """Open the file of rejected records, if one is wanted.

        Args:
            sources: what is going to be read.
            paths: as the user named it.
            ledger: where everything is counted.

        Yields:
            What the options ask for.

        Raises:
            ConfigurationError: the file cannot be written, or would be read by the same command.
        """
        from flowemf_processor.sinks.rejects import RejectsFile

        conditions = Conditions(self.strict, self.namespace)
        max_series = self.max_series or limits.SERIES_PER_RUN
        if self.rejects is None:
            yield Guards(conditions, form=self.form, max_series=max_series, engine=self._engine())
            return
        file = Path(self.rejects)
        _refuse_to_read_what_is_written(file, sources, paths)
        with RejectsFile(file, ledger.open_rejects(self.rejects)) as keeper:
            yield Guards(conditions, rejects=keeper, form=self.form, max_series=max_series, engine=self._engine())

    def _engine(self) -> StartReader | None:
        if self.jobs == 1:
            return None
        from flowemf_processor.engines.local import LocalEngine

        return partial(LocalEngine, self.jobs)


def taken_asking(options: dict[str, Any]) -> ReadingOptions:
    """Take out of a command's options what `asking_options` added.

    Args:
        options: name -> value; what is taken is removed.

    Returns:
        The choice.
    """
    return ReadingOptions(*(options.pop(name) for name in ("form", "strict", "namespace")))


def namespace_pattern(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Read the namespaces of an option, each of which may end in a star."""
    for text in given:
        if not text or text.startswith(":") or len(text) > limits.NAMESPACE_LENGTH:
            raise click.BadParameter(
                f"{text!r} is no namespace: 1 to {limits.NAMESPACE_LENGTH} characters that do not begin with a colon."
            )
        if ANY_ENDING in text[:-1]:
            raise click.BadParameter(f"{text!r}: a * stands for any ending, so it may only be the last character.")
    return given


def _rejects_file(_context: click.Context, _parameter: click.Parameter, given: str | None) -> str | None:
    if given == STDIN:
        raise click.BadParameter("rejected lines need a file of their own, since standard output has other data.")
    return given


_strict = click.option("--strict", is_flag=True, help="Reject every line that deserves a note.")
_namespace = click.option(
    "--namespace",
    metavar="NS",
    multiple=True,
    callback=namespace_pattern,
    help="Read only metrics of this namespace; give it again for another one. A * at its end stands for any ending: "
    "MyApp/*. Default: all.",
)
rejects_option = click.option(
    "--rejects",
    metavar="FILE",
    callback=_rejects_file,
    help="Add every rejected line to this file, as JSON with the reasons and the original text: to be mended and "
    "replayed.",
)
"""The option --rejects, for a command that reads logs with `asking_options`."""
_jobs = click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(1, _MOST_JOBS),
    default=1,
    help="Read large logs with N processes (check, replay --to metrics); the findings and numbers are the same. "
    "Default: 1.",
)
max_series_option = click.option(
    "--max-series",
    metavar="N",
    type=click.IntRange(1),
    help="Send at most N series in one run, those with the most datapoints first; the datapoints of others are "
    f"refused. Default: {limits.SERIES_PER_RUN:,}.",
)
"""The option --max-series, for a command that sends series."""
reading_options = together(format_option, _strict, _namespace, rejects_option, _jobs)
"""Adds --format, --strict, --namespace, --rejects and --jobs to a command, which gets `form` for the first."""
asking_options = together(log_format_option, _strict, _namespace)
"""Adds --log-format, --strict and --namespace to a command that answers questions; see `taken_asking`."""


def _refuse_to_read_what_is_written(file: Path, sources: Sequence[Source], paths: Sequence[str]) -> None:
    """Refuse a file that this run, or the next one, would read as a log: it would grow by what it holds."""
    parents = file.resolve().parents
    inside = [path for path in paths if path != STDIN and Path(path).resolve() in parents]
    same = [source.name for source in sources if file.exists() and _is_same(file, source.name)]
    for found in (*same, *inside):
        raise ConfigurationError(
            f"--rejects {file}: belongs to what is read ({found}); name a file outside of it, so that no run reads "
            "what it writes"
        )


def _is_same(file: Path, source: str) -> bool:
    try:
        return file.samefile(source)
    except (OSError, ValueError):
        return False
