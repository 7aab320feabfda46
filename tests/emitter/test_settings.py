"""Settings: arguments, environment and defaults; and what `configure` says about a wrong one."""

from __future__ import annotations

import inspect
import json
import os
import stat
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

import flowemf
from flowemf import ConfigurationError, FlowEmfError, Monitor
from flowemf._clock import SystemClock
from flowemf._settings import TABLE, Settings, resolve

DEFAULTS: dict[str, Any] = {
    "namespace": "FlowEMF",
    "enable_flow_metrics": True,
    "enable_model_metrics": True,
    "custom_dimensions": (),
    "rollups": "standard",
    "error_types": {},
    "redact": True,
    "enable_xray_tracing": False,
    "prices": None,
    "sink": "stdout",
    "delivery": "sync",
    "queue_size": 10_000,
    "metric_buffer_size": 1,
    "flush_interval_seconds": 30,
    "sample_rate": 1,
    "max_series": 1000,
    "max_line_bytes": 1_048_576,
    "leading_newline": False,
    "log_group": "",
    "local": False,
    "disabled": False,
}
FROM_ENVIRONMENT: list[tuple[str, str, str, object]] = [
    ("FLOWEMF_NAMESPACE", "Shop/AI", "namespace", "Shop/AI"),
    ("AWS_EMF_NAMESPACE", "Shop/AI", "namespace", "Shop/AI"),
    ("FLOWEMF_ENABLE_FLOW_METRICS", "false", "enable_flow_metrics", False),
    ("FLOWEMF_ENABLE_MODEL_METRICS", "0", "enable_model_metrics", False),
    ("FLOWEMF_CUSTOM_DIMENSIONS", "Team=ai, Env=prod", "custom_dimensions", (("Team", "ai"), ("Env", "prod"))),
    ("FLOWEMF_CUSTOM_DIMENSIONS", '{"Team": "a,b=c"}', "custom_dimensions", (("Team", "a,b=c"),)),
    ("FLOWEMF_ROLLUPS", "all", "rollups", "all"),
    ("FLOWEMF_REDACT", "off", "redact", False),
    ("FLOWEMF_SINK", "stderr", "sink", "stderr"),
    ("FLOWEMF_DELIVERY", "background", "delivery", "background"),
    ("FLOWEMF_QUEUE_SIZE", "500", "queue_size", 500),
    ("FLOWEMF_METRIC_BUFFER_SIZE", "100", "metric_buffer_size", 100),
    ("FLOWEMF_FLUSH_INTERVAL_SECONDS", "0.5", "flush_interval_seconds", 0.5),
    ("FLOWEMF_SAMPLE_RATE", "0.1", "sample_rate", 0.1),
    ("FLOWEMF_SAMPLE_RATE", "1/3", "sample_rate", 1 / 3),
    ("FLOWEMF_MAX_SERIES", "50", "max_series", 50),
    ("FLOWEMF_MAX_LINE_BYTES", "16384", "max_line_bytes", 16384),
    ("FLOWEMF_LEADING_NEWLINE", "on", "leading_newline", True),
    ("FLOWEMF_LOG_GROUP", "/shop/ai", "log_group", "/shop/ai"),
    ("AWS_EMF_LOG_GROUP_NAME", "/shop/ai", "log_group", "/shop/ai"),
    ("FLOWEMF_LOCAL", "true", "local", True),
    ("FLOWEMF_DISABLED", "Yes", "disabled", True),
]
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"namespace": ""}, "namespace"),
    ({"namespace": "x" * 256}, "namespace"),
    ({"namespace": ":shop"}, "namespace"),
    ({"namespace": " shop"}, "namespace"),
    ({"namespace": "caf\u00e9"}, "namespace"),
    ({"namespace": "a\nb"}, "namespace"),
    ({"namespace": "AWS/Bedrock"}, "reserved"),
    ({"namespace": 3}, "namespace"),
    ({"enable_flow_metrics": "yes"}, "enable_flow_metrics"),
    ({"disabled": 1}, "disabled"),
    ({"rollups": "some"}, "none, standard, all"),
    ({"rollups": ["all"]}, "none, standard, all"),
    ({"error_types": 3}, "mapping"),
    ({"error_types": ValueError}, "mapping"),
    ({"error_types": {3: "Quota"}}, "class names"),
    ({"error_types": {"": "Quota"}}, "class names"),
    ({"error_types": {int: "Quota"}}, "class names"),
    ({"error_types": {"QuotaError": ""}}, "printable ASCII"),
    ({"error_types": {"QuotaError": "caf\u00e9"}}, "printable ASCII"),
    ({"error_types": {"QuotaError": None}}, "printable ASCII"),
    ({"error_types": {"QuotaError": "3fa85f64-5717-4562-b3fc-2c963f66afa6"}}, "identifier"),
    ({"redact": 3}, "regular expressions"),
    ({"redact": str}, "function"),
    ({"redact": "[0-9]+"}, "list of regular expressions"),
    ({"redact": ["[0-9"]}, "re.escape"),
    ({"redact": ["x*"]}, "one character"),
    ({"redact": [b"x"]}, "for text"),
    ({"redact": [3]}, "for text"),
    ({"sink": 3}, "sink"),
    ({"sink": ""}, "sink"),
    ({"sink": "/no/such/directory/app.log"}, "No such file or directory"),
    ({"sink": "http://127.0.0.1:25888"}, "tcp://host:port"),
    ({"sink": "tcp://127.0.0.1:0"}, "tcp://host:port"),
    ({"sink": "tcp://127.0.0.1:65536"}, "tcp://host:port"),
    ({"sink": "tcp://127.0.0.1:agent"}, "tcp://host:port"),
    ({"sink": "tcp://user@host:25888"}, "tcp://host:port"),
    ({"sink": "udp://:25888"}, "tcp://host:port"),
    ({"sink": "tcp://127.0.0.1/x"}, "tcp://host:port"),
    ({"log_group": "a b"}, "log group"),
    ({"log_group": "x" * 513}, "log group"),
    ({"log_group": 3}, "log group"),
    ({"local": 1}, "local"),
    ({"leading_newline": "no"}, "leading_newline"),
    ({"delivery": "later"}, "sync, background"),
    ({"queue_size": 0}, "whole number"),
    ({"queue_size": True}, "whole number"),
    ({"queue_size": 10.0}, "whole number"),
    ({"metric_buffer_size": 0}, "1 to 100000"),
    ({"metric_buffer_size": 100_001}, "1 to 100000"),
    ({"metric_buffer_size": 2.0}, "1 to 100000"),
    ({"flush_interval_seconds": 0}, "seconds"),
    ({"flush_interval_seconds": 86_401}, "seconds"),
    ({"flush_interval_seconds": float("nan")}, "seconds"),
    ({"flush_interval_seconds": True}, "seconds"),
    ({"sample_rate": 0}, "1/N"),
    ({"sample_rate": 1.5}, "1/N"),
    ({"sample_rate": 1e-7}, "1/N"),
    ({"sample_rate": "0.1"}, "1/N"),
    ({"sample_rate": 0.3}, "the nearest is 1/3, 0.333333"),
    ({"sample_rate": 0.7}, "the nearest is 1/2, 0.5"),
    ({"sample_rate": 0.15}, "the nearest is 1/7, 0.142857"),
    ({"max_series": 0}, "1 to 1000000"),
    ({"max_line_bytes": 4095}, "4096 to 1048576"),
    ({"max_line_bytes": 1_048_577}, "4096 to 1048576"),
    (
        {"max_line_bytes": 4096, "custom_dimensions": {"A": "x" * 1024, "B": "x" * 1024}},
        "fewer or shorter custom_dimensions",
    ),
    ({"clock": object()}, "wall_ms"),
    ({"custom_dimensions": ["Team"]}, "mapping"),
    ({"custom_dimensions": {"": "x"}}, "key"),
    ({"custom_dimensions": {3: "x"}}, "key"),
    ({"custom_dimensions": {"x" * 251: "x"}}, "key"),
    ({"custom_dimensions": {"\u00e9": "x"}}, "printable ASCII"),
    ({"custom_dimensions": {"FlowName": "x"}}, "taken"),
    ({"custom_dimensions": {"TokensUsed": "x"}}, "taken"),
    ({"custom_dimensions": {"flow_id": "x"}}, "taken"),
    ({"custom_dimensions": {"_aws": "x"}}, "taken"),
    ({"custom_dimensions": {"Team": ""}}, "empty"),
    ({"custom_dimensions": {"Team": " "}}, "empty"),
    ({"custom_dimensions": {"Team": None}}, "not text"),
    ({"custom_dimensions": {"Team": "x" * 1025}}, "1024"),
    ({"custom_dimensions": {"Key": "AKIA" + "IOSFODNN7EXAMPLE"}}, "secret"),
    ({"custom_dimensions": {f"D{index}": "x" for index in range(28)}}, "too many"),
    ({"buffer": 3}, "namespace, enable_flow_metrics"),
]


def test_every_setting_has_a_default_and_they_are_these() -> None:
    """Nothing needs to be given."""
    settings = resolve({}, {})
    assert {name: getattr(settings, name) for name in DEFAULTS} == DEFAULTS
    assert isinstance(settings.clock, SystemClock)
    assert {row.name for row in TABLE} == set(Settings.__slots__) == {*DEFAULTS, "clock"}


@pytest.mark.parametrize(("variable", "text", "name", "expected"), FROM_ENVIRONMENT)
def test_a_setting_comes_from_the_environment(variable: str, text: str, name: str, expected: object) -> None:
    """FLOWEMF_ and the name in capitals; an empty variable counts as missing."""
    assert getattr(resolve({}, {variable: text}), name) == expected
    assert getattr(resolve({}, {variable: ""}), name) == DEFAULTS[name]


def test_the_argument_wins_over_the_environment_and_ours_over_others() -> None:
    """Argument, FLOWEMF_, AWS_EMF_, default."""
    both = {"FLOWEMF_NAMESPACE": "Ours", "AWS_EMF_NAMESPACE": "Theirs"}
    assert resolve({"namespace": "Given"}, both).namespace == "Given"
    assert resolve({}, both).namespace == "Ours"
    assert resolve({"enable_flow_metrics": True}, {"FLOWEMF_ENABLE_FLOW_METRICS": "off"}).enable_flow_metrics


def test_a_variable_of_another_meaning_is_not_read() -> None:
    """Elsewhere AWS_EMF_DISABLE_METRIC_EXTRACTION keeps the lines and only leaves out their metadata."""
    assert not resolve({}, {"AWS_EMF_DISABLE_METRIC_EXTRACTION": "true"}).disabled


@pytest.mark.parametrize(("arguments", "words"), WRONG)
def test_a_wrong_setting_fails_at_configure(arguments: dict[str, Any], words: str) -> None:
    """The message names the setting and the remedy; `Monitor` and `configure` agree."""
    with pytest.raises(ConfigurationError, match=words) as raised:
        Monitor(**arguments)
    assert next(iter(arguments)) in str(raised.value)
    assert "; " in str(raised.value)
    assert isinstance(raised.value, FlowEmfError)
    with pytest.raises(ConfigurationError, match=words):
        flowemf.configure(**arguments)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("FLOWEMF_DISABLED", "maybe"),
        ("FLOWEMF_QUEUE_SIZE", "many"),
        ("FLOWEMF_CUSTOM_DIMENSIONS", "Team"),
        ("FLOWEMF_CUSTOM_DIMENSIONS", "Team=a,Team=b"),
        ("FLOWEMF_CUSTOM_DIMENSIONS", "{Team"),
        ("FLOWEMF_CUSTOM_DIMENSIONS", "Team="),
        ("AWS_EMF_NAMESPACE", "AWS/Lambda"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, text: str) -> None:
    """Whoever reads the message knows where the value came from."""
    with pytest.raises(ConfigurationError, match=variable):
        resolve({}, {variable: text})


def test_a_dimension_that_is_named_twice_is_refused() -> None:
    """Other mappings than dictionaries may hold a key twice, as the headers of a message do."""
    headers = Message()
    headers["Team"] = "ai"
    headers["Team"] = "shop"
    with pytest.raises(ConfigurationError, match="names a dimension twice"):
        resolve({"namespace": "App", "custom_dimensions": headers}, {})


def test_a_secret_in_a_dimension_is_not_repeated_in_the_message() -> None:
    """Error messages end up in logs."""
    secret = "AKIA" + "IOSFODNN7EXAMPLE"
    with pytest.raises(ConfigurationError) as raised:
        Monitor(custom_dimensions={"Key": secret})
    assert secret not in str(raised.value)


def test_a_failed_configure_leaves_the_monitor_that_was_there(captured: Any) -> None:
    """A wrong second call changes nothing."""
    flowemf.configure("App/Test", sink=captured)
    with pytest.raises(ConfigurationError):
        flowemf.configure(rollups="some")
    flowemf.metric("Documents", 1)
    assert captured.last["Documents"] == 1


def test_custom_dimensions_an_operator_would_choose_are_taken(make_monitor: Any, captured: Any) -> None:
    """Addresses, versions, commits and numbers; as many as leave room for ours, each as long as CloudWatch allows."""
    dimensions = {
        "Owner": "team-ai@company.com",
        "Version": "1.2.3",
        "GitCommit": "0123456789abcdef0123456789abcdef01234567",
        "Build": 42,
        "City": "Z\u00fcrich",
        **{f"D{index}" + "k" * 240: "v" * 1024 for index in range(22)},
    }
    assert len(dimensions) == 27
    make_monitor(custom_dimensions=dimensions, rollups="all").on_flow_error("chat", 1, "no")
    document = captured.last
    assert document["Owner"] == "team-ai@company.com"
    assert document["Build"] == "42"
    assert document["City"] == "Z%C3%BCrich"
    assert max(len(each) for each in document["_aws"]["CloudWatchMetrics"][0]["Dimensions"]) == 30


def test_settings_do_not_change_any_more() -> None:
    """A monitor cannot be reconfigured behind its back."""
    with pytest.raises(AttributeError, match="frozen"):
        resolve({}, {}).namespace = "Other"


def test_two_monitors_never_share_dimensions(captured: Any) -> None:
    """Nor namespaces, nor counts."""
    first = Monitor("First", sink=captured, custom_dimensions={"Team": "a"})
    second = Monitor("Second", sink=captured, custom_dimensions={"Env": "b"})
    first.on_flow_start("chat")
    second.on_flow_start("chat")
    first.metric("Documents", 1, dimensions={"Index": "x"})
    second.metric("Documents", 1)
    first.metric("Documents", float("nan"))
    documents = captured.documents
    spaces = [document["_aws"]["CloudWatchMetrics"][0]["Namespace"] for document in documents]
    assert spaces == ["First", "Second", "First", "Second"]
    assert ["Team" in document for document in documents] == [True, False, True, False]
    assert ["Env" in document for document in documents] == [False, True, False, True]
    assert ["Index" in document for document in documents] == [False, False, True, False]
    assert first.stats() == {"lines_written": 2, "value_not_finite": 1}
    assert second.stats() == {"lines_written": 2}


def test_every_setting_is_explained_where_it_is_given() -> None:
    """`help(flowemf.configure)` knows them all."""
    text = inspect.cleandoc(flowemf.configure.__doc__ or "")  # Python 3.13 takes the indentation out itself
    assert [row.name for row in TABLE if f"\n    {row.name}:" not in text] == []


def test_a_file_can_be_named_by_a_path(tmp_path: Path, documents_of: Any) -> None:
    """It is made readable for everybody and writable for its owner, and appended to."""
    path = tmp_path / "metrics.log"
    os.umask(previous := os.umask(0o022))
    Monitor("App/Test", sink=path).on_flow_start("chat")
    Monitor("App/Test", sink=str(path)).on_flow_start("chat")
    assert len(documents_of(path.read_bytes())) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o644 & ~previous


def test_the_environment_is_read_by_configure(monkeypatch: pytest.MonkeyPatch, captured: Any) -> None:
    """The process's own environment, at the moment of the call."""
    monkeypatch.setenv("FLOWEMF_CUSTOM_DIMENSIONS", json.dumps({"Team": "ai"}))
    monkeypatch.setenv("AWS_EMF_NAMESPACE", "Shop")
    flowemf.configure(sink=captured).on_flow_start("chat")
    assert captured.last["Team"] == "ai"
    assert captured.last["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Shop"
