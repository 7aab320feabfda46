"""Logs in object stores: a real S3-compatible server on loopback (s3rver), with faults between it and us."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from metric_lines import document
from replaying import CLOCK, balanced, text_of
from s3_servers import FailingProxy, ScriptedS3, client, moto, s3rver

from flowemf_processor import pipeline
from flowemf_processor.core.ledger import Ledger
from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.ports import DivisibleSource
from flowemf_processor.sinks.local import LocalStore
from flowemf_processor.sources.opening import open_sources
from flowemf_processor.sources.s3 import RANGE_BYTES

pytestmark = pytest.mark.xdist_group("s3rver")
GOOD = text_of([document({"Latency": 1})])


class Bucket:
    """A bucket of its own for each test."""

    def __init__(self, endpoint_url: str, name: str) -> None:
        self._client = client(endpoint_url)
        self._client.create_bucket(Bucket=name)
        self._name = name

    def url(self, key: str) -> str:
        """Give the URL of a key, prefix or pattern."""
        return f"s3://{self._name}/{key}"

    def put(self, **objects: bytes) -> None:
        """Fill the bucket."""
        for key, content in objects.items():
            self._client.put_object(Bucket=self._name, Key=key, Body=content)

    def keys(self, key: str) -> list[str]:
        """Open a key, prefix or pattern and give the keys of what it means."""
        return [source.name.removeprefix(self.url("")) for source in open_sources([self.url(key)])]


@pytest.fixture(scope="module", params=[s3rver, moto], ids=["s3rver", "moto"])
def endpoint_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the endpoint of one server after the other."""
    with request.param() as url:
        yield url


@pytest.fixture
def bucket(endpoint_url: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Give an empty bucket; the environment says where it is and who asks."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "S3RVER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "S3RVER")
    return Bucket(endpoint_url, f"logs-{uuid4().hex}")


def store(local: LocalStore, *urls: str) -> dict[str, Any]:
    """Replay into a store."""
    ledger = Ledger()
    pipeline.replay_to_store(open_sources(urls), local, ledger=ledger, clock=CLOCK)
    return balanced(ledger)


def test_an_object_a_prefix_and_a_pattern(bucket: Bucket) -> None:
    """In the order of keys; a star does not cross a slash; hidden names only where they are named."""
    names = ("a.log", "b/1.gz", "b/2.gz", "b/c/3.gz", "b/c/4.txt", "b/.tmp/5.gz", "b0/6.gz", "odd name [1]+%.log")
    bucket.put(**dict.fromkeys(names, b"x"))
    assert bucket.keys("a.log") == ["a.log"]
    assert bucket.keys("odd name [1]+%.log") == ["odd name [1]+%.log"]
    assert bucket.keys("b") == bucket.keys("b/") == ["b/1.gz", "b/2.gz", "b/c/3.gz", "b/c/4.txt"]
    assert bucket.keys("b/*.gz") == ["b/1.gz", "b/2.gz"]
    assert bucket.keys("b/**/*.gz") == ["b/1.gz", "b/2.gz", "b/c/3.gz"]
    assert bucket.keys("b?/*") == ["b0/6.gz"]
    assert len(bucket.keys("")) == 7


@pytest.mark.parametrize("endpoint_url", [moto], ids=["moto"], indirect=True)  # s3rver fails at a second page
def test_more_objects_than_a_page_lists(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page holds a thousand; here ten."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")
    bucket.put(**{f"many/{number:02}": b"" for number in range(33)})
    assert bucket.keys("many/") == [f"many/{number:02}" for number in range(33)]


@pytest.mark.parametrize("key", ["nowhere", "*.log", "a.txt/"])
def test_what_does_not_exist_is_refused_before_anything_is_read(bucket: Bucket, key: str) -> None:
    """The message names it."""
    bucket.put(**{"a.txt": b"x", ".hidden.log": b"x"})
    with pytest.raises(ConfigurationError, match="there is no such object") as raised:
        open_sources([bucket.url(key)])
    assert str(raised.value).startswith(f"{bucket.url(key)}: ")


@pytest.mark.parametrize("url", ["s3://no-such-bucket/a.log", "s3://no-such-bucket", "s3://"])
def test_a_bucket_that_does_not_exist_is_refused(bucket: Bucket, url: str) -> None:
    """The message names the URL and what the service says."""
    with pytest.raises(ConfigurationError) as raised:
        open_sources([url])
    assert str(raised.value).startswith(f"{url}: ")


def test_objects_of_firehose_are_read_once(bucket: Bucket, tmp_path: Path) -> None:
    """Concatenated gzip members; a second run reads nothing twice, and what has come since once."""
    bucket.put(**{"f/1": gzip.compress(GOOD * 3) + gzip.compress(GOOD), "f/2": GOOD * 2})
    with LocalStore(tmp_path / "state.duckdb") as local:
        assert store(local, bucket.url("f/"))["records"]["metric"] == 6
        bucket.put(**{"f/3": gzip.compress(GOOD)})
        account = store(local, bucket.url("f/"))
        assert account["records"]["metric"] == 1
        assert sum(each["already_accepted_bytes"] for each in account["sources"]) == 6 * len(GOOD)


def test_an_object_that_was_uploaded_again_is_read_from_where_it_has_grown(bucket: Bucket, tmp_path: Path) -> None:
    """Other content under the same key is read from its beginning."""
    with LocalStore(tmp_path / "state.duckdb") as local:
        for content, expected in ((GOOD * 2, 2), (GOOD * 5, 3), (text_of([document({"Latency": 2})]), 1)):
            bucket.put(**{"a.log": content})
            assert store(local, bucket.url("a.log"))["records"]["metric"] == expected


def test_a_large_object_comes_in_ranges_and_a_broken_connection_costs_one_of_them(bucket: Bucket) -> None:
    """Cut in the middle, refused, cut at once: the bytes are the same, and no range before is asked for again."""
    content = os.urandom(RANGE_BYTES * 2 + 12_345)
    bucket.put(large=content)
    with FailingProxy(os.environ["AWS_ENDPOINT_URL_S3"]) as proxy:
        proxy.cuts = [RANGE_BYTES, RANGE_BYTES // 2, 0, -1, RANGE_BYTES]
        [source] = open_sources([bucket.url("large")], s3_endpoint_url=proxy.endpoint_url)
        pieces = list(source.pieces())
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= 65_536
    starts = [int(each.removeprefix("bytes=").partition("-")[0]) // RANGE_BYTES for each in proxy.ranges]
    assert starts == [0, 1, 1, 1, 1, 2]


def test_an_object_that_cannot_be_read_is_accounted_for_up_to_there(bucket: Bucket) -> None:
    """The connection breaks every time; what came before it counts."""
    lines = GOOD * (RANGE_BYTES // len(GOOD))
    bucket.put(large=lines + GOOD * 10)
    with FailingProxy(os.environ["AWS_ENDPOINT_URL_S3"]) as proxy:
        proxy.cuts = [RANGE_BYTES, *[100] * 5]
        sources = open_sources([bucket.url("large")], s3_endpoint_url=proxy.endpoint_url)
        got: list[bytes] = []
        with pytest.raises(TryAgainLaterError):
            got.extend(sources[0].pieces())
    assert proxy.cuts == []


@pytest.mark.parametrize("endpoint_url", [moto], ids=["moto"], indirect=True)  # s3rver takes no conditions
def test_an_object_that_is_replaced_while_it_is_read_is_not_mixed_with_the_other(bucket: Bucket) -> None:
    """Ranges are asked for with the ETag that was listed."""
    bucket.put(a=b"one\n")
    [source] = open_sources([bucket.url("a")])
    bucket.put(a=b"two\n")
    with pytest.raises(TryAgainLaterError, match="replaced"):
        list(source.pieces())


def test_a_server_that_is_not_there_is_tried_again_later() -> None:
    """The message names what was asked for."""
    with pytest.raises(TryAgainLaterError, match="s3://logs/a: Could not connect"):
        open_sources(["s3://logs/a"], s3_endpoint_url="http://127.0.0.1:9")


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedS3]:
    """Give a server that answers as it is told, to who has credentials."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "S3RVER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "S3RVER")
    with ScriptedS3() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.endpoint_url)
        yield server


def test_folders_that_a_console_made_are_no_logs(scripted: ScriptedS3) -> None:
    """They are objects without bytes, whose keys end in a slash."""
    scripted.keys = ["logs/", "logs/a.log", "logs/b/"]
    assert [source.name for source in open_sources(["s3://bucket/logs/"])] == ["s3://bucket/logs/a.log"]


def test_a_refusal_to_describe_an_object_that_says_more_than_missing_is_passed_on(scripted: ScriptedS3) -> None:
    """400 is what a token gets that has expired; a list of nothing would say that the object is not there."""
    scripted.head = 400
    with pytest.raises(ConfigurationError, match=r"s3://bucket/a\.log: the service answers 400"):
        open_sources(["s3://bucket/a.log"])


def test_who_may_list_and_not_read_is_told_so_when_reading(scripted: ScriptedS3) -> None:
    """What the service says of the object, not that it was replaced."""
    scripted.keys, scripted.get = ["logs/a.log"], 403
    scripted.body = b"<Error><Code>AccessDenied</Code><Message>not yours</Message></Error>"
    [source] = open_sources(["s3://bucket/logs/"])
    with pytest.raises(TryAgainLaterError, match=r"AccessDenied.*not yours"):
        list(source.pieces())


def test_a_range_that_comes_short_is_no_end_of_the_object(scripted: ScriptedS3) -> None:
    """Taken for one, the rest of a log would be missing, and nobody would know."""
    scripted.head, scripted.body = 200, b"x" * 60
    [source] = open_sources(["s3://bucket/a.log"])
    with pytest.raises(TryAgainLaterError, match="60 read, but total bytes expected is 100"):
        list(source.pieces())
    scripted.body = b"x" * 100
    assert b"".join(source.pieces()) == scripted.body


# --- Other stores -----------------------------------------------------------------------------------------------------


def test_what_fsspec_knows_is_read_through_it(tmp_path: Path) -> None:
    """Its local files stand in for a remote store: patterns, folders, content, versions."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / ".hidden").write_bytes(GOOD)
    (tmp_path / "b" / "1.gz").write_bytes(gzip.compress(GOOD * 4))
    (tmp_path / "b" / "2.log").write_bytes(GOOD)
    url = f"file://{tmp_path}/b"
    for pattern in (url, f"{url}/*"):
        sources = open_sources([pattern])
        assert [source.name for source in sources] == [f"{url}/1.gz", f"{url}/2.log"]
        assert [b"".join(source.pieces()) for source in sources] == [GOOD * 4, GOOD]
    before = open_sources([f"{url}/2.log"])[0].identities
    (tmp_path / "b" / "2.log").write_bytes(GOOD * 2)
    after = open_sources([f"{url}/2.log"])[0].identities
    assert (before[0] != after[0], before[1]) == (True, after[1])


def test_a_file_of_another_store_is_read_in_stretches_or_said_to_be_gone(tmp_path: Path) -> None:
    """As a cluster reads it: from any place to any other; what has become shorter meanwhile is not read as whole."""
    file = tmp_path / "a.log"
    file.write_bytes(bytes(range(256)) * 1000)
    [source] = open_sources([f"file://{file}"])
    assert isinstance(source, DivisibleSource)
    assert b"".join(source.stretch(100, 200_100)) == file.read_bytes()[100:200_100]
    file.write_bytes(b"x" * 10)
    with pytest.raises(TryAgainLaterError, match="it ends after 10 of 256,000 bytes"):
        list(source.stretch(0, 256_000))
    file.unlink()
    with pytest.raises(TryAgainLaterError, match=r"a\.log"):
        list(source.pieces())
    with pytest.raises(TryAgainLaterError, match=r"a\.log"):
        list(source.stretch(0, 10))


@pytest.mark.parametrize(
    ("url", "message"),
    [("nope://a/b", "nope"), ("gs://a/b", "install gcsfs"), ("file:///nowhere/at/all", "no such object")],
)
def test_a_store_that_cannot_be_used_says_what_is_missing(url: str, message: str) -> None:
    """A protocol nobody speaks, a package that is not installed, a file that is not there."""
    with pytest.raises(ConfigurationError, match=message):
        open_sources([url])


def test_reading_files_loads_no_client() -> None:
    """boto3 and fsspec are imported where a URL asks for them."""
    script = (
        "import sys; from flowemf_processor.sources.opening import open_sources; open_sources(['/dev/null'])\n"
        "print(sorted({'boto3', 'botocore', 'fsspec', 'watchfiles'} & set(sys.modules)))"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=True)
    assert finished.stdout == b"[]\n"
