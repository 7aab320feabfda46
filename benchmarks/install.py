"""Compares what an installation brings: bytes on the disk and distributions, of flowemf and of its peers.

Nothing goes in; a table and ratios come out, or JSON. Each is installed by pip into an empty directory, from the
package index that pip is set to use; flowemf itself is built from this checkout.

    python benchmarks/install.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from measuring import machine
from measuring.options import parser
from measuring.ratios import Ratio, of_the_bytes
from measuring.report import ratio_lines, table

PACKAGES = ("flowemf", "pip")
EMITTER, PROCESSOR = "flowemf", "flowemf[processor]"
AWS, POWERTOOLS, BOTO3 = "aws-embedded-metrics", "aws-lambda-powertools", "boto3"
# Ours -> what does part of the same work.
PEERS = {EMITTER: (AWS, POWERTOOLS), PROCESSOR: (BOTO3,)}
WANTED = (EMITTER, AWS, POWERTOOLS, PROCESSOR, BOTO3)

_ROOT = Path(__file__).parent.parent
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
_PATIENCE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Installed:
    """What one installation brought: the bytes of its files as they came, and how many distributions they are."""

    size_bytes: int
    distributions: int


def main() -> None:
    """Measure everything and print it."""
    options = parser(__doc__).parse_args()
    described = machine.describe(PACKAGES, machine.measured_environment(unbuffered=False))
    found = measure()
    print(json.dumps(as_dict(described, found), indent=2) if options.json else "\n".join(as_lines(described, found)))


def measure(wanted: tuple[str, ...] = WANTED) -> dict[str, Installed]:
    """Install each into a directory of its own and look at what came.

    Args:
        wanted: requirements; those of flowemf are met from this checkout.
    """
    with tempfile.TemporaryDirectory(prefix="flowemf-benchmark-") as directory:
        work = Path(directory)
        _pip("wheel", "--no-deps", "--wheel-dir", str(work), str(_ROOT))
        [wheel] = work.glob("flowemf-*.whl")
        return {
            each: _installed(each.replace("flowemf", str(wheel), 1), work / str(n)) for n, each in enumerate(wanted)
        }


def ratios(found: Mapping[str, Installed]) -> list[Ratio]:
    """Set the bytes of ours beside those of the peers."""
    return [
        of_the_bytes(f"pip install {ours}", f"pip install {peer}", found[ours].size_bytes, found[peer].size_bytes)
        for ours, peers in PEERS.items()
        for peer in peers
    ]


def as_lines(described: Mapping[str, object], found: Mapping[str, Installed]) -> list[str]:
    """Write the table and the ratios."""
    rows = [[f"pip install {name}", each.size_bytes / 1e6, each.distributions] for name, each in found.items()]
    sizes = table(["", "MB", "distributions"], rows)
    return [machine.as_text(described), "", *sizes, "", *ratio_lines(ratios(found))]


def as_dict(described: Mapping[str, object], found: Mapping[str, Installed]) -> dict[str, Any]:
    """Arrange every number for machines."""
    return {
        "machine": dict(described),
        "installed": [{"requirement": name, **asdict(each)} for name, each in found.items()],
        "ratios": [each.as_dict() for each in ratios(found)],
    }


def _installed(requirement: str, target: Path) -> Installed:
    _pip("install", "--no-compile", "--target", str(target), requirement)
    files = [path for path in target.rglob("*") if path.is_file()]
    return Installed(sum(path.stat().st_size for path in files), len(list(target.glob("*.dist-info"))))


def _pip(*arguments: str) -> None:
    """Run pip.

    Raises:
        SystemExit: it failed; its own last words say why.
    """
    finished = subprocess.run(
        [*_PIP, *arguments], capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS
    )
    if finished.returncode:
        said = [line for line in finished.stderr.splitlines() if line.strip()][-3:]
        sys.exit("\n".join([*said, f"pip {arguments[0]} failed, see above: is there pip, and a package index to ask?"]))


if __name__ == "__main__":
    main()
