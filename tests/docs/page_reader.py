"""Someone who reads a page and types what it says: a directory with `flowemf` and `python3` on the path of a shell.

A directory and a command as a page prints it go in; what the shell gave comes out.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAMS = {"flowemf": "-m flowemf_processor", "python3": ""}


def environment_in(directory: Path, **variables: str) -> dict[str, str]:
    """Put the programs into a directory, and give the variables of a shell that finds them there."""
    programs = directory / "bin"
    programs.mkdir(exist_ok=True)
    for name, arguments in PROGRAMS.items():
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n', encoding="utf-8")
        (programs / name).chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PWD": str(directory),
        "XDG_STATE_HOME": str(directory / "state"),
        **variables,
    }


def typed(command: str, environment: dict[str, str], *, check: bool = False) -> subprocess.CompletedProcess[bytes]:
    """Run a line in the directory that an environment is for."""
    return subprocess.run(
        command, shell=True, cwd=environment["PWD"], env=environment, capture_output=True, timeout=120, check=check
    )
