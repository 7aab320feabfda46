"""The group of commands, and what their endings mean.

Arguments go in; the command they name runs, and its exit code comes out.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import click

from flowemf_processor import __version__
from flowemf_processor.cli.alarms import alarms
from flowemf_processor.cli.check import check
from flowemf_processor.cli.checkpoint import checkpoint
from flowemf_processor.cli.completion import answer, completion
from flowemf_processor.cli.cost import cost
from flowemf_processor.cli.dashboard import dashboard
from flowemf_processor.cli.demo import demo
from flowemf_processor.cli.doctor import doctor
from flowemf_processor.cli.iam_policy import iam_policy
from flowemf_processor.cli.output.streams import say
from flowemf_processor.cli.prometheus_config import prometheus_config
from flowemf_processor.cli.query import query
from flowemf_processor.cli.replay.command import replay
from flowemf_processor.cli.report import report
from flowemf_processor.cli.schema import schema
from flowemf_processor.errors import ConfigurationError, ProcessorError

if TYPE_CHECKING:
    from collections.abc import Sequence

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


@click.group(
    name="flowemf",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="flowemf %(version)s", help="Show the version and exit.")
def cli() -> None:
    """Read back the metrics that an application wrote into its log lines.

    flowemf works on logs with CloudWatch Embedded Metric Format (EMF) lines, wherever they lie: it checks them, stores
    them in a local database, or sends them to CloudWatch as PutMetricData where log extraction is not available.
    """


for _command in (
    demo,
    check,
    replay,
    checkpoint,
    query,
    report,
    cost,
    doctor,
    schema,
    dashboard,
    alarms,
    iam_policy,
    prometheus_config,
    completion,
):
    cli.add_command(_command)


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
