"""Types into real shells and reads what they offer."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Flowemf

SHELLS = ("bash", "zsh", "fish")
INTERACTIVE = {"bash": ("bash", "--norc", "--noprofile", "-i"), "zsh": ("zsh", "-f", "-i")}
READY = "ready-to-type"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Give a user's environment: a home of their own, and the command `flowemf` on the PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "flowemf").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m flowemf_processor "$@"\n')
    (programs / "flowemf").chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    (home / "access-of-today.log").write_bytes(b"")
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "HOME": str(home), "TERM": "dumb", "PS1": "$ ", "XDG_CONFIG_HOME": str(home)}


@contextlib.contextmanager
def typing_into(shell: str, environment: dict[str, str]) -> Iterator[int]:
    """Start an interactive shell that has run our script, as its start-up file would; give its terminal."""
    ours, theirs = pty.openpty()
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    running = subprocess.Popen(
        INTERACTIVE[shell], cwd=environment["HOME"], env=environment, start_new_session=True, **streams
    )
    os.close(theirs)
    prepare = {
        "bash": 'eval "$(flowemf completion bash)"',
        "zsh": 'autoload -U compinit; compinit -u; eval "$(flowemf completion zsh)"',
    }
    try:
        os.write(ours, f"{prepare[shell]}; echo {READY[:5]}''{READY[5:]}\n".encode())
        seen(ours, READY)
        yield ours
    finally:
        running.kill()
        running.wait(timeout=30)
        os.close(ours)


def seen(terminal: int, text: str, within_seconds: float = 60) -> bool:
    """Read what the shell shows until a text was in it; fail with all that there was where it never is."""
    shown = ""
    until = time.monotonic() + within_seconds
    while text not in shown:
        if not select.select([terminal], [], [], max(0.0, until - time.monotonic()))[0]:
            pytest.fail(f"{text!r} was not shown, but {shown!r}", pytrace=False)
        shown += os.read(terminal, 65536).decode(errors="replace")
    return True


@pytest.mark.parametrize("shell", [pytest.param(name, marks=pytest.mark.requires_system(name)) for name in INTERACTIVE])
def test_a_shell_completes_commands_and_files(shell: str, environment: dict[str, str]) -> None:
    """With the script, a key completes what there is one of: a command's name, an option, a log's name."""
    with typing_into(shell, environment) as terminal:
        os.write(terminal, b"flowemf promet\t")
        assert seen(terminal, "heus-config")
        os.write(terminal, b"\x15flowemf check --max-exp\t")
        assert seen(terminal, "ansion")
        os.write(terminal, b"\x15flowemf check acc\t")
        assert seen(terminal, "ess-of-today.log")


@pytest.mark.requires_system("fish")
def test_fish_offers_commands_and_files(environment: dict[str, str]) -> None:
    """It says what a key would offer without anybody typing."""
    ask = [f"complete --do-complete 'flowemf {typed}'" for typed in ("promet", "check --max-exp", "check acc")]
    finished = subprocess.run(
        ["fish", "--no-config", "-c", "; ".join(["flowemf completion fish | source", *ask])],
        cwd=environment["HOME"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    offered = [line.split("\t")[0] for line in finished.stdout.splitlines()]
    assert offered == ["prometheus-config", "--max-expansion", "access-of-today.log"], finished.stderr


@pytest.mark.requires_system("bash")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (("",), {"alarms", "check", "replay", "report"}),
        (("check", "--f"), {"--format"}),
        (("replay", "--to", "l"), {"local", "logs"}),
        (("schema", ""), {"list", "show"}),
        (("schema", "show", "emf-"), {"emf-written", "emf-accepted"}),
        (("completion", ""), {"bash", "zsh", "fish"}),
    ],
    ids=lambda words: " ".join(sorted(words)),  # workers must agree on the names
)
def test_bash_is_offered_what_may_follow(
    environment: dict[str, str], flowemf_command: Flowemf, typed: tuple[str, ...], offered: set[str]
) -> None:
    """The function that bash calls fills its list from commands, options and choices."""
    words = " ".join(f"'{word}'" for word in ("flowemf", *typed))
    ask = f"COMP_WORDS=({words}); COMP_CWORD={len(typed)}; _flowemf_completion flowemf"
    script = flowemf_command("completion", "bash").stdout.decode()
    finished = subprocess.run(
        ["bash", "--norc", "-c", f"{script}\n{ask}\necho ${{COMPREPLY[@]}}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.stderr == ""
    assert offered <= set(finished.stdout.split())
    assert typed[-1] == "" or offered == set(finished.stdout.split())


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_printed_without_the_shell(shell: str, flowemf_command: Flowemf) -> None:
    """An image may be built where that shell is missing; the script is data, and nothing else is said."""
    flowemf_command.variables["PATH"] = "/nowhere"
    asked = flowemf_command("completion", shell)
    assert (asked.returncode, asked.stderr) == (0, b"")
    assert b"_FLOWEMF_COMPLETE" in asked.stdout


def test_an_unknown_shell_is_answered_with_those_there_are(flowemf_command: Flowemf) -> None:
    """A mistake is a usage error that names the choices."""
    asked = flowemf_command("completion", "tcsh")
    assert (asked.returncode, asked.stdout) == (2, b"")
    assert all(shell in asked.stderr.decode() for shell in SHELLS)
