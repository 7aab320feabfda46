"""The entry of the command `flowemf`, importable where only the emitter is installed.

The process's arguments go in, its exit code comes out, and no traceback ever does unless it is asked for. This module
imports the standard library alone: the command line proper needs the packages of the extra `processor`, and where one
of them is missing the reader is told what to install.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

EXIT_USAGE_OR_CONFIGURATION = 2
EXIT_NOT_DELIVERED = 3
EXIT_OWN_BUG = 70
EXIT_INTERRUPTED = 130
EXIT_CLOSED_PIPE = 141
TRACEBACK_VARIABLE = "FLOWEMF_TRACEBACK"

# The top-level modules that the extra `processor` of pyproject.toml brings.
_EXTRA_MODULES = frozenset(
    (
        *("backports", "boto3", "botocore", "click", "duckdb", "fsspec", "isal"),
        *("jsonschema", "msgspec", "numpy", "prometheus_client", "rich", "structlog", "tenacity", "watchfiles"),
    )
)
_REMEDY = "pip install 'flowemf[processor]'"
_HELP = f"""\
Usage: flowemf [--version] [--help] COMMAND ...

The emitter of flowemf is installed, and `import flowemf` works. The commands that read lines back
(demo, check, replay, query, report and others) come with the extra `processor`:

  {_REMEDY}
"""


def main() -> int:
    """Run the command that `sys.argv` names.

    Returns:
        int: The exit code. This function decides 2 for a package of the extra `processor` that is missing, 3 for an
        output that cannot be written, 70 for anything unforeseen, 130 for Ctrl-C and 141 for a reader that went away;
        the command decides all others.

    Example:
        >>> import sys
        >>> sys.argv = ["flowemf", "--version"]
        >>> main()
        flowemf 0.1.0
        0
    """
    code = _guarded(_run)
    # What is still buffered must leave here, where a closed pipe can be answered, not in the interpreter's last moment.
    unflushed = _guarded(_flush)
    return unflushed or code


def _run() -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character of a file name gets its escape; it is no reason to stop.
            stream.reconfigure(errors="backslashreplace")
    try:
        from flowemf_processor.cli.main import run

        return run(sys.argv[1:])
    except ModuleNotFoundError as error:
        # The exact name: "duckdb" is a package that is not installed, "duckdb.nonesuch" is a mistake of ours.
        if error.name not in _EXTRA_MODULES:
            raise
        return _answer_without_extra(sys.argv[1:], error.name)


def _flush() -> int:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    return 0


def _guarded(step: Callable[[], int]) -> int:
    """Turn whatever a step may raise into an exit code and at most one line on stderr."""
    try:
        return step()
    except KeyboardInterrupt:
        _say("interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _silence()
        return EXIT_CLOSED_PIPE
    except OSError as error:
        if step is not _flush:
            return _own_bug(error)
        _silence()
        _say(f"the output could not be written: {error.strerror}; make room and run the command again")
        return EXIT_NOT_DELIVERED
    except Exception as error:
        return _own_bug(error)


def _own_bug(error: Exception) -> int:
    if os.environ.get(TRACEBACK_VARIABLE) == "1":
        import traceback

        _say(traceback.format_exc().rstrip())
    else:
        shown = " ".join(ascii(str(error))[1:-1].split())[:500]
        _say(
            f"a bug in flowemf, sorry: {type(error).__name__}: {shown}\n"
            f"Set {TRACEBACK_VARIABLE}=1 to see where, and please report it."
        )
    return EXIT_OWN_BUG


def _say(message: str) -> None:
    """Write a line to stderr, or nothing where stderr is gone too."""
    try:
        sys.stderr.write(f"flowemf: {message}\n")
        sys.stderr.flush()
    except (OSError, AttributeError, ValueError):
        _silence()


def _silence() -> None:
    """Point stdout and stderr at nothing where they are broken, so that the interpreter's own last flush is quiet."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            _silence_if_broken(stream)


def _silence_if_broken(stream: TextIO) -> None:
    try:
        stream.flush()
    except (OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)


def _answer_without_extra(arguments: list[str], missing: str) -> int:
    """Answer --version and --help, which need no extra; refuse anything else with the remedy."""
    if arguments == ["--version"]:
        from flowemf_schemas._version import __version__

        sys.stdout.write(f"flowemf {__version__}\n")
        return 0
    if arguments == ["--help"]:
        sys.stdout.write(_HELP)
        return 0
    asked = " ".join(["flowemf", *arguments[:1]])
    sys.stderr.write(f"{asked}: the package {missing} is not installed; install it with: {_REMEDY}\n")
    return EXIT_USAGE_OR_CONFIGURATION
