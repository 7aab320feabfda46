"""An application that is moved over: two lines more, and the same metrics for CloudWatch."""

from __future__ import annotations

import difflib
import json
from collections import Counter

from command_process import Flowemf
from example_programs import EXAMPLES, documents_of, output_of, run, table

FOLDER = EXAMPLES / "embedded_metrics"


def before() -> bytes:
    """Run the application as it was, with the command of the other one."""
    finished = run(table()["embedded_metrics"].replace("after.py", "before.py"))
    assert finished.stderr == b""
    return finished.stdout


def sent(command: Flowemf, output: bytes) -> Counter[str]:
    """Count each value of each series that would be sent, whenever it was measured."""
    planned = command("replay", "--to", "metrics", "--dry-run", stdin=output)
    assert planned.returncode == 0, planned.stderr
    found: Counter[str] = Counter()
    for request in map(json.loads, planned.stdout.splitlines()):
        for datum in request["MetricData"]:
            series = {key: datum[key] for key in ("MetricName", "Dimensions", "Unit")}
            for value, count in zip(datum["Values"], datum["Counts"], strict=True):
                found[json.dumps([request["Namespace"], series, value], sort_keys=True)] += count
    return found


def test_only_an_import_and_a_call_are_new() -> None:
    """Below what each file says of itself, nothing else differs."""
    files = [(FOLDER / name).read_text("utf-8").split('"""', 2)[2].splitlines() for name in ("before.py", "after.py")]
    changes = [line for line in difflib.ndiff(*files) if line[0] in "+-" and line[1:].strip()]
    assert changes == [
        "+ from flowemf.integrations import embedded_metrics",
        "+ embedded_metrics.install()",
    ]


def test_the_same_metrics_are_extracted_before_and_after(flowemf_command: Flowemf) -> None:
    """Each value of each series, with its unit and dimensions; and each line has the property that was set."""
    old, new = before(), output_of("embedded_metrics")
    extracted = sent(flowemf_command, old)
    assert extracted == sent(flowemf_command, new)
    assert sum(extracted.values()) == 7
    for output in (old, new):
        lines = [json.loads(line) for line in output.splitlines() if line.startswith(b"{")]
        assert [line["Warehouse"] for line in lines] == ["north"] * 3
        assert output.splitlines()[-1] == b"sorry: too many pieces"
    assert len(documents_of(new)) == 3
