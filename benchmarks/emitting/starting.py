"""Measures what starting costs: importing each library, and flowemf up to its first line, over bare Python.

Nothing goes in but the number of rounds; seconds for each program come out, each run a whole process of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial

from emitting.event import BOUND, CUSTOM_DIMENSIONS, NAMES, NAMESPACE
from measuring.machine import version_of
from measuring.processes import whole_process
from measuring.rounds import Sample, interleaved

BARE = "bare Python"
IMPORT = "import flowemf"
FIRST_LINE = "import flowemf, configure, first line"
FIRST_EVENT = "the same with dimensions and bound properties"
POWERTOOLS = "from aws_lambda_powertools.metrics import Metrics"
AWS = "import aws_embedded_metrics"

_CONFIGURE = f"import flowemf; flowemf.configure({NAMESPACE!r}"
_BIND_AND_EMIT = f"flowemf.bind(**{BOUND!r}); flowemf.on_flow_end({NAMES[0]!r}, 12.5)"
# Program -> the distribution it needs and its text.
PROGRAMS = {
    BARE: ("flowemf", "pass"),
    IMPORT: ("flowemf", "import flowemf"),
    FIRST_LINE: ("flowemf", f"{_CONFIGURE}); flowemf.on_flow_end('chat', 12.5)"),
    FIRST_EVENT: ("flowemf", f"{_CONFIGURE}, custom_dimensions={CUSTOM_DIMENSIONS!r}); {_BIND_AND_EMIT}"),
    "import orjson": ("orjson", "import orjson"),
    "import structlog": ("structlog", "import structlog"),
    POWERTOOLS: ("aws-lambda-powertools", POWERTOOLS),
    AWS: ("aws-embedded-metrics", AWS),
}


def measure(rounds: int, environment: Mapping[str, str]) -> dict[str, Sample]:
    """Run every program whose library is installed and subtract bare Python.

    `python -I` keeps the current directory, the user's packages and all PYTHON variables out.
    """
    programs = {name: text for name, (package, text) in PROGRAMS.items() if version_of(package)}
    tasks: dict[str, Callable[[], Sample]] = {name: partial(_run, text, environment) for name, text in programs.items()}
    for task in tasks.values():  # the first run compiles modules and fills the disk's cache
        task()
    taken = interleaved(rounds, tasks)
    bare = taken[BARE]
    return {
        name: Sample(sample.wall_seconds - bare.wall_seconds, sample.cpu_seconds - bare.cpu_seconds)
        if name != BARE
        else sample
        for name, sample in taken.items()
    }


def _run(text: str, environment: Mapping[str, str]) -> Sample:
    return whole_process([sys.executable, "-I", "-c", text], environment).sample
