"""The oldest botocore that knows Converse, pinned: the tests of calls, streams and bodies hold with it too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
OLDEST = "1.34.116"
FILES = ("test_bedrock_calls.py", "test_bedrock_streams.py", "test_bedrock_bodies.py")
# What it lacks: members for the cache in the answers of Converse, ApplyGuardrail, and bodies that read into a buffer.
NOT_THERE = (
    "a_converse_call_gives",
    "a_stream_gives_its_first_token",
    "an_answer_that_imitates",
    "an_answer_of_an_unknown_kind",
    "other_operations",
    "readinto",
    "BufferedReader",
    "breaks_off_is_an_error",
)
# What does not depend on botocore's release.
NOT_AGAIN = ("model_is_what", "refused_call", "provider_s_body", "without_a_usage", "without_botocore")


def test_the_oldest_botocore_gives_the_same_lines(tmp_path: Path) -> None:
    """What it depends on is here already."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path)]
    wanted = [f"botocore=={OLDEST}", f"boto3=={OLDEST}"]
    finished = subprocess.run([*command, *wanted], capture_output=True, text=True, check=False, timeout=120)
    if finished.returncode:
        pytest.skip(f"botocore {OLDEST} cannot be had: {finished.stderr.strip()[-200:]}")
    arguments = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-W",
        "ignore",
        "-k",
        " and ".join(f"not {each}" for each in NOT_THERE),
    ]
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import botocore, pytest;"
        f"assert botocore.__version__ == {OLDEST!r};"
        f"sys.exit(pytest.main({[*(str(HERE / name) for name in FILES), *arguments]!r}))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=HERE.parents[1], capture_output=True, text=True, check=False, timeout=120
    )
    assert finished.returncode == 0, finished.stdout
