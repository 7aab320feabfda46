"""The schema of the configuration and the table of settings say the same."""

from __future__ import annotations

from typing import Any

import pytest

from flowemf import ConfigurationError
from flowemf._settings import TABLE, resolve
from flowemf_schemas import load, validator

# Objects of the program, which no JSON can hold.
NOT_IN_JSON = {"clock"}
ROWS = {row.name: row for row in TABLE if row.name not in NOT_IN_JSON}
STATED: dict[str, Any] = load("configuration")["properties"]
HOW_TO_ADD = (
    "a new setting needs its place in schemas/flowemf_schemas/configuration.schema.json (type, default, description, "
    "x-environment), or in NOT_IN_JSON here where JSON cannot hold it"
)


def test_every_setting_stands_in_the_schema_and_no_other() -> None:
    """Whoever adds a row to the table finds here what else to do."""
    assert set(STATED) == set(ROWS), HOW_TO_ADD


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_setting_is_stated_as_it_is(name: str) -> None:
    """Its default and its environment variables, in the order in which they are read; and it is explained."""
    stated = STATED.get(name)
    assert stated is not None, HOW_TO_ADD
    assert stated["default"] == ROWS[name].default
    assert type(stated["default"]) is type(ROWS[name].default)
    assert stated["x-environment"] == ROWS[name].variables
    assert stated["description"].endswith(".")
    assert "type" in stated or "enum" in stated


def test_the_defaults_are_a_valid_configuration() -> None:
    """Each by itself and all together."""
    defaults = {name: stated["default"] for name, stated in STATED.items()}
    assert [error.message for error in validator("configuration").iter_errors(defaults)] == []
    assert resolve(defaults, {}).namespace == "FlowEMF"


@pytest.mark.parametrize(
    "settings",
    [
        {"namespace": ""},
        {"namespace": ":shop"},
        {"namespace": "shop "},
        {"namespace": "AWS/Lambda"},
        {"namespace": "x" * 256},
        {"enable_flow_metrics": "yes"},
        {"custom_dimensions": {"": "x"}},
        {"custom_dimensions": {"Team": ""}},
        {"custom_dimensions": {"Team": None}},
        {"custom_dimensions": {"Team": "x" * 1025}},
        {"rollups": "some"},
        {"sink": ""},
        {"delivery": "later"},
        {"queue_size": 0},
        {"queue_size": 1.5},
        {"log_group": "a b"},
        {"log_group": "x" * 513},
        {"unknown": 1},
    ],
)
def test_what_the_schema_refuses_configure_refuses_too(settings: dict[str, Any]) -> None:
    """A configuration that a tool has checked against the schema is not told something else at the start."""
    assert not validator("configuration").is_valid(settings)
    with pytest.raises(ConfigurationError):
        resolve(settings, {})


@pytest.mark.parametrize(
    "settings",
    [
        {"namespace": "MyApp/GenKit", "rollups": "none", "delivery": "background", "queue_size": 1},
        {"custom_dimensions": {"Team": "ai", "Build": 42}, "log_group": "/shop/ai", "sink": "udp://127.0.0.1:25888"},
        {"namespace": "A", "local": True, "leading_newline": True, "disabled": True, "sink": "stderr"},
    ],
)
def test_what_the_schema_takes_configure_takes_too(settings: dict[str, Any]) -> None:
    """As far as JSON can state it."""
    assert [error.message for error in validator("configuration").iter_errors(settings)] == []
    resolve(settings, {})
