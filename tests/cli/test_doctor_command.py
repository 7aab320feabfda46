"""`flowemf doctor` as a process: over a log alone, and in an account on loopback.

The account is moto's, with a stub for SimulatePrincipalPolicy, the log group's class and the Date header, which moto
lacks (`doctor_account_server`).
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from doctor_account_server import DoctorsAccount
from metric_lines import document

if TYPE_CHECKING:
    from tests.cli.conftest import Flowemf

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
NAMESPACE, GROUP = "MyApp/GenKit", "/ecs/chat"
HOUR_MS = 3_600_000
Checks = list[dict[str, Any]]


@pytest.fixture(scope="session")
def doctors_account_server() -> Iterator[DoctorsAccount]:
    """Start the account once."""
    server = DoctorsAccount()
    yield server
    server.stop()


@pytest.fixture
def account(doctors_account_server: DoctorsAccount) -> DoctorsAccount:
    """Give an empty account."""
    doctors_account_server.forget()
    return doctors_account_server


def examined(flowemf: Flowemf, *arguments: str | Path, code: int, stdin: bytes | None = None) -> Checks:
    """Run the doctor; give its checks."""
    finished = flowemf("doctor", "--json", *arguments, stdin=stdin)
    assert finished.returncode == code, finished.stdout.decode() + finished.stderr.decode()
    checks: Checks = json.loads(finished.stdout)["checks"]
    assert all(each["found"] and each["looked_at"] for each in checks)
    return checks


def of(checks: Checks, name: str) -> tuple[str, str]:
    """Give the status of a check and what it found."""
    return next((each["status"], each["found"]) for each in checks if each["name"] == name)


def lines(*documents: dict[str, Any]) -> bytes:
    """Write documents as a log."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in documents)


def now_ms(*, hours_ago: float = 1) -> int:
    """Give a time of this day."""
    return int(time.time() * 1000 - hours_ago * HOUR_MS)


def test_a_good_log_has_no_problem_and_needs_no_network(with_variables: Callable[..., Flowemf], demo_log: Path) -> None:
    """Without credentials and Region, too."""
    bare = with_variables(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None, AWS_DEFAULT_REGION=None)
    checks = examined(bare, "--log", demo_log, code=0)
    assert {each["name"] for each in checks} == {"metric lines", "valid lines", "timestamps", "dimension sets"}
    assert {each["status"] for each in checks} <= {"ok", "note"}


@pytest.mark.parametrize(
    ("hours_ago", "status", "said"),
    [
        (1, "ok", "of the last day"),
        (0, "note", "one to two minutes"),
        (30, "note", "48 hours"),
        (15 * 24, "problem", "two weeks"),
        (-3, "problem", "in the future"),
    ],
)
def test_timestamps_tell_why_metrics_are_late_or_refused(
    flowemf_command: Flowemf, hours_ago: float, status: str, said: str
) -> None:
    """The guide's "Metrics Delayed", with the other delays that there are."""
    log = lines(document({"M": 1}, timestamp_ms=now_ms(hours_ago=hours_ago)))
    checks = examined(flowemf_command, "--log", "-", stdin=log, code=int(status == "problem"))
    assert of(checks, "timestamps")[0] == status
    assert said in of(checks, "timestamps")[1]


def test_invalid_lines_come_first_with_their_place_and_remedy(flowemf_command: Flowemf) -> None:
    """The most frequent reason, where it was found first, and what to do."""
    bad = document({"M": 1}, unit="ms", timestamp_ms=now_ms())
    (flowemf_command.directory / "bad.log").write_bytes(lines(document({"M": 1}, timestamp_ms=now_ms()), bad, bad))
    first, *_ = examined(flowemf_command, "--log", "bad.log", code=1)
    assert (first["name"], first["status"]) == ("valid lines", "problem")
    assert first["found"].startswith("2 times: the unit is none that CloudWatch knows [unit-unknown]")
    assert "bad.log:2" in first["found"]
    assert "flowemf check bad.log" in first["remedies"]


def test_a_log_without_metric_lines_is_a_problem(flowemf_command: Flowemf) -> None:
    """Nothing in, nothing out."""
    assert of(examined(flowemf_command, "--log", "-", stdin=b"hello\n", code=1), "metric lines")[0] == "problem"


@pytest.mark.parametrize(
    ("late_ms", "status", "said"),
    [(2_000, "ok", "2.0 seconds"), (HOUR_MS, "note", "60 minutes"), (-120_000, "problem", "clock")],
)
def test_delays_are_told_by_what_is_wrapped_around_the_lines(
    flowemf_command: Flowemf, late_ms: int, status: str, said: str
) -> None:
    """`aws logs filter-log-events` says when each event was taken in; a clock that is ahead shows there, too."""
    line = document({"M": 1}, timestamp_ms=now_ms(hours_ago=3))
    taken_in_ms = line["_aws"]["Timestamp"] + late_ms
    event = {"logStreamName": "s", "timestamp": taken_in_ms, "message": json.dumps(line), "eventId": "1"}
    log = json.dumps({"events": [{**event, "ingestionTime": taken_in_ms}]}).encode()
    checks = examined(flowemf_command, "--log", "-", stdin=log, code=int(status == "problem"))
    assert of(checks, "delays")[0] == status
    assert said in of(checks, "delays")[1]


def test_a_command_of_a_remedy_can_be_pasted(flowemf_command: Flowemf) -> None:
    """Also where the name of the log has a space."""
    (flowemf_command.directory / "my log").write_bytes(lines(document({"M": 1}, unit="ms", timestamp_ms=now_ms())))
    remedies = [remedy for each in examined(flowemf_command, "--log", "my log", code=1) for remedy in each["remedies"]]
    command = next(remedy for remedy in remedies if remedy.startswith("flowemf check"))
    assert flowemf_command(*shlex.split(command)[1:]).stdout.startswith(b"my log:1: ")


def test_missing_totals_are_noted(flowemf_command: Flowemf) -> None:
    """The guide's alarms name no dimension, so they show nothing of such metrics."""
    log = lines(document({"FlowError": 1}, dimensions={"FlowName": "a"}, timestamp_ms=now_ms()))
    status, found = of(examined(flowemf_command, "--log", "-", stdin=log, code=0), "dimension sets")
    assert status == "note"
    assert "FlowError" in found


def test_no_credentials_are_a_problem_and_what_depends_on_them_is_not_done(
    with_variables: Callable[..., Flowemf],
) -> None:
    """No check that could not be done counts as a success."""
    bare = with_variables(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
    first, *rest = examined(bare, "--namespace", NAMESPACE, "--log-group", GROUP, code=1)
    assert (first["name"], first["status"]) == ("credentials and Region", "problem")
    assert {each["status"] for each in rest} == {"not done"}
    assert len(rest) == 5


def test_an_account_in_which_all_is_well(flowemf_command: Flowemf, account: DoctorsAccount) -> None:
    """The namespace is there, the policy allows it, the group extracts, the clocks agree."""
    account.put(NAMESPACE, "FlowError", {})
    account.groups = [{"logGroupName": GROUP, "logGroupClass": "STANDARD", "retentionInDays": 30}]
    options = ("--namespace", NAMESPACE, "--log-group", GROUP, "--endpoint-url", account.endpoint_url)
    checks = examined(flowemf_command, *options, code=0)
    assert {each["status"] for each in checks} == {"ok"}
    assert "us-east-1" in of(checks, "credentials and Region")[1]
    assert "30 days" in of(checks, "log group")[1]
    [request] = account.simulated
    assert request["ActionNames.member.1"] == ["cloudwatch:PutMetricData"]
    assert request["ContextEntries.member.1.ContextKeyValues.member.1"] == [NAMESPACE]


def test_an_account_in_which_nothing_is_well(flowemf_command: Flowemf, account: DoctorsAccount) -> None:
    """The guide's causes at once, each with a command that can be pasted."""
    account.put("MyApp/Genkit", "FlowError", {})
    account.put("AWS/Logs", "EMFValidationErrors", {"LogGroupName": GROUP}, 7)
    account.decision, account.ahead_s = "implicitDeny", 600
    account.groups = [{"logGroupName": GROUP, "logGroupClass": "INFREQUENT_ACCESS"}]
    options = ("--namespace", NAMESPACE, "--log-group", GROUP, "--endpoint-url", account.endpoint_url)
    checks = examined(flowemf_command, *options, code=1)
    assert of(checks, "clock")[0] == "problem"
    assert re.search(r"this machine is (599|60\d) seconds behind AWS", of(checks, "clock")[1])
    assert "no policy allows it" in of(checks, "permissions")[1]
    assert "did you mean MyApp/Genkit?" in of(checks, "namespace")[1]
    assert "INFREQUENT_ACCESS" in of(checks, "log group")[1]
    assert of(checks, "extraction") == ("problem", "EMFValidationErrors 7")
    assert all(each["remedies"] for each in checks if each["status"] == "problem")
    order = [each["status"] for each in checks]
    assert order == sorted(order, key=["problem", "note", "not done", "ok"].index)


def test_a_simulation_that_is_not_allowed_is_not_done(flowemf_command: Flowemf, account: DoctorsAccount) -> None:
    """It says why, gives the guide's command for somebody who may, and the exit code is not that of success."""
    account.decision = None
    checks = examined(flowemf_command, "--endpoint-url", account.endpoint_url, code=3)
    [permissions] = [each for each in checks if each["name"] == "permissions"]
    assert permissions["status"] == "not done"
    assert "iam:SimulatePrincipalPolicy" in permissions["found"]
    assert "aws iam simulate-principal-policy --policy-source-arn arn:aws" in permissions["remedies"][1]


@pytest.mark.parametrize(
    ("caller", "tried"),
    [
        ("arn:aws:iam::123456789012:root", None),
        ("arn:aws:sts::123456789012:assumed-role/ops/me", "arn:aws:iam::123456789012:role/ops"),
    ],
)
def test_the_policies_of_whoever_asks_are_tried(
    flowemf_command: Flowemf, account: DoctorsAccount, caller: str, tried: str | None
) -> None:
    """Of a session those of its role; the root user has none, and nothing is simulated for it."""
    account.caller = caller
    checks = examined(flowemf_command, "--endpoint-url", account.endpoint_url, code=0)
    assert caller in of(checks, "credentials and Region")[1]
    assert of(checks, "permissions")[0] == "ok"
    assert [request["PolicySourceArn"] for request in account.simulated] == ([[tried]] if tried else [])


def test_an_account_that_nobody_reaches_gives_3(flowemf_command: Flowemf) -> None:
    """Nothing was found out, so nothing is a problem, and nothing a success."""
    options = ("--namespace", NAMESPACE, "--log-group", GROUP, "--endpoint-url", "http://127.0.0.1:9")
    checks = examined(flowemf_command, *options, code=3)
    assert "extraction" in {each["name"] for each in checks}
    assert {each["status"] for each in checks} == {"not done"}


def test_people_get_paragraphs_and_commands_on_one_line(flowemf_command: Flowemf) -> None:
    """What was looked at, what was found, what to do."""
    log = lines(document({"M": 1}, unit="ms", timestamp_ms=now_ms()))
    finished = flowemf_command("doctor", "--log", "-", stdin=log)
    shown = finished.stdout.decode()
    assert re.match(r"PROBLEM   .+\n  looked at standard input\n  found     .+\n", shown)
    assert "\n  do        " in shown
    assert finished.stderr.decode().startswith("flowemf doctor: ")


def test_the_commands_of_the_page_run(
    flowemf_command: Flowemf, with_variables: Callable[..., Flowemf], account: DoctorsAccount, demo_log: Path
) -> None:
    """As printed, in the account on loopback."""
    shutil.copy(demo_log, flowemf_command.directory / "app.log")
    here = with_variables(AWS_ENDPOINT_URL=account.endpoint_url)
    blocks = re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)
    commands = [shlex.split(line) for block in blocks for line in block.splitlines() if line.startswith("flowemf ")]
    assert len(commands) >= 3
    for words in commands:
        assert here(*words[1:]).returncode in (0, 1, 3), words
        assert b"Usage:" not in here(*words[1:], "--json").stderr or words[1] != "doctor"
