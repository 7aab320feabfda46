"""Writes the reference of the Python interface, from signatures and docstrings.

The sources of the public modules go in, read and not imported, so that no framework has to be there; a page comes out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from reference_docstrings import markdown
from reference_signatures import Function, signature

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "emitter", ROOT / "processor", ROOT / "schemas")
MODULES = (
    "flowemf",
    "flowemf.testing",
    "flowemf.structlog",
    "flowemf.integrations.genkit",
    "flowemf.integrations.otel",
    "flowemf.integrations.bedrock",
    "flowemf.integrations.litellm",
    "flowemf.integrations.langchain",
    "flowemf.integrations.lambda_",
    "flowemf.integrations.asgi",
    "flowemf.integrations.embedded_metrics",
    "flowemf_schemas",
    "flowemf_processor.handlers",
)
_HEAD = """\
# Python

What a program may import: {modules}.

Modules that are not listed here, and names that begin with an underscore, may change with any release
([compatibility.md](../compatibility.md)). The examples run in the tests of their modules.
"""
_Definition = Function | ast.ClassDef
# Blocks give these to the program; it never makes one.
_GIVEN = {"Flow", "Generation"}
# What blocks and fixtures call, and no program does.
_MECHANICS = {"start", "pause", "resume", "end", "write_end", "take", "settle"}


def page() -> str:
    """Give the text of the page."""
    modules = ", ".join(f"[`{name}`](#{name.replace('.', '')})" for name in MODULES)
    return "\n".join([_HEAD.format(modules=modules), *(_module(name) for name in MODULES)])


def public_names(module: str) -> list[str]:
    """Give what a module lists in `__all__`, sorted."""
    for node in _tree(module).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return sorted(ast.literal_eval(node.value), key=str.lower)
    raise LookupError(f"{module} has no __all__")


def _tree(module: str) -> ast.Module:
    path = Path(*module.split("."))
    candidates = (root / each for root in SOURCES for each in (path.with_suffix(".py"), path / "__init__.py"))
    return ast.parse(next(each for each in candidates if each.exists()).read_text(encoding="utf-8"))


def _module(module: str) -> str:
    said = markdown(ast.get_docstring(_tree(module)) or "")
    parts = [_described(module, name) for name in public_names(module) if name != "__version__"]
    return "\n".join([f"## {module}\n", f"{said}\n", *parts])


def _described(module: str, name: str) -> str:
    definitions = _definitions(module, name)
    heading = f"### {module}.{name}\n"
    if not definitions:
        return f"{heading}\n`{_value(module, name)}`\n"
    shown = definitions[-1]
    called = "\n".join(_calls(definitions, f"{module}.{name}"))
    methods = [_method(name, each) for each in _public_methods(shown)]
    return "\n".join([heading, f"```text\n{called}\n```\n", f"{markdown(ast.get_docstring(shown) or '')}\n", *methods])


def _definitions(module: str, name: str) -> list[_Definition]:
    """Find where a name is defined, overloads and all; follow it to the module that it is imported from."""
    tree = _tree(module)
    found = [node for node in tree.body if isinstance(node, _Definition) and node.name == name]
    for node in tree.body:
        if not found and isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
            return _definitions(str(node.module), name)
    return found


def _value(module: str, name: str) -> str:
    """Spell a constant, wherever it is imported from."""
    for node in _tree(module).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.unparse(node.value)
        if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
            return _value(str(node.module), name)
    raise LookupError(f"{module} has no {name}")


def _calls(definitions: list[_Definition], name: str, *, of_method: bool = False) -> Iterator[str]:
    """Spell how something is called: as its overloads say, where it has some."""
    for definition in definitions[: max(1, len(definitions) - 1)]:
        if not isinstance(definition, ast.ClassDef):
            yield signature(definition, name, of_method=of_method)
            continue
        made = [each for each in definition.body if isinstance(each, Function) and each.name == "__init__"]
        is_made = made and definition.name not in _GIVEN
        yield signature(made[0], f"class {name}", of_method=True) if is_made else f"class {name}"


def _public_methods(definition: _Definition) -> list[list[Function]]:
    """Give the methods of a class that have a docstring and a public name, each with its overloads."""
    if not isinstance(definition, ast.ClassDef):
        return []
    methods: dict[str, list[Function]] = {}
    for each in definition.body:
        if isinstance(each, Function) and not each.name.startswith("_") and each.name not in _MECHANICS:
            methods.setdefault(each.name, []).append(each)
    return [each for each in methods.values() if ast.get_docstring(each[-1])]


def _method(owner: str, definitions: list[Function]) -> str:
    shown = definitions[-1]
    name = f"{owner}.{shown.name}"
    decorators = {ast.unparse(each) for each in shown.decorator_list}
    called = name if "property" in decorators else "\n".join(_calls([*definitions], name, of_method=True))
    return f"```text\n{called}\n```\n\n{markdown(ast.get_docstring(shown) or '')}\n"
