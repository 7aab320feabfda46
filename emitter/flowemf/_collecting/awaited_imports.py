"""Waits for the application to import a module, without importing it.

A module's name and a function go in; the function is called once, right after the application has imported the module.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from types import ModuleType


def after_import(name: str, function: Callable[[], object]) -> None:
    """Call a function as soon as a module is there.

    Args:
        name: the module's full name; it must not be imported yet.
        function: raises nothing.
    """
    _finder.waiting[name] = function
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)  # before those that find it


class _Finder:
    """Stands among Python's finders, finds nothing by itself, and sees what is looked for."""

    def __init__(self) -> None:
        self.waiting: dict[str, Callable[[], object]] = {}

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Let the others find a module that is waited for, and note when it has been executed."""
        del path, target
        function = self.waiting.pop(name, None)  # taken out first: asking the others asks this one again
        if not self.waiting and self in sys.meta_path:
            sys.meta_path.remove(self)
        if function is None:
            return None
        spec = find_spec(name)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec, function)  # type: ignore[assignment] # it does what a loader does
        return spec


class _Loader:
    """A module's own loader, until the module has been executed."""

    def __init__(self, spec: ModuleSpec, function: Callable[[], object]) -> None:
        self._spec = spec
        self._own: Any = spec.loader
        self._function = function

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module as its loader does, and leave no trace in it."""
        module.__loader__ = self._spec.loader = self._own
        self._own.exec_module(module)
        self._function()


_finder: Any = _Finder()
