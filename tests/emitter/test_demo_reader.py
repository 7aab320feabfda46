"""The sample application ends when its reader does."""

from __future__ import annotations

import subprocess
import sys


def test_the_sample_application_ends_when_its_reader_goes_away() -> None:
    """Whoever pipes it into `head` gets the prompt back, with the reason, and no traceback."""
    command = [sys.executable, "-m", "flowemf.demo", "--events", "1000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b'{"_aws"')
        process.stdout.close()
        said = process.stderr.read().decode().splitlines()
        process.wait(timeout=30)
    assert len(said) == 1
    assert said[0].startswith("flowemf: a line could not be written to stdout: BrokenPipeError")
