"""Spells how a function or class is called.

A definition as Python's parser gives it goes in; one signature comes out, on one line where it fits.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flowemf._output.endings import PATIENCE_SECONDS
from flowemf_schemas import units

Function = ast.FunctionDef | ast.AsyncFunctionDef
_WIDTH = 110
# Defaults that stand in the source under a name of ours.
_CONSTANTS = {"PATIENCE_SECONDS": PATIENCE_SECONDS, "units.NONE": units.NONE}


def signature(function: Function, name: str, *, of_method: bool = False) -> str:
    """Give `name(arguments) -> result`.

    Args:
        function: its definition.
        name: how it is called here.
        of_method: whether the first argument is the object itself, which nobody passes.
    """
    arguments = list(_arguments(function.args))[1 if of_method else 0 :]
    before = "async " if isinstance(function, ast.AsyncFunctionDef) else ""
    after = f" -> {ast.unparse(function.returns)}" if function.returns and function.name != "__init__" else ""
    line = f"{before}{name}({', '.join(arguments)}){after}"
    if len(line) <= _WIDTH:
        return line
    listed = "".join(f"    {argument},\n" for argument in arguments)
    return f"{before}{name}(\n{listed}){after}"


def _arguments(arguments: ast.arguments) -> Iterator[str]:
    """Give each argument as it stands in the source, separators included."""
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + arguments.defaults
    for place, (argument, default) in enumerate(zip(positional, defaults, strict=True), start=1):
        yield _argument(argument, default)
        if place == len(arguments.posonlyargs):
            yield "/"
    if arguments.vararg:
        yield f"*{ast.unparse(arguments.vararg)}"
    elif arguments.kwonlyargs:
        yield "*"
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _argument(argument, default)
    if arguments.kwarg:
        yield f"**{ast.unparse(arguments.kwarg)}"


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    if default is None:
        return ast.unparse(argument)
    equals = " = " if argument.annotation else "="
    spelled = ast.unparse(default)
    return f"{ast.unparse(argument)}{equals}{repr(_CONSTANTS[spelled]) if spelled in _CONSTANTS else spelled}"
