"""What a command demands of the lines it reads, and how: --format, --strict, --namespace, --rejects, --jobs.

The texts of these options go in; the guards of a run come out, with the file of rejected records open.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowemf_processor.cli.inputs import STDIN, format_option, log_format_option
from flowemf_processor.cli.options import together
from flowemf_processor.core.conditions import ANY_ENDING, Conditions
from flowemf_processor.errors import ConfigurationError
from flowemf_processor.pipeline.guards import Guards
from flowemf_schemas import limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowemf_processor.core.ledger import Ledger
    from flowemf_processor.pipeline.elsewhere import StartReader
    from flowemf_processor.ports import Source

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
