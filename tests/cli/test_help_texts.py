"""Reads the help of every command, and holds what it promises to what the command takes."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
import pytest

from flowemf_processor import __version__
from flowemf_processor.cli.main import cli
from flowemf_schemas import SCHEMA_NAMES, load

if TYPE_CHECKING:
    from tests.cli.conftest import Flowemf


def commands(group: click.Group, *before: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Give every command with the words that call it."""
    yield before, group
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *before, name)
        else:
            yield (*before, name), command


COMMANDS = dict(commands(cli))
every_command = pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(("flowemf", *words)))


@every_command
def test_each_option_has_a_sentence(words: tuple[str, ...]) -> None:
    """Whoever adds a flag adds its sentence."""
    options = [each for each in COMMANDS[words].params if isinstance(each, click.Option)]
    silent = [option.name for option in options if not re.match(r"[A-Z].*\.", option.help or "")]
    assert silent == []


@every_command
def test_help_goes_to_stdout_and_fits_the_screen(words: tuple[str, ...], flowemf_command: Flowemf) -> None:
    """Help that was asked for is data; it says what the command does and stays within 80 columns."""
    asked = flowemf_command(*words, "--help")
    assert (asked.returncode, asked.stderr) == (0, b"")
    text = asked.stdout.decode()
    assert text.startswith(f"Usage: {' '.join(('flowemf', *words))} ")
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert text == flowemf_command(*words, "-h").stdout.decode()


@pytest.mark.parametrize(
    "command", sorted(name for name, command in cli.commands.items() if "Examples:" in (command.epilog or ""))
)
def test_each_example_parses(command: str) -> None:
    """The examples of the help name only commands and options that exist."""
    examples = re.findall(r"flowemf (\w[^|\n]*)", f"{cli.epilog}{cli.commands[command].epilog}")
    assert examples
    group = click.Context(cli, **cli.context_settings)  # click keeps the first help option that it makes for a command
    for example in examples:
        name, *arguments = shlex.split(example)
        cli.commands[name].make_context(name, arguments, parent=group).close()


def test_the_group_lists_every_exit_code(flowemf_command: Flowemf) -> None:
    """A script's author finds them without reading the source."""
    text = flowemf_command("--help").stdout.decode()
    listed = re.findall(r"^ +(\d+)  \w", text.partition("Exit codes:")[2], re.MULTILINE)
    assert listed == ["0", "1", "2", "3", "4", "70", "130", "141"]


def test_the_version_is_one_line(flowemf_command: Flowemf) -> None:
    """The same answer with and without the extra."""
    asked = flowemf_command("--version")
    assert (asked.returncode, asked.stdout.decode(), asked.stderr) == (0, f"flowemf {__version__}\n", b"")


def test_without_a_command_the_help_is_a_complaint(flowemf_command: Flowemf) -> None:
    """Nothing was done, so it is not a success, and stdout stays empty."""
    asked = flowemf_command()
    assert (asked.returncode, asked.stdout) == (2, b"")
    assert asked.stderr.startswith(b"Usage: flowemf ")


def test_schemas_are_listed_and_shown(flowemf_command: Flowemf) -> None:
    """`schema show` prints the schema itself, each that `schema list` names."""
    listed = flowemf_command("schema", "list").stdout.decode().splitlines()
    assert [line.split()[0] for line in listed] == list(SCHEMA_NAMES)
    assert json.loads(flowemf_command("schema", "show", "ledger").stdout) == load("ledger")
    unknown = flowemf_command("schema", "show", "nope").stderr.decode()
    assert all(name in unknown for name in SCHEMA_NAMES)


def test_importing_the_program_starts_nothing() -> None:
    """Tools that import every module of a package, to search or document it, get no command."""
    program = "import sys; sys.argv = ['flowemf', '--version']; import flowemf_processor.__main__"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert (finished.stdout, finished.stderr) == (b"", b"")


def test_the_list_of_commands_needs_none_of_them() -> None:
    """Help and a mistyped name are there at once, and what they say of a command is what it says of itself."""
    program = (
        "import sys; from flowemf_processor.cli.main import run; run(['--help']); run(['chekc']);"
        "print(*(name for name in sys.modules if name.startswith(('flowemf_processor.core', 'flowemf_processor.cli'))))"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    shown, _, imported = finished.stdout.rstrip().rpartition("\n")
    assert "flowemf_processor.core" not in imported.split()
    assert "flowemf_processor.cli.check" not in imported.split()
    assert "No such command 'chekc'" in finished.stderr  # newer releases of Click say which one may be meant
    listed = dict(re.findall(r"^  ([a-z][a-z-]*)  +([A-Z].*)$", shown, re.MULTILINE))
    assert listed == {name: command.short_help for name, command in cli.commands.items()}


def test_heavy_packages_stay_away_until_they_are_needed() -> None:
    """Help and `check` start quickly: neither boto3 nor duckdb is loaded for them."""
    listing = (
        "import sys; from flowemf_processor.cli.main import run; run(['check', '/dev/null']);"
        "print(*{'boto3', 'duckdb', 'rich'} & set(sys.modules))"
    )
    finished = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    assert finished.stdout.splitlines()[-1] == ""
