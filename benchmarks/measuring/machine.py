"""Describes where a benchmark ran: the machine, the interpreter, the packages, and what Python was told.

Names of packages go in; a dictionary and its text come out, to stand above every result.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

# What changes the results of the peers and of import times: set on purpose, and printed with the results.
PYTHON_VARIABLES = ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONOPTIMIZE", "PYTHONDEVMODE")


def describe(packages: Iterable[str], environment: Mapping[str, str]) -> dict[str, object]:
    """Describe this machine and the environment in which the measured processes run.

    Args:
        packages: the distributions whose versions matter.
        environment: the variables that the measured processes get.
    """
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "memory_bytes": _memory_bytes(),
        "system": f"{platform.system()} {_kernel()} on {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "variables": {name: environment.get(name) for name in PYTHON_VARIABLES},
        "packages": {name: version_of(name) for name in packages},
    }


def as_text(machine: Mapping[str, object]) -> str:
    """Write the description in four lines."""
    variables, packages = machine["variables"], machine["packages"]
    assert isinstance(variables, dict)
    assert isinstance(packages, dict)
    told = ", ".join(f"{name} {'unset' if value is None else f'= {value}'}" for name, value in variables.items())
    found = ", ".join(f"{name} {version or 'not installed'}" for name, version in packages.items())
    return (
        f"{machine['cores']} cores of {machine['processor']}, load {machine['load']}, {machine['system']}\n"
        f"{machine['python']}; {told}\n{found}\n"
        "Times are medians of interleaved rounds. Shared machines are noisy: read the ratios, not the microseconds."
    )


def version_of(package: str) -> str | None:
    """Return the installed version of a distribution, None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def measured_environment(*, unbuffered: bool, write_bytecode: bool = True) -> dict[str, str]:
    """Return this process's environment with the variables of Python set or unset on purpose.

    Args:
        unbuffered: whether `sys.stdout` of the measured processes holds no text back.
        write_bytecode: whether they may keep compiled modules.
    """
    kept = {name: value for name, value in os.environ.items() if name not in PYTHON_VARIABLES}
    kept |= {"PYTHONUNBUFFERED": "1"} if unbuffered else {}
    return kept | ({} if write_bytecode else {"PYTHONDONTWRITEBYTECODE": "1"})


def _kernel() -> str:
    """Return the kernel's numbers without what its builder called it."""
    return platform.release().partition("-")[0]


def _memory_bytes() -> int | None:
    names = getattr(os, "sysconf_names", {})
    if not {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= names.keys():
        return None
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or sys.platform
