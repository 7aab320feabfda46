"""Makes the corpus of shapes: `python tests/vectors/shape_maker.py` writes `shapes/` anew.

Nothing goes in; files and their expectations come out, with plain json and no code of ours: what is put into a file is
what is stated of it.
"""

from __future__ import annotations

import shapes_of_containers as here
import shapes_of_log_groups as there
from shape_corpus import DIRECTORY, EXPECTED
from shape_files import Files
from shape_wrappers import compact

MAKERS = (
    here.containers,
    here.lambda_logs,
    here.fluent_bit,
    there.command_line,
    there.subscriptions,
    here.targets,
    there.nested,
    there.damaged,
)


def write() -> None:
    """Write the corpus anew."""
    DIRECTORY.mkdir(exist_ok=True)
    for old in DIRECTORY.iterdir():
        old.unlink()
    maker = Files()
    for make in MAKERS:
        make(maker)
    entries = [compact(vars(shape)) for shape in maker.shapes]
    EXPECTED.write_text("[\n" + ",\n".join(entries) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    write()
