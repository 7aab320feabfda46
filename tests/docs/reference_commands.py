"""Writes the reference of the command line, from what each command says of itself.

Nothing goes in; a page comes out that holds the text of `--help` of every command, 100 columns wide.
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from flowemf_processor.cli.main import cli

_WIDTH = 100
_HEAD = """\
# Command line

What `flowemf COMMAND --help` prints: {commands}. The commands come with `pip install 'flowemf[processor]'`.

The exit codes mean the same everywhere, and scripts may rely on them ([compatibility.md](../compatibility.md)).
"""


def page() -> str:
    """Give the text of the page."""
    found = dict(commands(cli, "flowemf"))
    listed = ", ".join(f"[`{words}`](#{words.replace(' ', '-')})" for words in found)
    return "\n".join([_HEAD.format(commands=listed), *(_section(words, each) for words, each in found.items())])


def commands(command: click.Command, words: str) -> Iterator[tuple[str, click.Command]]:
    """Give a command and all below it, each with the words that call it."""
    yield words, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from commands(command.commands[name], f"{words} {name}")


def _section(words: str, command: click.Command) -> str:
    settings = {**command.context_settings, "terminal_width": _WIDTH, "max_content_width": _WIDTH}
    # Every command takes -h and --help, as the outermost one says.
    settings.update(help_option_names=cli.context_settings["help_option_names"])
    context = click.Context(command, info_name=words, **settings)
    lines = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    return f"## {words}\n\n```text\n{lines}\n```\n"
