"""Makes dashboards of a log and of an account: valid, of series that exist, and the same again when asked again."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from account_server import AccountServer
from command_process import Flowemf
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from flowemf_schemas import validator

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import CloudWatch

NAMESPACE = "SupportDesk/Assistant"
SEARCH = re.compile(r"""SEARCH\('\{(".*?")\} MetricName="(\w+)"', '([\w.]+)', 300\)""")
Published = set[tuple[str, str, tuple[tuple[str, str], ...]]]


@pytest.fixture
def in_a_region(with_variables: Callable[..., Flowemf]) -> Flowemf:
    """Give the command with a Region and nothing else of AWS."""
    return with_variables(AWS_DEFAULT_REGION="eu-west-1")


@pytest.fixture(scope="module")
def demo_body(tmp_path_factory: pytest.TempPathFactory, demo_log: Path) -> dict[str, Any]:
    """Make the dashboard of the demo's log once."""
    return shown(Flowemf(tmp_path_factory.mktemp("body"), {"AWS_DEFAULT_REGION": "eu-west-1"}), demo_log)


@pytest.fixture(scope="module")
def demo_model(tmp_path_factory: pytest.TempPathFactory, demo_log: Path) -> dict[str, Any]:
    """Make the same for Grafana, without a Region."""
    command = Flowemf(tmp_path_factory.mktemp("model"), {"AWS_DEFAULT_REGION": None, "AWS_REGION": None})
    return shown(command, demo_log, "--grafana")


def published(log: Path) -> Published:
    """Read off the lines, without our reader, which series they publish."""
    found: Published = set()
    for line in log.read_text().splitlines():
        document = json.loads(line) if '"_aws"' in line else {"_aws": {"CloudWatchMetrics": []}}
        for directive in document["_aws"]["CloudWatchMetrics"]:
            for keys in directive["Dimensions"]:
                dimensions = tuple(sorted((key, document[key]) for key in keys))
                found |= {(directive["Namespace"], each["Name"], dimensions) for each in directive["Metrics"]}
    return found


def rows(body: dict[str, Any]) -> Iterator[list[Any]]:
    for widget in body["widgets"]:
        yield from widget["properties"].get("metrics", [])


def shown(command: Flowemf, log: Path, *options: str) -> dict[str, Any]:
    finished = command("dashboard", "show", log, *options)
    assert finished.returncode == 0, finished.stderr
    body: dict[str, Any] = json.loads(finished.stdout)
    return body


def test_each_widget_names_series_that_the_log_publishes(demo_body: dict[str, Any], demo_log: Path) -> None:
    """By name with all their dimensions, or by a search for exactly the keys of a set that exists."""
    there = published(demo_log)
    # A flow that has never failed will do so under the roll-up that its successes have
    there |= {(namespace, "FlowError", pairs) for namespace, name, pairs in there if name == "FlowCompleted"}
    keys_there = {(namespace, name, tuple(key for key, _ in pairs)) for namespace, name, pairs in there}
    named = searched = 0
    for row in rows(demo_body):
        if isinstance(row[0], str):
            *path, _ = row
            pairs = tuple(sorted(zip(path[2::2], path[3::2], strict=True)))
            assert (path[0], path[1], pairs) in there, row
            named += 1
        elif "SEARCH" in row[0]["expression"]:
            schema, name, _ = SEARCH.fullmatch(row[0]["expression"]).groups()  # type: ignore[union-attr]
            namespace, *keys = json.loads(f"[{schema}]")
            assert (namespace, name, tuple(sorted(keys))) in keys_there, row
            searched += 1
    assert named >= 20
    assert searched >= 5


def test_a_body_is_valid_and_its_expressions_use_ids_of_their_widget(demo_body: dict[str, Any]) -> None:
    """By our schema of the dashboard body: moto takes any JSON."""
    body = demo_body
    assert [error.message for error in validator("dashboard-body").iter_errors(body)] == []
    for widget in body["widgets"]:
        renderings = [row[-1] for row in widget["properties"].get("metrics", [])]
        ids = [each["id"] for each in renderings if "id" in each]
        assert len(ids) == len(set(ids))
        rates = [each["expression"] for each in renderings if each.get("expression", "").startswith("100")]
        assert {name for text in rates for name in re.findall(r"m\d+_\d+", text)} <= set(ids)
    regions = {widget["properties"].get("region") for widget in body["widgets"]}
    assert regions == {None, "eu-west-1"}


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"widgets": [{"type": "metrics", "properties": {}}]},
        {"widgets": [{"type": "metric", "properties": {"metrics": [["NS", "M"]]}}]},
        {"widgets": [{"type": "metric", "properties": {"region": "r", "metrics": [["NS"]]}}]},
        {"widgets": [{"type": "metric", "properties": {"region": "r", "metrics": [["NS", "M", {"stat": "P95"}]]}}]},
        {"widgets": [{"type": "metric", "properties": {"region": "r", "metrics": [[{"id": "e1"}]]}}]},
        {"widgets": [{"type": "text", "x": 24, "y": 0, "properties": {"markdown": ""}}]},
    ],
)
def test_the_schema_refuses_what_cloudwatch_would(broken: dict[str, Any]) -> None:
    """Otherwise its word for our own bodies would mean nothing."""
    assert not validator("dashboard-body").is_valid(broken)


def test_grafanas_own_model_takes_every_member(demo_model: dict[str, Any]) -> None:
    """Read by Grafana's SDK and written again, nothing is lost: it knows each member and keeps each value."""
    register_default_plugins()
    model = demo_model
    again = json.loads(json.dumps(Dashboard.from_json(model), cls=JSONEncoder))
    assert lost(model, again) == []
    queries = [target for panel in model["panels"] for target in panel.get("targets", [])]
    assert len(queries) > 20
    assert {query["namespace"] for query in queries} == {NAMESPACE}


def lost(before: Any, after: Any, path: str = "") -> list[str]:
    """List what is in one value and not in the other."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [each for key in before for each in lost(before[key], after.get(key, "missing"), f"{path}/{key}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [each for index, (one, other) in pairs for each in lost(one, other, f"{path}/{index}")]
    return [] if before == after else [f"{path}: {before!r} -> {after!r}"]


def test_grafana_and_cloudwatch_show_the_same_series(demo_body: dict[str, Any], demo_model: dict[str, Any]) -> None:
    """Both are of one definition: the same titles, metrics and statistics in the same order."""
    body, model = demo_body, demo_model
    of_cloudwatch = [
        (widget["properties"]["title"], [told for row in widget["properties"]["metrics"] for told in metric_of(row)])
        for widget in body["widgets"]
        if widget["type"] == "metric"
    ]
    of_grafana = [
        (panel["title"], [(each["metricName"], each["statistic"]) for each in panel["targets"] if each["metricName"]])
        for panel in model["panels"]
        if panel["type"] == "timeseries"
    ]
    assert of_cloudwatch == of_grafana


def metric_of(row: list[Any]) -> Iterator[tuple[str, str]]:
    if len(row) > 1:
        yield row[1], row[-1]["stat"]
    elif found := SEARCH.fullmatch(row[0]["expression"]):
        yield found[2], found[3]


def test_a_dashboard_is_made_once_and_then_left_alone(
    signed_in: Flowemf, cloudwatch: CloudWatch, demo_log: Path
) -> None:
    """The one says what the other will do; then both find nothing to do, until the log has something new."""
    command = partial(signed_in, "dashboard")
    before = command("diff", demo_log)
    assert before.returncode == 1
    assert b"+metric 'Flows by outcome'" in before.stdout
    made = command("apply", demo_log)
    assert (made.returncode, made.stdout) == (0, b""), made.stderr
    assert b"made SupportDesk-Assistant, with" in made.stderr
    stored = json.loads(cloudwatch.client().get_dashboard(DashboardName="SupportDesk-Assistant")["DashboardBody"])
    assert stored == shown(signed_in, demo_log)
    same = command("diff", demo_log)
    assert (same.returncode, same.stdout) == (0, b"")
    assert b"nothing was changed" in command("apply", demo_log).stderr
    log = signed_in.directory / "more.log"
    log.write_text(demo_log.read_text() + flow_end("brandNewFlow", NAMESPACE))
    changed = command("diff", log)
    assert changed.returncode == 1
    added = [line for line in changed.stdout.decode().splitlines() if line.startswith("+ ")]
    assert added
    assert all("brandNewFlow" in line for line in added)
    assert b"replaced" in command("apply", log).stderr


def test_what_cloudwatch_warns_of_is_passed_on_and_the_dashboard_is_there(
    with_variables: Callable[..., Flowemf], demo_log: Path
) -> None:
    """A body may be taken and not be shown in all its parts."""
    with AccountServer() as account:
        account.warnings = [{"DataPath": "/widgets/0", "Message": "There is no such Region"}]
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
        made = with_variables(**keys, AWS_ENDPOINT_URL=account.endpoint_url)("dashboard", "apply", demo_log)
        assert list(account.dashboards) == ["SupportDesk-Assistant"]
    assert made.returncode == 0
    assert made.stderr.endswith(b"flowemf dashboard: CloudWatch may not show all of it: There is no such Region\n")


def flow_end(flow: str, namespace: str, *, sets: str = '[["FlowName"],[]]') -> str:
    """Write the line of a flow that succeeded."""
    metrics = [{"Name": "FlowCompleted", "Unit": "Count"}, {"Name": "FlowDuration", "Unit": "Milliseconds"}]
    directive = {"Namespace": namespace, "Dimensions": json.loads(sets), "Metrics": metrics}
    root = {"FlowName": flow, "Status": "Success", "FlowCompleted": 1, "FlowDuration": 5}
    return json.dumps({"_aws": {"Timestamp": 1795458836581, "CloudWatchMetrics": [directive]}, **root}) + "\n"


def test_a_dashboard_is_deleted_where_it_is(signed_in: Flowemf, cloudwatch: CloudWatch, demo_log: Path) -> None:
    """By its log or by its name; what is not there is no error."""
    signed_in("dashboard", "apply", demo_log, "--name", "Mine")
    deleted = signed_in("dashboard", "apply", "--delete", "--name", "Mine")
    assert (deleted.returncode, deleted.stderr) == (0, b"flowemf dashboard: deleted Mine\n")
    assert cloudwatch.client().list_dashboards()["DashboardEntries"] == []
    assert b"there is no dashboard" in signed_in("dashboard", "apply", demo_log, "--delete").stderr


def test_the_account_gives_the_same_dashboard_as_the_log(
    signed_in: Flowemf, demo_log: Path, demo_body: dict[str, Any]
) -> None:
    """ListMetrics knows the series; units and numbers of datapoints are not known there."""
    assert signed_in("replay", demo_log, "--to", "metrics").returncode == 0
    finished = signed_in("dashboard", "show", "--live", "--namespace", NAMESPACE)
    assert finished.returncode == 0, finished.stderr
    of_account, of_log = json.loads(finished.stdout), demo_body

    def series(body: dict[str, Any]) -> set[str]:
        return {json.dumps(row[:-1]) for row in rows(body) if isinstance(row[0], str)}

    assert series(of_account) == series(of_log)


def test_a_flow_that_never_failed_has_an_error_rate_nevertheless(in_a_region: Flowemf) -> None:
    """FlowError is certain to come, under the roll-ups that the flow's other metrics have."""
    log = in_a_region.directory / "good.log"
    log.write_text(flow_end("chat", "App"))
    titles = [widget["properties"].get("title") for widget in shown(in_a_region, log)["widgets"]]
    assert "Error rate by flow" in titles
    assert "Tokens by model" not in titles


def test_what_is_not_published_is_left_out_with_the_reason(in_a_region: Flowemf) -> None:
    """Without roll-ups no picture can be filled, and the remedy is named."""
    log = in_a_region.directory / "bare.log"
    log.write_text(flow_end("chat", "App", sets='[["FlowName","Status"]]'))
    finished = in_a_region("dashboard", "show", log)
    assert finished.returncode == 2
    said = finished.stderr.decode()
    assert (
        "left out: Flows by outcome: FlowCompleted is published by FlowName+Status, but not without dimensions" in said
    )
    assert 'configure rollups="standard"' in said
    assert finished.stdout == b""


def test_the_applications_own_metrics_are_shown(in_a_region: Flowemf) -> None:
    """Under the smallest set that they have, with statistics that suit their unit; no search for odd names."""
    line = (
        '{"_aws":{"Timestamp":1795458836581,"CloudWatchMetrics":[{"Namespace":"App","Dimensions":[["Who\'s"]],'
        '"Metrics":[{"Name":"Depth"},{"Name":"Cost \\"net\\"","Unit":"Count"}]}]},"Who\'s":"x","Depth":3,'
        '"Cost \\"net\\"":2}\n'
    )
    log = in_a_region.directory / "own.log"
    log.write_text(line)
    found = [[*row[:-1], row[-1]["stat"]] for row in rows(shown(in_a_region, log))]
    assert found == [
        ["App", 'Cost "net"', "Who's", "x", "Sum"],
        ["App", "Depth", "Who's", "x", "Average"],
        ["App", "Depth", "Who's", "x", "Maximum"],
    ]


def test_a_template_holds_the_same_body(in_a_region: Flowemf, demo_log: Path, demo_body: dict[str, Any]) -> None:
    """CloudFormation takes the body as text."""
    template = shown(in_a_region, demo_log, "--cloudformation")
    properties = template["Resources"]["Dashboard"]["Properties"]
    assert properties["DashboardName"] == "SupportDesk-Assistant"
    assert json.loads(properties["DashboardBody"]) == demo_body


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "--live"), "--live needs --namespace"),
        (("show", "--live", "--namespace", "App/*"), "--live needs --namespace"),
        (("show", "empty.log", "--live", "--namespace", "App"), "one of them at a time"),
        (("show", "no-such.log"), "no-such.log"),
        (("show", "empty.log"), "there are no metrics"),
        (("show", "empty.log", "--grafana", "--cloudformation"), "choose one"),
    ],
)
def test_what_cannot_be_done_is_said(in_a_region: Flowemf, arguments: tuple[str, ...], message: str) -> None:
    """Exit code 2, a sentence with the remedy, no traceback and no half a dashboard."""
    (in_a_region.directory / "empty.log").write_text("hello\n")
    finished = in_a_region("dashboard", *arguments)
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert message in finished.stderr.decode()
    assert b"Traceback" not in finished.stderr


def test_half_a_log_makes_no_dashboard(in_a_region: Flowemf, demo_log: Path) -> None:
    """What the rest publishes would be missing from it; where reading broke off is said, with exit code 3."""
    whole = gzip.compress(demo_log.read_bytes())
    (in_a_region.directory / "half.log.gz").write_bytes(whole[: len(whole) // 2])
    finished = in_a_region("dashboard", "show", "half.log.gz")
    assert (finished.returncode, finished.stdout) == (3, b"")
    assert b"half.log.gz: " in finished.stderr
