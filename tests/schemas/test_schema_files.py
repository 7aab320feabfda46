"""Holds the schema files to what they promise: valid, tied to the constants, and with a known reason for each keyword.

The files go in; every number, list and reason in them must be one that a Python module names too.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import flowemf_schemas
from flowemf._volume import settings as _volume
from flowemf_schemas import SCHEMA_NAMES, limits, load, names, units, validator
from flowemf_schemas.verdicts import VERDICTS, Scope

ROOT = Path(__file__).parent.parent.parent
MAGNITUDE = limits.VALUE_MAGNITUDE

# Every number in a schema that is a limit, and the constant that it repeats.
NUMBERS = {
    "emf-accepted": {
        "$defs/timestamp/maximum": limits.TIMESTAMP_MS,
        "$defs/directive/properties/Namespace/maxLength": limits.NAMESPACE_LENGTH,
        "$defs/directive/properties/Metrics/maxItems": limits.METRICS_PER_DIRECTIVE,
        "$defs/dimensionSet/maxItems": limits.DIMENSIONS_PER_SET,
        "$defs/dimensionSet/items/maxLength": limits.DIMENSION_KEY_LENGTH,
        "$defs/metric/properties/Name/maxLength": limits.METRIC_NAME_LENGTH,
    },
    "emf-written": {
        "$defs/target/anyOf/1/maxItems": limits.VALUES_PER_TARGET,
        "$defs/target/anyOf/2/properties/Values/maxItems": limits.VALUES_PER_TARGET,
        "$defs/target/anyOf/2/properties/Counts/maxItems": limits.VALUES_PER_TARGET,
        "$defs/dimensionValue/maxLength": limits.DIMENSION_VALUE_LENGTH,
    },
    "flow-event": {
        "properties/error_message/maxLength": limits.ERROR_MESSAGE_LENGTH,
        "properties/sample_rate/maximum": 1,
    },
    "generation-event": {
        "properties/error_message/maxLength": limits.ERROR_MESSAGE_LENGTH,
        "properties/sample_rate/maximum": 1,
    },
    "put-metric-data-request": {
        "properties/Namespace/maxLength": limits.NAMESPACE_LENGTH,
        "properties/MetricData/maxItems": limits.DATUMS_PER_REQUEST,
        "$defs/name/maxLength": limits.METRIC_NAME_LENGTH,
        "$defs/magnitude/minimum": -MAGNITUDE,
        "$defs/magnitude/maximum": MAGNITUDE,
        "$defs/count/maximum": MAGNITUDE,
        "$defs/datum/properties/Dimensions/maxItems": limits.DIMENSIONS_PER_SET,
        "$defs/datum/properties/Dimensions/items/properties/Name/maxLength": limits.API_DIMENSION_NAME_LENGTH,
        "$defs/datum/properties/Dimensions/items/properties/Value/maxLength": limits.DIMENSION_VALUE_LENGTH,
        "$defs/datum/properties/Values/maxItems": limits.VALUES_PER_DATUM,
        "$defs/datum/properties/Counts/maxItems": limits.VALUES_PER_DATUM,
    },
    "put-log-events-request": {
        "properties/logStreamName/maxLength": limits.LOG_STREAM_NAME_LENGTH,
        "properties/logEvents/maxItems": limits.LOG_EVENTS_PER_BATCH,
    },
    "ledger": {},
    "cloudwatch-prices": {},
    "rejects": {},
    "configuration": {
        "properties/namespace/maxLength": limits.NAMESPACE_LENGTH,
        "properties/custom_dimensions/maxProperties": limits.DIMENSIONS_PER_SET - 3,
        "properties/custom_dimensions/propertyNames/maxLength": limits.DIMENSION_KEY_LENGTH,
        "properties/custom_dimensions/additionalProperties/maxLength": limits.DIMENSION_VALUE_LENGTH,
        "properties/log_group/maxLength": limits.LOG_GROUP_NAME_LENGTH,
        "properties/metric_buffer_size/maximum": _volume.MOST_GATHERED,
        "properties/flush_interval_seconds/maximum": _volume.MOST_FLUSH_SECONDS,
        "properties/sample_rate/minimum": _volume.LEAST_SAMPLE_RATE,
        "properties/sample_rate/maximum": 1,
        "properties/max_series/maximum": _volume.MOST_SERIES,
        "properties/max_line_bytes/minimum": _volume.LEAST_LINE_BYTES,
        "properties/max_line_bytes/maximum": limits.EVENT_BYTES,
    },
    # Numbers of https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    "dashboard-body": {
        "properties/variables/maxItems": 25,
        "properties/widgets/maxItems": 500,
        "$defs/widget/properties/x/maximum": 23,
        "$defs/widget/properties/width/maximum": 24,
        "$defs/widget/properties/height/maximum": 1000,
        "$defs/metricWidget/properties/metrics/maxItems": 500,
        "$defs/row/maxItems": 3 + 2 * limits.DIMENSIONS_PER_SET,
        "$defs/row/then/maxItems": 1,
        "$defs/row/else/minItems": 2,
    },
}
# A minimum of nothing or one is no limit of a service, and a version is none either.
SMALL = {"minLength", "minItems", "minimum", "exclusiveMinimum", "const"}


def nodes(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Walk through a schema, with the path to each member and item."""
    yield path.lstrip("/"), value
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from nodes(inner, f"{path}/{step}")


def is_limit(path: str, value: Any) -> bool:
    """Tell whether a number in a schema is a limit."""
    if type(value) not in (int, float) or "/enum/" in path or path.endswith("/default"):
        return False
    return not (path.rpartition("/")[2] in SMALL and value in (0, 1))


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_each_schema_is_a_valid_schema(name: str) -> None:
    """Draft 2020-12 by name and by content, with an identity of its own."""
    schema = load(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:flowemf:schema:{name}:1"
    assert schema["title"]
    assert schema["description"]


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_each_limit_in_a_schema_is_the_constant(name: str) -> None:
    """JSON cannot import a number, so this is what keeps it written once in effect."""
    found = {path: value for path, value in nodes(load(name)) if is_limit(path, value)}
    assert found == NUMBERS[name]


def test_the_lists_in_the_schemas_are_the_constants() -> None:
    """Units and resolutions mean the same in the schemas as in Python."""
    metric = load("emf-accepted")["$defs"]["metric"]["properties"]
    datum = load("put-metric-data-request")["$defs"]["datum"]["properties"]
    assert tuple(metric["Unit"]["enum"]) == units.UNITS
    assert datum["Unit"] == {"$ref": "urn:flowemf:schema:emf-accepted:1#/$defs/metric/properties/Unit"}
    assert tuple(metric["StorageResolution"]["enum"]) == limits.STORAGE_RESOLUTIONS
    assert tuple(datum["StorageResolution"]["enum"]) == limits.STORAGE_RESOLUTIONS
    length = limits.LOG_GROUP_NAME_LENGTH
    group = rf"^[\.\-_/#A-Za-z0-9]{{1,{length}}}$(?!\n)"
    assert load("put-log-events-request")["properties"]["logGroupName"]["pattern"] == group
    assert load("emf-written")["properties"]["_aws"]["properties"]["LogGroupName"]["pattern"] == group


def test_a_text_timestamp_within_its_pattern_is_within_the_range() -> None:
    """The longest run of digits that version 0 may carry is still a date."""
    assert load("emf-accepted")["$defs"]["timestamp0"]["then"]["pattern"] == r"^[0-9]{1,14}$(?!\n)"
    assert int("9" * 14) <= limits.TIMESTAMP_MS


@pytest.mark.parametrize("name", ["flow-event", "generation-event"])
def test_the_event_schemas_spell_members_as_names_does(name: str) -> None:
    """No member of an event is spelled in a schema alone."""
    known = {
        *names.FLOW_METRICS,
        *names.GENERATION_METRICS,
        *names.BUILT_IN_DIMENSIONS,
        *names.PROPERTIES,
    }
    schema = load(name)
    spelled = set(schema["properties"]) | set(schema["required"])
    for path, value in nodes(schema):
        if path.endswith(("/properties", "/required")):
            spelled |= set(value)
    assert spelled <= known


def test_the_event_schemas_fix_the_values_that_names_fixes() -> None:
    """Event names, states and the version are the constants, too."""
    flow, generation = load("flow-event"), load("generation-event")
    assert flow["properties"]["event"]["enum"] == [names.EVENT_FLOW_START, names.EVENT_FLOW_END]
    assert flow["if"]["properties"]["event"]["const"] == names.EVENT_FLOW_START
    assert generation["properties"]["event"]["const"] == names.EVENT_GENERATION
    for schema in (flow, generation):
        assert schema["properties"]["schema_version"]["const"] == names.LINE_SCHEMA_VERSION
    states = [branch["properties"]["Status"]["const"] for branch in flow["else"]["oneOf"]]
    assert states == [names.STATUS_SUCCESS, names.STATUS_ERROR, names.STATUS_CANCELLED]


def test_the_lists_of_a_rejects_file_are_the_table() -> None:
    """A reason that was added stands in the schema too, and its members are spelled as a replay looks for them."""
    schema = load("rejects")
    found = schema["properties"]["findings"]["items"]["properties"]
    of_no_record = {reason for reason in VERDICTS if reason.startswith("source-")} | {"line-incomplete", "part-waiting"}
    assert found["reason"]["enum"] == [reason for reason in VERDICTS if reason not in of_no_record]
    assert found["scope"]["enum"] == [scope.value for scope in Scope]
    assert schema["properties"][names.REJECTS]["const"] == names.REJECTS_SCHEMA_VERSION
    spelled = {names.REJECTS_LINE, names.REJECTS_LINE_BASE64, names.REJECTS_RECEIVED_MS, names.REJECTS_EVENT_ID}
    assert spelled <= set(schema["properties"])


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_an_end_anchor_ends_the_text(name: str) -> None:
    """In Python `$` matches before a trailing newline, in other languages not: our patterns mean one thing in both."""
    loose = [value for path, value in nodes(load(name)) if path.endswith("/pattern") and isinstance(value, str)]
    assert [pattern for pattern in loose if pattern.endswith("$") and pattern != "^[^:*]*$"] == []


# --- Reasons ----------------------------------------------------------------------------------------------------------

ANNOTATIONS = {"$schema", "$id", "$defs", "$ref", "title", "description", "x-reasons"}
LEADING_FURTHER = {"properties", "items", "if", "then", "else"}


def test_each_keyword_of_emf_accepted_has_its_reason() -> None:
    """Whatever the schema can find wrong has a reason code, and no reason stands without its keyword."""
    wrong = []
    for path, node in nodes(load("emf-accepted")):
        is_schema = isinstance(node, dict) and path.rpartition("/")[2] not in {"properties", "$defs", "x-reasons"}
        if not is_schema or path.endswith("if"):
            continue
        keywords = set(node) - ANNOTATIONS - LEADING_FURTHER
        if keywords != set(node.get("x-reasons", {})):
            wrong.append((path, keywords))
    assert wrong == []


def test_each_reason_of_the_schema_stands_in_the_table() -> None:
    """A reason without a verdict would fail only when somebody's line meets it."""
    given = {reason for path, value in nodes(load("emf-accepted")) if "x-reasons/" in path for reason in [value]}
    assert given <= set(VERDICTS)


def strings_of(folder: Path) -> set[str]:
    """List the string constants of a folder's Python modules, the table of verdicts itself left out."""
    trees = [ast.parse(path.read_text()) for path in folder.rglob("*.py") if path.name != "verdicts.py"]
    constants = [node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return {value for value in constants if isinstance(value, str)}


def test_each_verdict_is_used() -> None:
    """No row of the table is left over: the schema, the rules or the processor gives each reason."""
    schema = {value for path, value in nodes(load("emf-accepted")) if "x-reasons/" in path}
    used = schema | strings_of(ROOT / "schemas") | strings_of(ROOT / "processor")
    assert set(VERDICTS) - used == set()


def test_each_verdict_says_what_is_wrong_and_what_to_do() -> None:
    """One line each, a fragment that goes on after a place, and codes that are alike."""
    for reason, verdict in VERDICTS.items():
        assert verdict.reason == reason
        assert reason.replace("-", "").replace("8", "").islower()
        assert isinstance(verdict.scope, Scope)
        for text in (verdict.meaning, verdict.remedy):
            assert text
            assert text == text.strip().rstrip(".")
            assert text.isprintable()


# --- load and validator -----------------------------------------------------------------------------------------------


def test_every_schema_file_has_a_name_and_every_name_a_file() -> None:
    """`SCHEMA_NAMES` lists what is shipped."""
    folder = Path(flowemf_schemas.__file__).parent
    assert {path.name.removesuffix(".schema.json") for path in folder.glob("*.json")} == set(SCHEMA_NAMES)


@pytest.mark.parametrize("function", [load, validator])
@pytest.mark.parametrize("name", ["", "emf", "EMF-written", "../emf-written", "emf-written.schema.json"])
def test_an_unknown_schema_is_refused_with_the_names_of_the_known(function: Any, name: str) -> None:
    """The error is the list that the caller needs."""
    with pytest.raises(KeyError) as caught:
        function(name)
    for known in (repr(name), *SCHEMA_NAMES):
        assert known in str(caught.value)


def test_a_loaded_schema_belongs_to_the_caller() -> None:
    """To change it changes nobody else's."""
    load("ledger").clear()
    assert load("ledger")["title"] == "The ledger of a run"


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_references_between_schemas_are_resolved_from_the_package(name: str) -> None:
    """A validator is built once, and walks into every referenced schema without a network."""
    assert validator(name) is validator(name)
    assert not validator(name).is_valid([])
    assert json.dumps(list(map(str, validator(name).iter_errors({}))))
