"""Writes the reference of the JSON Schemas: what there is, under which identifier, and what each describes.

The schemas that the distribution ships go in; a page comes out.
"""

from __future__ import annotations

from flowemf_schemas import SCHEMA_NAMES, load

_HEAD = """\
# Schemas

The contract between what writes lines and what reads them, as JSON Schema (Draft 2020-12). `flowemf schema list` names
them, `flowemf schema show NAME` prints one; in Python they are `flowemf_schemas.load` and `validator`
([python.md](python.md#flowemf_schemas)). The number at the end of an identifier is raised when what was valid is valid
no longer ([compatibility.md](../compatibility.md)). What no schema can say (that a value has a place at the root, that
a ledger adds up) is checked beside them; of lines it stands in [findings.md](findings.md).

| name | identifier | what it describes |
|---|---|---|
"""


def page() -> str:
    """Give the text of the page."""
    return _HEAD + "".join(map(_row, SCHEMA_NAMES))


def _row(name: str) -> str:
    schema = load(name)
    said = f"**{schema['title']}.** {schema['description']}".replace("|", "\\|").replace("<", "&lt;")
    return f"| `{name}` | `{schema['$id']}` | {said} |\n"
