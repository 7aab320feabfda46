"""Runs every test and every static check in an environment of its own: `python3 tests [pytest arguments]`.

pytest's arguments come in; pytest's output and exit code go out. Or the first of them names what is run on demand:
`--bare` and `--lowest` (lean installations), `--coverage` (branches that no test takes), `--mutation` (changes that no
test notices).
It needs nothing but Python and its venv module: the environment `.venv-test` is made on the first run, and made again
whenever pyproject.toml or tests/requirements.txt have changed. Its syntax is plain, so that an older Python can read
far enough to say that it is too old.
"""

import hashlib
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

OLDEST_PYTHON = (3, 10)
ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv-test"
STAMP = ENVIRONMENT / "made-from"
INGREDIENTS = ("pyproject.toml", "tests/requirements.txt", "schemas/flowemf_schemas/_version.py")
ON_DEMAND_TOOLS = "tests/on_demand/requirements.txt"
NEED_TOOLS = ("--coverage", "--mutation")
# What the first argument asks for -> the program that runs it in the environment, and its first argument
ON_DEMAND = {
    "--bare": ("tests/on_demand/installs.py", "bare"),
    "--lowest": ("tests/on_demand/installs.py", "lowest"),
    "--coverage": ("tests/on_demand/branches.py",),
    "--mutation": ("tests/mutation/run.py",),
}
# Two workers or more hide the slow checkers behind the tests; tests that share a costly fixture stay in one worker.
DEFAULT_ARGUMENTS = ("--numprocesses=auto", "--maxprocesses=4", "--dist=loadgroup")


def main(arguments):
    """Make the environment where it is missing or old, then become what is to run."""
    refuse_unsuitable_python()
    python = ENVIRONMENT / "bin" / "python"
    fingerprint = environment_fingerprint()
    if not python.exists() or not STAMP.exists() or STAMP.read_text() != fingerprint:
        make_environment(python)
        STAMP.write_text(fingerprint)
    if arguments and arguments[0] in NEED_TOOLS:
        tools = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--requirement", ON_DEMAND_TOOLS)
        run("installing " + ON_DEMAND_TOOLS, str(python), *tools)
    command = [str(python), *what_to_run(arguments)]
    say("running " + " ".join(command[1:]))
    os.chdir(ROOT)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # tests send it, and whoever starts this with `&` has it ignored
    os.execv(command[0], command)  # it takes this process over: its signals, its last line, its exit code


def what_to_run(arguments):
    """Return the arguments of Python: what is run on demand where the first word names it, else pytest."""
    if arguments and arguments[0] in ON_DEMAND:
        return [*ON_DEMAND[arguments[0]], *arguments[1:]]
    return ["-m", "pytest", *(arguments or DEFAULT_ARGUMENTS)]


def refuse_unsuitable_python():
    """Stop with the remedy where this Python cannot make the environment."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    running = f"Python {version} at {sys.executable}"
    if sys.version_info < OLDEST_PYTHON:
        fail(f"{running} is too old: flowemf needs Python 3.10 or later. Run this with a newer one: python3.12 tests")
    missing = [module for module in ("venv", "ensurepip") if importlib.util.find_spec(module) is None]
    if missing:
        fail(
            f"{running} lacks {' and '.join(missing)}, which the environment is made with. "
            f"On Debian and Ubuntu: apt-get install python3-venv (or python{version}-venv)"
        )


def environment_fingerprint():
    """Return a digest of everything that the environment's contents depend on, its own place included."""
    digest = hashlib.sha256()
    for part in (sys.version, sys.base_prefix, str(ROOT)):
        digest.update(part.encode() + b"\0")
    for name in INGREDIENTS:
        digest.update((ROOT / name).read_bytes() + b"\0")
    return digest.hexdigest()


def make_environment(python):
    """Create the environment from nothing, so that a dependency that was dropped is missing here too."""
    run("creating " + ENVIRONMENT.name, sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT))
    pip = (str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    wanted = ("--editable", ".[all]", "--requirement", "tests/requirements.txt")
    run("installing flowemf[all] and the test tools (a minute or so)", *pip, *wanted)


def run(step, *command):
    """Announce and run one step; stop here, with its own output above, where it fails."""
    say(step)
    finished = subprocess.run(command, check=False, cwd=str(ROOT), stdin=subprocess.DEVNULL, stdout=sys.stderr)
    if finished.returncode:
        fail(f"{step}: failed with exit code {finished.returncode}, see above. The command was: {' '.join(command)}")


def say(message):
    """Print one line of progress to stderr."""
    sys.stderr.write(f"tests: {message}\n")
    sys.stderr.flush()


def fail(message):
    """End with a message on stderr and exit code 1; pytest was not started."""
    sys.exit(f"tests: {message}")


if __name__ == "__main__":
    main(sys.argv[1:])
