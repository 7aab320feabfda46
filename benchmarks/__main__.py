"""Runs every benchmark, one after the other, and writes docs/performance.md with its picture.

Names and sizes go in as options; the page comes out, or goes to standard output where it would not be whole. A terminal
sees the progress, too.

    pip install -e '.[processor,otel]' -r benchmarks/requirements.txt
    python -m benchmarks
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from publishing.page import page
from publishing.picture import picture
from publishing.runs import BENCHMARKS, REQUIREMENTS, Run, missing, run

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
_TO_STDOUT = Path("-")


def main() -> int:
    """Measure, then write.

    Returns:
        0; 1 where a benchmark failed, 2 where something is not installed, 130 where it was interrupted.
    """
    options = _options()
    absent = missing(options.only)
    if absent:
        return _fail(f"not installed: {', '.join(absent)}. To install what is compared: {REQUIREMENTS}", 2)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no benchmark is left running behind us
    try:
        runs = _measured(options)
    except RuntimeError as problem:
        return _fail(str(problem), 1)
    except KeyboardInterrupt:
        return _fail("interrupted; nothing was written", 130)
    _write(runs, options)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the smallest sizes: does everything run?")
    parser.add_argument(
        "--only", type=_names, default=list(BENCHMARKS), metavar="NAMES", help=f"some of {','.join(BENCHMARKS)}"
    )
    parser.add_argument("--rounds", type=_positive, help="interleaved rounds of each (default: each one's own)")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="where the page goes, its picture beside it; - is standard output, without a picture (default: "
        "docs/performance.md, but - with --quick or --only, so that no whole page is lost)",
    )
    options = parser.parse_args()
    whole = not options.quick and len(options.only) == len(BENCHMARKS)
    options.output = options.output or (PAGE if whole else _TO_STDOUT)
    if not options.output.parent.is_dir() or options.output.is_dir():
        parser.error(f"--output {options.output}: there is no such directory; give a file in one that exists")
    return options


def _names(text: str) -> list[str]:
    wanted = [name.strip() for name in text.split(",")]
    unknown = [name for name in wanted if name not in BENCHMARKS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no benchmark is called {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    return [name for name in BENCHMARKS if name in wanted]


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rounds; give 1 or more")
    return int(text)


def _measured(options: argparse.Namespace) -> list[Run]:
    tell = _teller()
    runs = []
    for number, name in enumerate(options.only, start=1):
        tell(f"{number} of {len(options.only)}: {name}.py")
        runs.append(run(name, quick=options.quick, rounds=options.rounds))
        tell(f"  took {runs[-1].seconds:.0f} s")
    return runs


def _write(runs: list[Run], options: argparse.Namespace) -> None:
    today = datetime.now(timezone.utc).date()
    if options.output == _TO_STDOUT:
        sys.stdout.write(page(runs, None, quick=options.quick, today=today))
        return
    drawn = options.output.with_suffix(".svg")
    drawn.write_text(picture(runs), encoding="utf-8")
    options.output.write_text(page(runs, drawn.name, quick=options.quick, today=today), encoding="utf-8")
    _teller()(f"wrote {options.output} and {drawn}")


def _teller() -> Callable[[str], object]:
    """Give what tells of progress: to people on a terminal, and to nobody else."""
    return (lambda text: print(text, file=sys.stderr, flush=True)) if sys.stderr.isatty() else lambda _: None


def _fail(text: str, code: int) -> int:
    print(f"python -m benchmarks: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
