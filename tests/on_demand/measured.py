"""Has coverage.py look on in this process, whichever way it begins and ends; run by `branches.py`'s file of start-up.

The name `DATA`, a directory, comes in with the first line that any Python of the environment runs; a file of data in
that directory comes out. Coverage.py by itself sees no thread of `_thread`, none of what a signal ends, and no child
that gets variables of its own: here a thread is traced as one of `threading` is, data are saved before whatever ends a
process, and whoever signals a process has it save first. None of that shows in the process: its handlers of signals
that end it, its variables and its exit code are its own.
"""

from __future__ import annotations

import _signal
import _thread
import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import coverage

SETTINGS = Path(__file__).resolve().parents[2] / "pyproject.toml"
DATA = Path(globals()["DATA"])
# Asks a process to save. No program has an own use for it; where there are no such signals, none is asked.
ASK = getattr(signal, "SIGRTMAX", 0) and signal.SIGRTMAX - 3
END_NOTHING = {0, signal.SIGSTOP, signal.SIGCONT, signal.SIGCHLD, signal.SIGTSTP, signal.SIGWINCH, ASK}
PATIENCE_SECONDS = 2.0
CANNOT_ANSWER = "TtZX"  # stopped, or dead

own = {each.__name__: each for each in (os._exit, os.execv, os.execve, os.kill, os.killpg, signal.raise_signal)}
own_thread = _thread.start_new_thread
saving = _thread.allocate_lock()


def start() -> None:
    """Measure from here on; what is done here need not be done by coverage.py, in its own way."""
    looking = coverage.Coverage(config_file=str(SETTINGS), data_file=str(DATA / "data"))
    looking.set_option("run:patch", [])
    looking.set_option("run:sigterm", False)
    looking.start()
    # A signal may come while this thread has it, and its handler saves: with a plain lock, it would wait for ever.
    looking._collector.data_lock = threading.RLock()


def start_in_child() -> None:
    """Measure a forked child by itself: what its parent has taken is the parent's to save."""
    global saving  # noqa: PLW0603 - a thread of the parent may have had it
    saving = _thread.allocate_lock()
    parents = coverage.Coverage.current()
    if parents is not None:
        parents.stop()
    start()


def save() -> None:
    """Write what was taken up to now; where that cannot be done, the process must not notice."""
    if not saving.acquire(blocking=False):
        return
    try:
        with suppress(Exception):
            coverage.Coverage.current().save()
    finally:
        saving.release()


def answer(number: int, frame: object) -> None:
    """Save for one that is about to end this process, and say so."""
    save()
    note_for(os.getpid()).unlink(missing_ok=True)


def ask(pid: int) -> None:
    """Have another process save, if it is measured; wait until it has."""
    if not can_answer(pid):
        return
    with suppress(OSError):
        note_for(pid).touch()
        own["kill"](pid, ASK)
        end = time.monotonic() + PATIENCE_SECONDS
        while note_for(pid).exists() and can_answer(pid) and time.monotonic() < end:
            time.sleep(0.002)


def note_for(pid: int) -> Path:
    """Name the file that is there while a process is asked."""
    return DATA / f"asked-{pid}"


def can_answer(pid: int) -> bool:
    """Tell whether a process runs, and has a handler for the question."""
    try:
        facts = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        caught, blocked = (int(facts[name], 16) >> (ASK - 1) & 1 for name in ("SigCgt", "SigBlk"))
    except (OSError, KeyError, ValueError):
        return False
    return bool(caught) and not blocked and facts["State"].strip()[0] not in CANNOT_ANSWER


def group(leader: int) -> Iterator[int]:
    """Give the processes of a group."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                if os.getpgid(int(entry.name)) == leader:
                    yield int(entry.name)


def prepare(target: int, number: int) -> None:
    """Have those save whom a signal may end; a target is named as os.kill has it."""
    if number in END_NOTHING:
        return
    for pid in [target] if target > 0 else list(group(-target or os.getpgrp())):
        if pid == os.getpid():
            save()
        else:
            ask(pid)


def saved_first(name: str) -> Callable[..., Any]:
    """Make a function that saves, then does what it did before."""

    def save_and_call(*arguments: Any) -> Any:
        save()
        return own[name](*arguments)

    return save_and_call


def kill(pid: int, number: int, /) -> None:
    """Do as os.kill does, a little later."""
    prepare(pid, number)
    own["kill"](pid, number)


def killpg(leader: int, number: int, /) -> None:
    """Do as os.killpg does, a little later."""
    prepare(-leader, number)
    own["killpg"](leader, number)


def start_new_thread(function: Callable[..., Any], *arguments: Any) -> int:
    """Start a thread that is traced."""

    def traced(*positional: Any, **named: Any) -> None:
        sys.settrace(threading.gettrace())
        function(*positional, **named)

    return own_thread(traced, *arguments)


def look_on() -> None:
    """Measure this process, its threads, its forked children, and what comes before its end."""
    start()
    atexit.register(save)  # before any other, and so run after all of them
    os.register_at_fork(after_in_child=start_in_child)
    _thread.start_new_thread = start_new_thread
    os._exit, os.execv, os.execve = (saved_first(name) for name in ("_exit", "execv", "execve"))
    _signal.raise_signal = signal.raise_signal = saved_first("raise_signal")
    if ASK:
        os.kill, os.killpg = kill, killpg
        signal.signal(ASK, answer)


if coverage.Coverage.current() is None:
    look_on()
