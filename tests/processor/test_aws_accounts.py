"""Asks AWS as it is configured: credentials that have ended, roles nobody may take, and every kind of answer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import boto3
import pytest
from account_server import AccountServer, Fault, Group
from loopback_server import LoopbackServer, Quiet

from flowemf_processor.clock import SystemClock
from flowemf_processor.core.diagnosis.account_checks import Refusal
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.core.log_batches import LogStream
from flowemf_processor.core.roads import Found
from flowemf_processor.errors import ConfigurationError, RefusedForGoodError, TryAgainLaterError
from flowemf_processor.model import Line, Position, Rejection, State
from flowemf_processor.sinks.account_setup import Dashboards
from flowemf_processor.sinks.aws import account_of, aws_client, configured_region, outcome_of, repeating_client
from flowemf_processor.sinks.examined_account import ExaminedAccount, listed_metrics
from flowemf_processor.sinks.logs import LogGroup
from flowemf_processor.sinks.rejects import RejectsObject

CLOSED = "http://127.0.0.1:9"
PROFILES = """
[profile signed-out]
sso_session = s
sso_account_id = 123456789012
sso_role_name = r
region = us-east-1
[sso-session s]
sso_region = us-east-1
sso_start_url = https://example.invalid/start
[profile role]
role_arn = arn:aws:iam::123456789012:role/x
source_profile = base
region = us-east-1
[profile base]
aws_access_key_id = testing
aws_secret_access_key = testing
[profile process]
credential_process = {python} {program}
region = us-east-1
[profile nowhere]
aws_access_key_id = testing
aws_secret_access_key = testing
"""
# Gives credentials twice, which end in five minutes, and then no more
PROCESS = """
import datetime, json, pathlib, sys
calls = pathlib.Path(__file__).with_suffix(".calls")
calls.write_text((calls.read_text() if calls.exists() else "") + "x")
if len(calls.read_text()) > 2:
    sys.exit("the ticket has ended")
ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=5)
keys = {"AccessKeyId": "testing", "SecretAccessKey": "testing"}
print(json.dumps({"Version": 1, **keys, "Expiration": ends.isoformat()}))
"""


@pytest.fixture(autouse=True)
def _profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configure AWS by a file of profiles, and by nothing else."""
    program = tmp_path / "process.py"
    program.write_text(PROCESS)
    config = tmp_path / "config"
    config.write_text(PROFILES.format(python=sys.executable, program=program))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[AccountServer]:
    """Give an account on loopback, and credentials for it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with AccountServer() as server:
        yield server


# --- Credentials ------------------------------------------------------------------------------------------------------


class Refusing(Quiet, BaseHTTPRequestHandler):
    """An STS that lets nobody take a role."""

    def do_POST(self) -> None:
        body = (
            b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>"
            b"<Message>not authorized to perform sts:AssumeRole</Message></Error></ErrorResponse>"
        )
        self.send_response(403)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_who_has_to_sign_in_again_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """An SSO session that is over is the commonest of all mistakes, and no bug of ours."""
    monkeypatch.setenv("AWS_PROFILE", "signed-out")
    with pytest.raises(ConfigurationError, match="sign in again with aws sso login"):
        aws_client("cloudwatch")


def test_a_role_that_cannot_be_asked_for_now_may_be_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """STS is not reached: nothing is wrong with the configuration."""
    monkeypatch.setenv("AWS_PROFILE", "role")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", CLOSED)
    with pytest.raises(TryAgainLaterError, match="cannot be reached"):
        aws_client("cloudwatch")


def test_a_role_that_nobody_may_take_is_an_error_of_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """What STS said is passed on."""
    monkeypatch.setenv("AWS_PROFILE", "role")
    with LoopbackServer(Refusing) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.endpoint_url)
        with pytest.raises(ConfigurationError, match="not authorized to perform sts:AssumeRole; check AWS_PROFILE"):
            aws_client("cloudwatch")


def test_credentials_that_end_during_a_run_have_certainly_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken for a lost answer, the request would be counted as one that may have arrived."""
    monkeypatch.setenv("AWS_PROFILE", "process")
    client, _ = aws_client("cloudwatch", endpoint_url=CLOSED)
    with pytest.raises(Exception, match="the ticket has ended") as caught:
        client.list_metrics()
    outcome = outcome_of(caught.value, permission="cloudwatch:ListMetrics")
    assert (outcome.state, outcome.reason, outcome.by_configuration) == (State.PENDING, "no-credentials", True)


@pytest.mark.parametrize(
    ("access_key", "account_number"),
    [
        ("AKIAIOSFODNN7EXAMPLE", "581039954779"),
        ("ASIAY34FZKBOKMUTVV7A", "609629065308"),
        ("AKIA1", ""),
        ("AKIAAAAAAAAA", ""),
    ],
)
def test_an_account_is_read_off_an_access_key_that_holds_one(
    access_key: str, account_number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys are base 32; of what is none, or too short, nothing is made up."""
    monkeypatch.setenv("AWS_PROFILE", "base")
    credentials = boto3.Session(aws_access_key_id=access_key, aws_secret_access_key="x").get_credentials()
    assert account_of(credentials) == account_number


def test_a_region_is_the_named_one_or_the_configured_one_or_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is guessed."""
    monkeypatch.setenv("AWS_PROFILE", "role")
    assert (configured_region("eu-west-1"), configured_region(None)) == ("eu-west-1", "us-east-1")
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    with pytest.raises(ConfigurationError, match="no AWS Region is configured; set AWS_DEFAULT_REGION"):
        configured_region(None)
    monkeypatch.setenv("AWS_PROFILE", "there-is-none")
    with pytest.raises(ConfigurationError, match=r"there-is-none.*check AWS_PROFILE"):
        configured_region(None)


# --- Answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (Fault(400, "AccessDeniedException"), ConfigurationError, "the identity needs the permission"),
        (Fault(400, "InvalidParameterInput"), RefusedForGoodError, "InvalidParameterInput: said the server"),
        (Fault(501), TryAgainLaterError, "may have been taken"),
        (Fault(400, "UnknownOperationException"), ConfigurationError, "check --endpoint-url"),
    ],
)
def test_an_answer_to_who_sets_something_up_says_what_to_do(
    account: AccountServer, fault: Fault, kind: type[Exception], said: str
) -> None:
    """Whether it is asked for or made: mend the configuration, mend the request, or try again later."""
    dashboards = Dashboards(endpoint_url=account.endpoint_url)
    account.always.update(GetDashboard=fault, PutDashboard=fault)
    with pytest.raises(kind, match=f"cloudwatch:GetDashboard: .*{said}"):
        dashboards.find("Mine")
    with pytest.raises(kind, match=f"cloudwatch:PutDashboard: .*{said}"):
        dashboards.put("Mine", {"widgets": []})


def test_a_dashboard_with_warnings_is_there_nevertheless(account: AccountServer) -> None:
    """CloudWatch has taken it: said to be refused, it would be made again and again."""
    dashboards = Dashboards(endpoint_url=account.endpoint_url)
    account.warnings = [{"DataPath": "/widgets/0", "Message": "no such region"}]
    assert dashboards.find("Mine") is None
    assert dashboards.put("Mine", {"widgets": []}) == ["no such region"]
    assert dashboards.find("Mine") == {"widgets": []}


class Listing(AccountServer):
    """An account that lists two metrics, one of them without dimensions."""

    def _ListMetrics(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - the operation's name
        keyed = {"Namespace": request["Namespace"], "MetricName": "B", "Dimensions": [{"Name": "K", "Value": "v"}]}
        return {"Metrics": [{"Namespace": request["Namespace"], "MetricName": "A"}, keyed]}


def test_a_metric_without_dimensions_is_listed_whether_they_are_empty_or_missing(account: AccountServer) -> None:
    """A list of nothing may be left out of an answer."""
    del account  # which has given the credentials
    with Listing() as server:
        assert ExaminedAccount(endpoint_url=server.endpoint_url).listed("App") == [("A", ()), ("B", ("K",))]
        inventory = listed_metrics(["App"], endpoint_url=server.endpoint_url, region=None)
    assert [inventory.key_sets("App", name) for name in ("A", "B")] == [[()], [("K",)]]


class WithoutDate(Refusing):
    """Refuses, and does not say what time it is."""

    def send_response(self, code: int, message: str | None = None) -> None:
        self.send_response_only(code, message)


@pytest.mark.parametrize(("handler", "is_known"), [(Refusing, True), (WithoutDate, False)])
def test_clocks_are_compared_with_what_says_the_time(
    account: AccountServer, handler: type[BaseHTTPRequestHandler], is_known: bool
) -> None:
    """A refusal says it, too; a proxy may take the header away."""
    del account
    with LoopbackServer(handler) as server:
        examined = ExaminedAccount(endpoint_url=server.endpoint_url)
        identity = examined.identity()
    assert isinstance(identity, Refusal)
    assert identity.is_denied
    assert (examined.skew_ms is not None) == is_known
    assert not is_known or abs(examined.skew_ms or 0) < 60_000


def test_a_group_whose_name_only_begins_like_another_is_missing(account: AccountServer) -> None:
    """The service searches by prefix."""
    account.groups["/app/chat-old"] = Group(retention_days=3)
    facts = LogGroup(LogStream("/app/chat", "s"), endpoint_url=account.endpoint_url).facts()
    assert (facts.found, facts.retention_days) == (Found.MISSING, None)
    account.groups["/app/chat"] = Group(retention_days=7)
    facts = LogGroup(LogStream("/app/chat", "s"), endpoint_url=account.endpoint_url).facts()
    assert (facts.found, facts.retention_days) == (Found.THERE, 7)


class NoBucket(Quiet, BaseHTTPRequestHandler):
    """An S3 that has no such bucket."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b"<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>"
        self.send_response(404)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.mark.parametrize(
    ("bucket", "said"),
    [
        ("nowhere-at-all", "The specified bucket does not exist; make it, or name another"),
        ("no bucket", "Invalid bucket"),
    ],
)
def test_a_bucket_that_can_keep_nothing_is_an_error_of_configuration(
    account: AccountServer, bucket: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried again later, it would be there no more than now; and no endpoint is to blame."""
    del account
    ledger = Ledger()
    with LoopbackServer(NoBucket) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.endpoint_url)
        rejects = ledger.open_rejects("s3://x/")
        keeper = RejectsObject(repeating_client("s3"), bucket, "", account=rejects, clock=SystemClock())
        keeper.keep([Rejection(Line(Position("a.log", 1, 0), b"{", 1, terminated=True), (), False, 0)])
        with pytest.raises(ConfigurationError, match=said):
            keeper.settle()
    assert (rejects.kept, rejects.not_kept) == (0, 1)
