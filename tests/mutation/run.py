"""Changes the pure core in small ways, one at a time, and asks whether a test notices: `python3 tests --mutation`.

Modules and a number go in; every change that no test noticed comes out as a diff, and exit code 1 with the first. The
changes are cosmic-ray's, made in a copy: this tree stays as it is. A sample is drawn with a seed, so that it can be
drawn again.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from subjects import SUBJECTS

if TYPE_CHECKING:
    from cosmic_ray.work_item import MutationSpec, WorkResult

ROOT = Path(__file__).resolve().parent.parent.parent
COPIED = ("emitter", "processor", "schemas", "tests", "examples", "docs", "pyproject.toml")
SOURCE_ROOTS = ("emitter", "processor", "schemas")
# Annotations are not run, so `str | None` may say anything; what a decorator adds is a contract of Python's own.
# `is None` is as good as `== None` for values that do not say otherwise.
LEFT_OUT = re.compile(
    r"core/(ReplaceBinaryOperator_BitOr_|ReplaceComparisonOperator_Is(Not_NotEq|_Eq)|RemoveDecorator)"
)
SECONDS_PER_MUTANT = 300


def main() -> int:
    """Draw the sample, try each of it, and say what survived."""
    options = _options()
    with tempfile.TemporaryDirectory() as directory:
        _copy_the_tree(Path(directory))
        os.chdir(directory)
        os.environ["PYTHONPATH"] = os.pathsep.join(str(Path(directory) / root) for root in SOURCE_ROOTS)
        mutants = _drawn(options.modules or list(SUBJECTS), options.sample, options.seed)
        _require_green({test for mutant in mutants for test in SUBJECTS[str(mutant.module_path)]})
        survivors = sum(map(_survives, mutants))
    sys.stdout.write(f"{len(mutants)} changes tried, {len(mutants) - survivors} noticed\n")
    return 1 if survivors else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 tests --mutation", description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="paths as in tests/mutation/subjects.py; or all")
    parser.add_argument("--sample", type=int, default=200, metavar="N", help="how many changes; default 200")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="which ones; default 1")
    options = parser.parse_args()
    unknown = [module for module in options.modules if module not in SUBJECTS]
    if unknown:
        parser.error(f"no tests are named for {', '.join(unknown)}; name them in tests/mutation/subjects.py")
    return options


def _copy_the_tree(directory: Path) -> None:
    caches = shutil.ignore_patterns("__pycache__", ".*_cache", ".hypothesis")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, directory / name, ignore=caches)
        else:
            shutil.copy(ROOT / name, directory)


def _drawn(modules: list[str], count: int, seed: int) -> list[MutationSpec]:
    """Draw from all changes that could be made; each module's are as likely as any other's."""
    from cosmic_ray.commands import init
    from cosmic_ray.work_db import use_db

    with use_db("mutants.sqlite") as found:
        init([Path(module) for module in modules], found, {})
        each = [mutation for item in found.work_items for mutation in item.mutations]
    possible = sorted(
        (mutation for mutation in each if not LEFT_OUT.match(mutation.operator_name)),
        key=lambda mutation: (str(mutation.module_path), mutation.operator_name, mutation.occurrence),
    )
    _say(f"{len(possible)} changes are possible in {len(modules)} modules")
    return random.Random(seed).sample(possible, min(count, len(possible)))


def _command(tests: list[str]) -> str:
    arguments = ("-m", "pytest", "--exitfirst", "--quiet", "-p", "no:cacheprovider", "-p", "no:xdist", *tests)
    return shlex.join([sys.executable, *arguments])


def _require_green(tests: set[str]) -> None:
    """Stop where the tests fail without any change: they would seem to notice everything."""
    from cosmic_ray.testing import run_tests
    from cosmic_ray.work_item import TestOutcome

    _say(f"running {len(tests)} test files without a change")
    outcome, output = run_tests(_command(sorted(tests)), timeout=10 * SECONDS_PER_MUTANT)
    if outcome is not TestOutcome.SURVIVED:
        sys.exit(f"mutation: the tests fail without any change\n{output}")


def _survives(mutant: MutationSpec) -> bool:
    """Try one change; show its diff where no test has noticed it."""
    from cosmic_ray.mutating import mutate_and_test
    from cosmic_ray.work_item import TestOutcome

    tests = list(SUBJECTS[str(mutant.module_path)])
    result: WorkResult = mutate_and_test([mutant], _command(tests), SECONDS_PER_MUTANT)
    line = f"{mutant.module_path}:{mutant.start_pos[0]} {mutant.operator_name}"
    if result.test_outcome is TestOutcome.INCOMPETENT:
        sys.exit(f"mutation: {line} could not be tried\n{result.output}")
    _say(f"{line}: {'noticed' if result.is_killed else 'not noticed'}")
    if not result.is_killed:
        sys.stdout.write(f"# {line}\n{result.diff}\n")
        sys.stdout.flush()
    return not result.is_killed


def _say(message: str) -> None:
    sys.stderr.write(f"mutation: {message}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
