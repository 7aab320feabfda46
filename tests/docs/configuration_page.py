"""Writes docs/configuration.md: every setting, from the schema of the configuration.

`python tests/docs/write_pages.py` writes the page anew; a test holds it equal to what this gives.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flowemf_schemas import load

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"

_HEAD = """\
# Configuration

Each setting is an argument of `flowemf.configure(...)` and of `flowemf.Monitor(...)`. Where it is not given, the first
of its environment variables that is set decides; else the default. A wrong one fails at `configure` with what is wrong,
the value and the remedy. [reference/python.md](reference/python.md#flowemfconfigure) says more about each, and
`flowemf schema show configuration` gives the schema that this page is made from.

Where lines go, and what is promised of them: [delivery.md](delivery.md). Fewer and shorter lines, fewer series:
[volume.md](volume.md). Prices and traces: [generations.md](generations.md).

| setting | default | environment | what it does |
|---|---|---|---|
"""


def page() -> str:
    """Give the text of the page."""
    rows = [_row(name, setting) for name, setting in load("configuration")["properties"].items()]
    return _HEAD + "".join(rows)


def _row(name: str, setting: dict[str, Any]) -> str:
    default = f"`{json.dumps(setting['default'])}`" if "default" in setting else ""
    environment = ", ".join(f"`{variable}`" for variable in setting["x-environment"])
    described = setting["description"].replace("|", "\\|")
    choices = f" One of {', '.join(f'`{choice}`' for choice in setting['enum'])}." if "enum" in setting else ""
    return f"| `{name}` | {default} | {environment} | {described}{choices} |\n"
