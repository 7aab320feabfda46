"""The group of commands, and what their endings mean.

Arguments go in; the module of the command that they name is imported, it runs, and its exit code comes out.
"""

from __future__ import annotations

import importlib
import io
from collections import UserDict
from typing import TYPE_CHECKING, Any

import click

from flowemf_processor import __version__
from flowemf_processor.cli.completion import answer, complete_file_names
from flowemf_processor.cli.output.streams import say
from flowemf_processor.errors import ConfigurationError, ProcessorError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Name -> the module in this package, and what the list of commands says
_COMMANDS = {
    "alarms": ("alarms", "Make alarms, and refuse those that could never fire."),
    "check": ("check", "Say which lines CloudWatch would refuse or misread."),
    "checkpoint": ("checkpoint", "Show what is remembered of deliveries, or forget it."),
    "completion": ("completion", "Print the script that completes words in a shell."),
    "cost": ("cost", "Say what the metrics cost, and what would save how much."),
    "dashboard": ("dashboard", "Make a dashboard for CloudWatch or Grafana."),
    "demo": ("demo", "Run a sample application; show what its log tells."),
    "doctor": ("doctor", "Say why metrics do not show up, and what to do."),
    "iam-policy": ("iam_policy", "Print the smallest IAM policy for what is in use."),
    "prometheus-config": ("prometheus_config", "Configure cloudwatch_exporter for what is emitted."),
    "query": ("query", "Ask questions about the metrics: SQL, or ready-made."),
    "replay": ("replay.command", "Bring the metrics of a log to a destination."),
    "report": ("report", "Show how flows and models are doing: a page, or tables."),
    "schema": ("schema", "Show the JSON Schemas of what is read and written."),
}
_EPILOG = """
\b
Examples:
  flowemf demo
  flowemf check app.log
  cat app.log | flowemf replay --to metrics --dry-run
  flowemf replay logs/ --to local --database metrics.duckdb

\b
Exit codes:
    0  done
    1  findings beyond what was allowed (--max-invalid)
    2  usage or configuration; what was sent before is accounted for
    3  not delivered: run the same command again
    4  refused for good by the destination, or given up
   70  a bug in flowemf (FLOWEMF_TRACEBACK=1 shows where)
  130  interrupted (Ctrl-C); 129 where the terminal was closed, 143 at SIGTERM
  141  the reader of the output went away

Data goes to stdout; progress, messages and the closing summary go to stderr. NO_COLOR is honoured.
"""


class _Commands(UserDict[str, Any]):
    """Commands by name; the module of each is imported when it is asked for: those of all take a sixth of a second."""

    def __getitem__(self, name: str) -> click.Command:
        if self.data[name] is None:
            self.data[name] = _imported(name)
        command: click.Command = self.data[name]
        return command


def _imported(name: str) -> click.Command:
    place, sentence = _COMMANDS[name]
    module = importlib.import_module(f"flowemf_processor.cli.{place}")
    command: click.Command = getattr(module, name.replace("-", "_"))
    command.short_help = sentence
    return command


class _Group(click.Group):
    """Lists its commands without importing any, and asks the one that is named what may follow."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Give a command; to a shell, one whose files it can complete."""
        command = super().get_command(ctx, cmd_name)
        if command is not None and ctx.resilient_parsing:  # nothing but completion parses in this way
            complete_file_names(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(
    cls=_Group,
    name="flowemf",
    commands=_Commands(dict.fromkeys(_COMMANDS)),
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="flowemf %(version)s", help="Show the version and exit.")
def cli() -> None:
    """Read back the metrics that an application wrote into its log lines.

    flowemf works on logs with CloudWatch Embedded Metric Format (EMF) lines, wherever they lie: it checks them, stores
    them in a local database, or sends them to CloudWatch as PutMetricData where log extraction is not available.
    """


def run(arguments: Sequence[str]) -> int:
    """Run the command line.

    Args:
        arguments: what follows the program's name.

    Returns:
        The exit code. What is not foreseen here (a closed pipe, Ctrl-C, a bug) is raised.
    """
    # Not `cli.main`: it ends the process by itself, with codes that mean something else here.
    answered = answer(cli)
    if answered is not None:
        return answered
    try:
        with cli.make_context("flowemf", list(arguments)) as context:
            return int(cli.invoke(context) or 0)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        return _answer_usage_error(error)
    except ProcessorError as error:
        say(f"flowemf: {error}")
        return error.exit_code


def _answer_usage_error(error: click.ClickException) -> int:
    shown = io.StringIO()
    error.show(file=shown)
    for line in shown.getvalue().splitlines():
        say(line.expandtabs(2))
    return ConfigurationError.exit_code
