"""The entry of the command `flowemf`, importable where only the emitter is installed.

The process's arguments go in, its exit code comes out. This module imports the standard library alone: the command line
proper needs the packages of the extra `processor`, and where one of them is missing the reader is told what to install
instead of being shown a traceback.
"""

from __future__ import annotations

import sys

EXIT_USAGE_OR_CONFIGURATION = 2

# The top-level modules that the extra `processor` of pyproject.toml brings.
_EXTRA_MODULES = frozenset({"boto3", "botocore", "click", "duckdb", "jsonschema", "rich"})
_REMEDY = "pip install 'flowemf[processor]'"
_HELP = f"""\
Usage: flowemf [--version] [--help] COMMAND ...

The emitter of flowemf is installed, and `import flowemf` works. The commands that read lines back
(demo, check, replay, schema) come with the extra `processor`:

  {_REMEDY}
"""


def main() -> int:
    """Run the command that `sys.argv` names.

    Returns:
        int: The exit code; 2 with a message on stderr where a package of the extra `processor` is missing.

    Raises:
        ModuleNotFoundError: A module outside the extra is missing: an installation that is broken in another way.

    Example:
        >>> import sys
        >>> sys.argv = ["flowemf", "--version"]
        >>> main()
        flowemf 0.1.0
        0
    """
    try:
        from flowemf_processor.cli.main import run

        return run(sys.argv[1:])
    except ModuleNotFoundError as error:
        # The exact name: "duckdb" is a package that is not installed, "duckdb.nonesuch" is a mistake of ours.
        if error.name not in _EXTRA_MODULES:
            raise
        return _answer_without_extra(sys.argv[1:], error.name)


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
