"""Writes the page on performance: nothing on it was typed by hand.

Runs of benchmarks go in; the Markdown comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from measuring.machine import PYTHON_VARIABLES
from measuring.ratios import Ratio
from publishing.figures import NONE, amount, details, markdown_table, seconds, size, three_digits, times
from publishing.runs import BENCHMARKS, REQUIREMENTS, Run
from publishing.sections import SECTIONS, Section

_HEAD = "<!-- Written by `python -m benchmarks`: run it again instead of editing this. -->"
_INTRODUCTION = (
    "What flowemf takes of a machine, and what its peers take for the same work. All of it was measured in one go by "
    "`python -m benchmarks`, which wrote this page. Within each benchmark the ways take turns, in an order that "
    "changes, and medians are compared, so that a slow moment meets everybody: read the ratios, which carry over to "
    "other machines better than the times do."
)
_RATIOS = (
    "**times** is what the other takes, divided by what flowemf takes: above 1, flowemf is the lighter one. The column "
    "after it says the same of processor time, which other programs on the machine disturb less. Goals were set before "
    "anything was built; they are judged by the time on the clock where nothing else is said."
)
_QUICK = (
    "> **Made with `--quick`: the sizes are far too small for these figures to mean anything.** They only show that "
    "everything runs."
)
_ROW_HEAD = ["measured", "compared with", "flowemf", "the other", "times", "times, by processor time", "goal", ""]


def page(runs: Sequence[Run], picture: str | None, *, quick: bool, today: date) -> str:
    """Write the page.

    Args:
        runs: what was measured.
        picture: where the picture lies, seen from the page; None for a page without one.
        quick: whether the sizes were the smallest.
        today: the date to print.
    """
    ratios = [ratio for section in SECTIONS for ratio in ratios_of(runs, section)]
    parts = [
        [_HEAD, "", "# Performance"],
        [_INTRODUCTION],
        [_QUICK] if quick else [],
        [f"![How many times as much as flowemf the others take]({picture})"] if picture else [],
        _verdict(ratios, busy=any(run.busy for run in runs)),
        [_RATIOS],
        *(_section(runs, section) for section in SECTIONS if _has_figures(runs, section)),
        _circumstances(runs, today),
        _repeating(runs),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def ratios_of(runs: Sequence[Run], section: Section) -> list[Ratio]:
    """Give the ratios of a section, whichever benchmark measured them."""
    return [ratio for run in runs for ratio in run.ratios(section.area)]


def _has_figures(runs: Sequence[Run], section: Section) -> bool:
    return any(run.benchmark.name in section.benchmarks for run in runs)


def _verdict(ratios: Sequence[Ratio], *, busy: bool) -> list[str]:
    with_goals = [ratio for ratio in ratios if ratio.reached is not None]
    missed = [ratio for ratio in with_goals if not ratio.reached]
    reached = len(with_goals) - len(missed)
    rows = [f"- {ratio.what}, {_beside(ratio)}: {_measured(ratio)}, goal {_goal(ratio)}" for ratio in missed]
    verdict = f"**{reached} of {len(with_goals)} goals were reached in this run.**"
    spoilt = " Other programs kept the machine busy, which spoils times by the clock: see [below](#the-machine)."
    return [verdict + (spoilt if busy else ""), *(["Missed:", "", *rows] if rows else [])]


def _section(runs: Sequence[Run], section: Section) -> list[str]:
    found: dict[str, dict[str, Any]] = {run.benchmark.name: run.found for run in runs}
    rows = [_row(ratio) for ratio in ratios_of(runs, section)]
    commands = [f"`{run.command}`" for run in runs if run.benchmark.name in section.benchmarks]
    return [
        f"## {section.title}",
        "",
        section.text,
        "",
        *markdown_table(_ROW_HEAD, rows, left=2),
        "",
        *details(section.tables(found)),
        "",
        f"For these figures alone: {' and '.join(commands)}.",
    ]


def _row(ratio: Ratio) -> list[str]:
    by_cpu = ratio.by_cpu if ratio.at_least else 1 / ratio.by_cpu if ratio.by_cpu else None
    return [
        ratio.what,
        ratio.against or ratio.relation,
        amount(ratio.ours, ratio.measured_in),
        amount(ratio.theirs, ratio.measured_in),
        times(ratio.times_better),
        times(by_cpu) if ratio.unit == "x" else NONE,
        _goal(ratio),
        {True: "reached", False: "**missed**", None: ""}[ratio.reached],
    ]


def _beside(ratio: Ratio) -> str:
    return f"beside {ratio.against}" if ratio.against else ratio.relation


def _measured(ratio: Ratio) -> str:
    return times(ratio.times_better) if ratio.unit == "x" else f"{three_digits(ratio.value)} {_spelled(ratio.unit)}"


def _goal(ratio: Ratio) -> str:
    """Write the goal in the direction of the column before it: at least so many times, or at most so much."""
    if ratio.goal is None:
        return ""
    at_least = ratio.goal_times_better
    aim = "" if ratio.aim is None else f" (aim {ratio.aim:g})"
    if at_least is None:
        return f"≤ {ratio.goal:g} {_spelled(ratio.unit)}{aim}"
    return f"≥ {float(three_digits(at_least)):g}x{aim}"


def _spelled(unit: str) -> str:
    return {"us": "µs"}.get(unit, unit)


def _circumstances(runs: Sequence[Run], today: date) -> list[str]:
    machine = runs[0].found["machine"]
    packages = {name: version for run in runs for name, version in run.found["machine"]["packages"].items() if version}
    variables = [name for name in PYTHON_VARIABLES if machine["variables"][name] is not None]
    facts = [
        ["date", today.isoformat()],
        ["processor", f"{machine['processor']}, {machine['cores']} cores"],
        ["memory", size(machine["memory_bytes"])],
        ["system", machine["system"]],
        ["Python", machine["python"] + (f", {', '.join(variables)} set" if variables else "")],
        ["packages", ", ".join(f"{name} {version}" for name, version in packages.items())],
    ]
    taken = [
        [
            f"`{run.benchmark.name}.py`",
            seconds(run.seconds),
            *(NONE if load is None else f"{load:.2f}" for load in (run.load_before, run.load_after)),
            NONE if run.others is None else f"{run.others:.2f}",
        ]
        for run in runs
    ]
    head = ["benchmark", "took", "load before", "load after", "cores kept busy by other programs"]
    return [
        "## The machine",
        "",
        *markdown_table(["", ""], facts, left=2),
        "",
        *markdown_table(head, taken),
        "",
        _disturbance(runs),
    ]


def _disturbance(runs: Sequence[Run]) -> str:
    busy = [run for run in runs if run.busy]
    if not busy:
        return "The machine had little else to do. The load after a benchmark is its own."
    names = ", ".join(run.benchmark.name for run in busy)
    return (
        f"**The machine was busy with other programs during {names}**: times by the clock, and ratios of them, say "
        "little there, those of `--jobs 2` least. Compare by processor time, or measure again when nothing else runs."
    )


def _repeating(runs: Sequence[Run]) -> list[str]:
    every = {run.benchmark.name for run in runs} == BENCHMARKS.keys()
    only = "" if every else f" --only {','.join(run.benchmark.name for run in runs)}"
    minutes = sum(run.seconds for run in runs) / 60
    where = (
        "From the root of the project, in an environment of your own, on a machine that does nothing else. pip needs a "
        "package index."
    )
    return [
        "## Measuring again",
        "",
        where + f" This run took {minutes:.0f} minutes.",
        "",
        "```bash",
        REQUIREMENTS,
        f"python -m benchmarks{only}",
        "```",
    ]
