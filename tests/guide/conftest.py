"""What the walk through the guide shares beside the command and a CloudWatch on loopback: a log of the demo.

Nothing goes in; fixtures come out.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from command_process import write_demo_log


@pytest.fixture(scope="session")
def guide_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let the sample application write the log that every section is tried against."""
    return write_demo_log(tmp_path_factory.mktemp("guide") / "app.log", events=400, seed=5)
