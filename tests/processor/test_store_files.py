"""Opening the embedded store: files that are not ours, damaged, newer or in use stay as they are."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from metric_lines import document, event

from flowemf_processor.errors import ConfigurationError, TryAgainLaterError
from flowemf_processor.model import Mark
from flowemf_processor.sinks.local import LocalStore


def make_text(path: Path) -> None:
    path.write_text("not a database, but somebody's notes about a lock\n" * 500)


def make_empty(path: Path) -> None:
    path.write_bytes(b"")


def make_damaged(path: Path) -> None:
    with LocalStore(path) as store:
        store.store([event(document({"Latency": number})) for number in range(1000)], [])
    damaged = bytearray(path.read_bytes())
    damaged[8192:] = os.urandom(len(damaged) - 8192)
    path.write_bytes(damaged)


def make_cut(path: Path) -> None:
    with LocalStore(path) as store:
        store.store([event(document({"Latency": 1}))], [])
    path.write_bytes(path.read_bytes()[:20_000])


def make_foreign(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE points (secret VARCHAR)")


def make_newer(path: Path) -> None:
    with LocalStore(path):
        pass
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE flowemf SET schema_version = 99")


def make_headless(path: Path) -> None:
    with LocalStore(path):
        pass
    with duckdb.connect(str(path)) as connection:
        connection.execute("DELETE FROM flowemf")


def make_sqlite(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE notes (text)")
    connection.close()


MAKERS = [make_text, make_empty, make_damaged, make_cut, make_foreign, make_newer, make_headless, make_sqlite]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_a_file_that_is_no_store_of_ours_is_refused_and_stays_as_it_is(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    """The message names the file and the remedy; not a byte is written, not a file left beside it."""
    path = tmp_path / "clock.duckdb"
    make(path)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=r"clock\.duckdb: .*name another --database"):
        LocalStore(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_store_of_version_1_is_brought_up_to_date(tmp_path: Path) -> None:
    """Its marks are known, as of sources that leave nothing open, and new ones keep what they do."""
    path = tmp_path / "store.duckdb"
    old, new = Mark("path:/old", 5, 1, "d"), Mark("path:/new", 6, 2, "e", b"state")
    with LocalStore(path) as store:
        store.store([], [old])
    with duckdb.connect(str(path)) as connection:
        connection.execute("ALTER TABLE marks DROP COLUMN state; UPDATE flowemf SET schema_version = 1")
    for _ in range(2):
        with LocalStore(path) as store:
            store.store([], [new])
            assert (store.mark(old.source), store.mark(new.source)) == (old, new)


def test_a_newer_store_says_which_version_it_has(tmp_path: Path) -> None:
    """So that its owner knows that flowemf has to be upgraded."""
    make_newer(tmp_path / "store.duckdb")
    with pytest.raises(ConfigurationError, match=r"holds version 99, not a store of version 2"):
        LocalStore(tmp_path / "store.duckdb")


def test_a_store_that_another_process_has_open_is_left_to_it(tmp_path: Path) -> None:
    """Nothing is wrong with it: run again later."""
    path = tmp_path / "store.duckdb"
    script = (
        "import sys, pathlib; from flowemf_processor.sinks.local import LocalStore\n"
        "with LocalStore(pathlib.Path(sys.argv[1])): print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(TryAgainLaterError, match="another process has the store open"):
            LocalStore(path)
        other.communicate(timeout=30)
    with LocalStore(path) as store:
        assert store.query("SELECT COUNT(*) FROM METRICS") == [(0,)]


@pytest.mark.parametrize("name", [":memory:", "md:x", "sqlite:x", "x'y.duckdb", "x?y=z.duckdb", "é.duckdb"])
def test_any_name_is_the_name_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Names that mean something else to DuckDB are files like all others: what is stored is there later."""
    monkeypatch.chdir(tmp_path)
    with LocalStore(Path(name)) as store:
        store.store([event(document({"Latency": 1}))], [])
    with LocalStore(Path(name)) as store:
        assert store.query("SELECT COUNT(*) FROM METRICS") == [(1,)]
    assert (tmp_path / name).is_file()


def test_missing_directories_are_made_and_impossible_ones_refused(tmp_path: Path) -> None:
    """The message says what is in the way."""
    with LocalStore(tmp_path / "a" / "b" / "store.duckdb"):
        pass
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="cannot be reached"):
        LocalStore(tmp_path / "file" / "store.duckdb")
    with pytest.raises(ConfigurationError, match="name another --database"):
        LocalStore(tmp_path)


def test_nothing_is_left_beside_a_new_store(tmp_path: Path) -> None:
    """It is made beside its place and linked into it, so that it is never there in part."""
    with LocalStore(tmp_path / "store.duckdb"):
        pass
    assert list(tmp_path.iterdir()) == [tmp_path / "store.duckdb"]


def test_an_empty_database_becomes_a_store(tmp_path: Path) -> None:
    """As a process that died before its first transaction leaves it."""
    path = tmp_path / "store.duckdb"
    duckdb.connect(str(path)).close()
    with LocalStore(path) as store:
        assert store.query("SELECT COUNT(*) FROM METRICS") == [(0,)]
