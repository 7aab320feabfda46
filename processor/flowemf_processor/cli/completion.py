"""`flowemf completion`: completes commands, options, choices and file names in a shell.

A shell's name goes in, and the script that it is to run comes out; then what was typed so far goes in, and what may
follow comes out. click has both ready; which texts are names of files it cannot know, since sources may be URLs too.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, get_completion_class, shell_complete

from flowemf_processor.cli.output.streams import data

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROGRAM = "flowemf"
_VARIABLE = "_FLOWEMF_COMPLETE"
_SHELLS = ("bash", "zsh", "fish")
# What a parameter's help calls it -> what shells look for
_NAMED_AS = {"FILE": "file", "PATH": "file", "DIR": "dir"}
_EPILOG = """
\b
Once, for every new shell:
  bash (4.4 or later), in ~/.bashrc:
    eval "$(flowemf completion bash)"
  zsh, in ~/.zshrc, after compinit:
    eval "$(flowemf completion zsh)"
  fish:
    flowemf completion fish > ~/.config/fish/completions/flowemf.fish
"""


@click.command(epilog=_EPILOG)
@click.argument("shell", type=click.Choice(_SHELLS), metavar="bash|zsh|fish")
def completion(shell: str) -> None:
    """Print the script that completes this command's words in a shell."""
    kind = get_completion_class(shell)
    if kind is None:  # pragma: no cover - click knows the three
        raise click.UsageError(f"this release of click knows no completion for {shell}")
    known = kind(completion, {}, _PROGRAM, _VARIABLE)
    # Not `source()`: it starts a bash to ask for its version, and there may be none where the script is made.
    data((known.source_template % known.source_vars()).strip())


def answer(cli: click.Group) -> int | None:
    """Answer the shell, where it is a shell that asks what may follow.

    Args:
        cli: the whole command.

    Returns:
        The exit code; None where this is an ordinary run.
    """
    asked = os.environ.get(_VARIABLE)
    if not asked:
        return None
    return shell_complete(cli, {}, _PROGRAM, _VARIABLE, asked)


def complete_file_names(command: click.Command) -> None:
    """Let the shell complete the names of files where a command takes some.

    Args:
        command: is changed, and so are the commands below it.
    """
    for parameter in _parameters(command):
        named_as = _NAMED_AS.get((parameter.metavar or "").strip("[]."))
        if named_as is not None:
            parameter.type = _FileName(named_as)


def _parameters(command: click.Command) -> Iterator[click.Parameter]:
    yield from command.params
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from _parameters(each)


class _FileName(click.types.StringParamType):
    """A text that the shell completes to the name of a file, or of a directory."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Leave it to the shell, which knows `~`, variables and what is in directories."""
        del ctx, param
        return [CompletionItem(incomplete, type=self._kind)]
