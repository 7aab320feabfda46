"""What waits for the application to import a module: it sees it once, changes nothing, and leaves."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flowemf._collecting.awaited_imports import after_import


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Give a function that writes a module which can be imported, and gives its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def written(name: str, source: str = "VALUE = 7") -> str:
        (tmp_path / f"{name}.py").write_text(source)
        return name

    return written


def test_the_function_is_called_once_the_module_is_whole(module: Callable[[str], str]) -> None:
    """Not while its code still runs; afterwards neither the module nor Python's finders show that somebody waited."""
    name = module("flowemf_awaited_whole")
    finders = list(sys.meta_path)
    seen: list[object] = []
    after_import(name, lambda: seen.append(sys.modules[name].VALUE))
    assert seen == []
    imported = importlib.import_module(name)
    importlib.import_module(name)
    assert seen == [7]
    assert type(imported.__loader__).__name__ == "SourceFileLoader"
    assert imported.__spec__ is not None
    assert imported.__spec__.loader is imported.__loader__
    assert sys.meta_path == finders


def test_several_modules_are_waited_for_each_by_itself(module: Callable[[str], str]) -> None:
    """One that is there takes nothing from the others; who else is imported meanwhile is left alone."""
    names = [module(f"flowemf_awaited_{number}") for number in range(2)]
    finders = list(sys.meta_path)
    seen: list[str] = []
    for name in names:
        after_import(name, lambda name=name: seen.append(name))
    importlib.import_module(module("flowemf_not_awaited"))
    importlib.import_module(names[1])
    assert seen == [names[1]]
    importlib.import_module(names[0])
    assert seen == names[::-1]
    assert sys.meta_path == finders


def test_a_module_that_is_not_there_stays_missing(module: Callable[[str], str]) -> None:
    """The application gets Python's own exception, and nobody is called."""
    finders = list(sys.meta_path)
    after_import("flowemf_awaited_nowhere", lambda: pytest.fail("it is not there"))
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'flowemf_awaited_nowhere'$"):
        importlib.import_module("flowemf_awaited_nowhere")
    assert sys.meta_path == finders


def test_a_module_that_fails_calls_nobody(module: Callable[[str], str]) -> None:
    """Its exception is the application's."""
    name = module("flowemf_awaited_broken", "raise OSError('broken')")
    after_import(name, lambda: pytest.fail("it never was whole"))
    with pytest.raises(OSError, match="broken"):
        importlib.import_module(name)
