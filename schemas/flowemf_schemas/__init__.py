"""The contract between the side that writes lines and the side that reads them.

A schema's name goes in; the JSON Schema (Draft 2020-12) or a validator for it comes out. Importing this package
reads no file and imports nothing else, since the emitter takes its spellings from here.
"""

from __future__ import annotations

from flowemf_schemas._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from jsonschema.protocols import Validator

__all__ = ["SCHEMA_NAMES", "__version__", "load", "validator"]

SCHEMA_NAMES = (
    "emf-written",
    "emf-accepted",
    "flow-event",
    "generation-event",
    "put-metric-data-request",
    "put-log-events-request",
    "ledger",
    "rejects",
    "configuration",
    "cloudwatch-prices",
    "dashboard-body",
)

_validators: dict[str, Validator] = {}


def load(name: str) -> dict[str, Any]:
    """Read one of the schemas that this package ships.

    >>> load("emf-written")["$schema"]
    'https://json-schema.org/draft/2020-12/schema'

    Args:
        name: one of `SCHEMA_NAMES`.

    Returns:
        The schema as a new dictionary, which the caller may change.

    Raises:
        KeyError: there is no such schema; the message lists those there are.
    """
    import json
    from importlib import resources

    if name not in SCHEMA_NAMES:
        raise KeyError(f"no schema is called {name!r}; there are: {', '.join(SCHEMA_NAMES)}")
    text = resources.files(__name__).joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def validator(name: str) -> Validator:
    """Give a validator for one of the schemas; references between the schemas are resolved without a network.

    >>> validator("put-log-events-request").is_valid({})
    False

    Args:
        name: one of `SCHEMA_NAMES`.

    Returns:
        A jsonschema validator, built once for each name.

    Raises:
        KeyError: there is no such schema.
        ImportError: the package jsonschema is not installed (it comes with the extra `processor`).
    """
    found = _validators.get(name)
    if found is None:
        from jsonschema import Draft202012Validator
        from referencing import Registry, Resource

        schemas = [load(each) for each in SCHEMA_NAMES]
        registry: Registry[Any] = Registry().with_resources(
            (schema["$id"], Resource.from_contents(schema)) for schema in schemas
        )
        found = _validators[name] = Draft202012Validator(load(name), registry=registry)
    return found
