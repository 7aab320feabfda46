"""Compressed logs are read as if they were not: recognised by content, in any number of members, in bounded memory."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_lines import document
from replaying import CLOCK, balanced, text_of

from flowemf_processor.core.ledger import Ledger
from flowemf_processor.errors import SourceFaultError, TryAgainLaterError
from flowemf_processor.pipeline.reading import SourceReader
from flowemf_processor.sources.ahead import made_ahead
from flowemf_processor.sources.compression import FREE_BYTES, PIECE_BYTES, codec_of, decompressed
from flowemf_processor.sources.files import FileSource

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Compress = Callable[[bytes], bytes]
COMPRESS: dict[str, Compress] = {
    "gzip": lambda text: gzip.compress(text, mtime=0),
    "zstd": lambda text: zstd.compress(text, options={zstd.CompressionParameter.checksum_flag: 1}),  # as its command
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
GOOD = text_of([document({"Latency": 1})])
each_kind = pytest.mark.parametrize("compress", COMPRESS.values(), ids=COMPRESS)


def cut(stored: bytes, size_bytes: int) -> Iterator[bytes]:
    """Give bytes in pieces of one size."""
    yield from (stored[start : start + size_bytes] for start in range(0, len(stored), size_bytes))


def text_in(stored: bytes, size_bytes: int = 1 << 16, *, max_expansion: int = 200) -> bytes:
    """Decompress bytes that arrive in pieces of one size."""
    return b"".join(decompressed(cut(stored, size_bytes), max_expansion=max_expansion))  # type: ignore[arg-type]


def read(path: Path) -> tuple[list[str], Ledger]:
    """Read a file; give what was said of it as a whole, and the ledger, which must balance."""
    ledger = Ledger()
    steps = SourceReader(FileSource(path), ledger=ledger, clock=CLOCK).steps()
    found = [each.reason for step in steps for each in step.findings]
    balanced(ledger)
    return found, ledger


def large_text(size_bytes: int) -> bytes:
    """Give lines that do not shrink to nothing."""
    return b"".join(os.urandom(30).hex().encode() + b"\n" for _ in range(size_bytes // 61))


@each_kind
def test_a_compressed_file_is_read_as_the_log_it_holds(tmp_path: Path, compress: Compress) -> None:
    """Whatever its name; offsets and sizes count the log's own bytes."""
    (tmp_path / "a.log").write_bytes(compress(GOOD * 1000))
    found, ledger = read(tmp_path / "a.log")
    assert (found, ledger.metric_records) == ([], 1000)
    assert ledger.sources[0].read_bytes == 1000 * len(GOOD)
    source = FileSource(tmp_path / "a.log")
    assert (source.is_compressed, source.size_bytes) == (True, None)


def test_a_name_makes_no_file_a_compressed_one(tmp_path: Path) -> None:
    """Content decides."""
    (tmp_path / "a.log.gz").write_bytes(GOOD + b"BZh is text\n")
    found, ledger = read(tmp_path / "a.log.gz")
    assert (found, ledger.metric_records, ledger.other_records) == ([], 1, 1)
    assert FileSource(tmp_path / "a.log.gz").size_bytes == len(GOOD) + 12


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(COMPRESS)), st.binary(max_size=300)), min_size=1, max_size=5),
    st.integers(1, 400),
)
def test_any_members_in_any_pieces_give_their_text(members: list[tuple[str, bytes]], size_bytes: int) -> None:
    """Firehose and log exports concatenate members; tools may mix their kinds."""
    stored = b"".join(COMPRESS[kind](text) for kind, text in members)
    assert text_in(stored, size_bytes) == b"".join(text for _, text in members)


@each_kind
def test_the_standard_input_may_be_compressed(compress: Compress) -> None:
    """A real pipe."""
    script = (
        "import sys; from flowemf_processor.sources.standard_input import StandardInput\n"
        "sys.stdout.buffer.writelines(StandardInput().pieces())"
    )
    text = large_text(500_000)
    finished = subprocess.run(
        [sys.executable, "-c", script], input=compress(text), capture_output=True, timeout=60, check=True
    )
    assert finished.stdout == text


# --- What is wrong with the compressed data ---------------------------------------------------------------------------


@each_kind
def test_of_a_cut_file_everything_before_the_cut_is_read(tmp_path: Path, compress: Compress) -> None:
    """Then a finding says that there was more; once the rest has come, only that is read."""
    text = large_text(400_000)
    stored = compress(text) + compress(GOOD)
    (tmp_path / "a.log").write_bytes(stored[:-7])
    found, ledger = read(tmp_path / "a.log")
    assert found == ["source-truncated"]
    assert ledger.other_records == text.count(b"\n")


@each_kind
def test_nothing_of_a_damaged_member_is_taken_for_good(tmp_path: Path, compress: Compress) -> None:
    """The members before it are read; the finding names the place."""
    damaged = bytearray(compress(large_text(50_000)))
    damaged[len(damaged) // 2 :: 97] = bytes(byte ^ 0x5A for byte in damaged[len(damaged) // 2 :: 97])
    (tmp_path / "a.log").write_bytes(compress(GOOD) + damaged)
    found, ledger = read(tmp_path / "a.log")
    assert found == ["source-damaged"]
    assert ledger.metric_records == 1


def test_what_follows_compressed_data_is_a_finding_and_no_line(tmp_path: Path) -> None:
    """The last line is used even if it has no end; padding with zeros is nothing to remark on."""
    (tmp_path / "a.log").write_bytes(gzip.compress(GOOD + GOOD[:-1]) + b"\0" * 70_000 + GOOD)
    found, ledger = read(tmp_path / "a.log")
    assert (found, ledger.metric_records) == (["source-trailing-data"], 2)
    (tmp_path / "b.log").write_bytes(gzip.compress(GOOD) + b"\0" * 70_000)
    assert read(tmp_path / "b.log")[0] == []


@pytest.mark.parametrize("kind", ["gzip", "zstd", "bzip2"])
def test_a_bomb_is_given_up_early(kind: str) -> None:
    """Up to 64 MiB nothing is looked at; beyond, 200 times the compressed size is the most unless more is allowed."""
    exact = COMPRESS[kind](b"x" * FREE_BYTES)
    assert len(text_in(exact)) == FREE_BYTES
    bomb = COMPRESS[kind](b"x" * (FREE_BYTES + 1))
    given: list[int] = []
    with pytest.raises(SourceFaultError, match="times as much") as raised:
        given.extend(len(piece) for piece in decompressed(cut(bomb, 1 << 16)))  # type: ignore[arg-type]
    assert raised.value.reason == "source-expands-too-far"
    assert sum(given) <= FREE_BYTES
    assert len(text_in(bomb, max_expansion=10**6)) == FREE_BYTES + 1


def test_a_window_larger_than_memory_allows_is_refused() -> None:
    """Zstandard's --ultra --long=31 needs 2 GB to undo."""
    parameters = {zstd.CompressionParameter.window_log: 31, zstd.CompressionParameter.enable_long_distance_matching: 1}
    compressor = zstd.ZstdCompressor(options=parameters)
    stored = compressor.compress(b"x" * 1000, zstd.ZstdCompressor.FLUSH_BLOCK) + compressor.flush()
    with pytest.raises(SourceFaultError, match="memory"):
        text_in(stored)


# --- Memory and time --------------------------------------------------------------------------------------------------


@each_kind
def test_a_piece_is_small_however_much_was_compressed_into_it(compress: Compress) -> None:
    """What stands in a piece is held as lines."""
    pieces = decompressed(cut(compress(b"\n" * 5_000_000), 1 << 16))  # type: ignore[arg-type]
    assert max(len(piece) for piece in pieces) <= PIECE_BYTES


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """256 MiB; a real process tells how much memory it took."""
    with gzip.open(tmp_path / "a.gz", "wb", compresslevel=1) as file:
        for _ in range(256):
            file.write(b"y" * (1 << 20))
    script = (
        "import resource, sys; from pathlib import Path; from flowemf_processor.sources.files import FileSource\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "total = sum(len(piece) for piece in FileSource(Path(sys.argv[1]), max_expansion=2000).pieces())\n"
        "print(total, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a.gz")], capture_output=True, timeout=60, check=True
    )
    total_bytes, grown = map(int, finished.stdout.split())
    grown_bytes = grown if sys.platform == "darwin" else grown << 10
    assert total_bytes == 256 << 20
    assert grown_bytes < 16 << 20


def test_without_isal_the_standard_library_reads_the_same(tmp_path: Path) -> None:
    """There is no wheel of it for some processors."""
    text = large_text(300_000)
    (tmp_path / "a.gz").write_bytes(gzip.compress(text[:100_000]) + gzip.compress(text[100_000:]))
    script = (
        "import sys; sys.modules['isal'] = None; from pathlib import Path\n"
        "from flowemf_processor.sources.files import FileSource\n"
        "sys.stdout.buffer.writelines(FileSource(Path(sys.argv[1])).pieces())"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a.gz")], capture_output=True, timeout=60, check=True
    )
    assert finished.stdout == text


def test_work_done_ahead_keeps_order_and_errors() -> None:
    """Everything that was made arrives before the error does."""

    def making() -> Iterator[bytes]:
        yield from (bytes([number % 251]) * 1000 for number in range(20_000))
        raise TryAgainLaterError("the disk is gone")

    def take() -> None:
        for number, piece in enumerate(made_ahead(making())):
            assert piece == bytes([number % 251]) * 1000
            taken.append(number)

    taken: list[int] = []
    with pytest.raises(TryAgainLaterError, match="gone"):
        take()
    assert taken == list(range(20_000))


def test_who_stops_in_the_middle_leaves_no_thread_behind() -> None:
    """The thread ends when nobody wants its work any more."""
    before = threading.active_count()
    pieces = made_ahead(b"z" * (1 << 20) for _ in range(1000))
    next(pieces)
    assert threading.active_count() == before + 1
    pieces.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("first", "name"),
    [
        (b"", None), (b"\x1f\x8b", None), (b"\x1f\x8b\x08", "gzip"), (b"BZh91AY&SY", "bzip2"), (b"BZh9", None),
        (b"\x28\xb5\x2f\xfd", "Zstandard"), (b"\x5f\x2a\x4d\x18", "Zstandard"), (b"\xfd7zXZ\x00", "xz"), (b"{", None),
    ],
)  # fmt: skip
def test_compression_is_told_by_its_magic_number(first: bytes, name: str | None) -> None:
    """Of what is too short to tell, nothing is claimed."""
    codec = codec_of(first)
    assert (codec.name if codec else None) == name


def test_the_command_stops_at_a_bomb_and_reads_it_where_it_is_told_to(tmp_path: Path) -> None:
    """Exit code 3 and what to do, or everything."""
    (tmp_path / "a.log").write_bytes(zstd.compress((b"x" * 4_000_000 + b"\n") * 17))
    command = [sys.executable, "-m", "flowemf_processor", "check", "--json", "a.log"]
    for more, code in (((), 3), (("--max-expansion", "100000"), 0)):
        finished = subprocess.run([*command, *more], cwd=tmp_path, capture_output=True, timeout=120, check=False)
        assert finished.returncode == code, finished.stderr
        assert (b"raise --max-expansion" in finished.stdout) is (code == 3)
