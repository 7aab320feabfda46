"""`flowemf schema`: shows the JSON Schemas of the lines, the requests and the ledger.

A schema's name goes in; the schema comes out.
"""

from __future__ import annotations

import json

import click

from flowemf_processor.cli.output.streams import data
from flowemf_schemas import SCHEMA_NAMES, load

_EPILOG = """
\b
Examples:
  flowemf schema list
  flowemf schema show emf-accepted
"""


@click.group(epilog=_EPILOG)
def schema() -> None:
    """Show the JSON Schemas of lines, requests and the ledger."""


@schema.command(name="list")
def list_schemas() -> None:
    """List the schemas: one a line, its name and what it describes."""
    width = max(map(len, SCHEMA_NAMES))
    for name in SCHEMA_NAMES:
        data(f"{name:{width}}  {load(name)['title']}")


@schema.command(name="show")
@click.argument("name", type=click.Choice(SCHEMA_NAMES), metavar="NAME")
def show_schema(name: str) -> None:
    """Print the schema NAME as JSON.

    NAME is one of those that `flowemf schema list` gives.
    """
    data(json.dumps(load(name), indent=2))
