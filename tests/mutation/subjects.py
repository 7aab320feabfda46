"""The modules that are changed, each with the test files that ought to notice.

A module's path goes in; its tests come out. Only pure modules are listed: a test of theirs takes milliseconds.
"""

from __future__ import annotations

_SCHEMAS = "schemas/flowemf_schemas"
_ENCODING = "emitter/flowemf/_encoding"
_CORE = "processor/flowemf_processor/core"

_LINES = ("tests/emitter/test_own_metrics.py", "tests/emitter/test_rollups.py", "tests/emitter/test_splits.py")

SUBJECTS: dict[str, tuple[str, ...]] = {
    f"{_SCHEMAS}/ledger_rules.py": ("tests/schemas/test_ledger_rules.py",),
    f"{_SCHEMAS}/request_rules.py": ("tests/schemas/test_request_rules.py",),
    f"{_SCHEMAS}/rules.py": ("tests/schemas/test_verdict_vectors.py", "tests/schemas/test_rules.py"),
    f"{_SCHEMAS}/units.py": ("tests/schemas/test_units.py",),
    f"{_SCHEMAS}/violations.py": ("tests/schemas/test_violations.py", "tests/schemas/test_verdict_vectors.py"),
    f"{_ENCODING}/document.py": (*_LINES, "tests/emitter/test_embedded_metrics_bridge.py"),
    f"{_ENCODING}/shapes.py": ("tests/emitter/test_metric_table.py", "tests/emitter/test_rollups.py"),
    f"{_ENCODING}/text.py": ("tests/emitter/test_dimension_text.py", "tests/emitter/test_safe_lines.py"),
    f"{_ENCODING}/values.py": (
        "tests/emitter/test_emitted_properties.py",
        "tests/emitter/test_numbers.py",
        *_LINES,
    ),
    f"{_CORE}/admission.py": ("tests/processor/test_admission.py", "tests/processor/test_series_places.py"),
    f"{_CORE}/conditions.py": ("tests/processor/test_conditions.py",),
    f"{_CORE}/decode.py": ("tests/processor/test_decode.py", "tests/processor/test_unwrap_hostile.py"),
    f"{_CORE}/ledger.py": ("tests/processor/test_ledger.py",),
    f"{_CORE}/log_batches.py": ("tests/processor/test_log_batches.py",),
    f"{_CORE}/metric_batches.py": (
        "tests/processor/test_aggregate.py",
        "tests/processor/test_buckets.py",
        "tests/processor/test_isolation.py",
    ),
    f"{_CORE}/pacing.py": ("tests/processor/test_pacing.py",),
    f"{_CORE}/parse.py": ("tests/processor/test_measure.py", "tests/processor/test_parse.py"),
    f"{_CORE}/rewriting.py": ("tests/processor/test_rejection.py", "tests/processor/test_log_lines.py"),
    f"{_CORE}/roads.py": ("tests/processor/test_log_roads.py",),
}
