"""The options of a benchmark: how much of what, and whether it prints JSON.

The description of a script and its numbers go in; a parser of its command line comes out.
"""

from __future__ import annotations

import argparse


def parser(description: str | None, **numbers: tuple[float, str]) -> argparse.ArgumentParser:
    """Make a parser; each number is an option with its default, of the default's type, and what it means."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, (default, meaning) in numbers.items():
        made.add_argument(f"--{name}", type=type(default), default=default, help=f"{meaning} (default: {default})")
    made.add_argument("--json", action="store_true", help="print JSON, in seconds and bytes, instead of text")
    return made
