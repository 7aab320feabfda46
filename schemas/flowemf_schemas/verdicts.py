"""The one table of what each defect of a metric line means.

A reason code goes in; its scope, its meaning and the remedy come out. `flowemf check`, `flowemf replay` and the
tests read this table and nothing else, so that no two of them can judge a line differently. The default is what CloudWatch is known to do.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Scope(str, Enum):
    """How much of a line a defect takes with it."""

    LINE = "line"
    DIRECTIVE = "directive"
    METRIC = "metric"
    DIMENSION_SET = "dimension set"
    NOTE = "note"


class Verdict(NamedTuple):
    """What a defect means and what to do about it."""

    reason: str
    scope: Scope
    meaning: str
    remedy: str


_ONE_DEFINITION = "define each name once"
_SPLIT = "split the event into several lines"

_TABLE = (
    # --- The text of the line
    Verdict("not-json", Scope.LINE, "the line mentions CloudWatchMetrics but is not JSON", "write one JSON object a line"),
    Verdict("not-a-number", Scope.LINE, "JSON has no NaN and no Infinity", "leave the metric out where there is no number"),
    Verdict("truncated", Scope.LINE, "the line was cut off before its JSON ended", "raise the size limit of whatever forwards the log, or write shorter lines"),
    Verdict("invalid-utf-8", Scope.LINE, "the line is not valid UTF-8", "write UTF-8"),
    Verdict("line-too-large", Scope.LINE, "the line is larger than a log event may be (1 MB)", _SPLIT),
    Verdict("nesting-too-deep", Scope.LINE, "the JSON is nested deeper than 512 levels", "flatten the properties"),
    Verdict("duplicate-key", Scope.LINE, "a member stands twice in one object, so its value is ambiguous", "write each member once"),
    Verdict("too-many-datapoints", Scope.LINE, "dimension sets times metrics times values are more than a million datapoints", _SPLIT),
    Verdict("too-many-findings", Scope.LINE, "the rest of the line was not looked at", "mend the first ones; the others are probably alike"),
    # --- What is wrapped around the line
    Verdict("format-mismatch", Scope.LINE, "the line does not have the shape that --format names", "name the right --format, or leave it out: shapes are recognised line by line"),
    Verdict("part-missing", Scope.LINE, "parts of a split log event arrived, but not all of them", "include the file that holds the others, and name the files in the order in which they were written"),
    Verdict("wrapper-too-large", Scope.LINE, "one line holds more than can be held at once: 8 MB, or 100,000 log events", "write one log event a line, for example with jq -c '.events[]'"),
    Verdict("wrapped-too-deep", Scope.LINE, "wrappers stand in wrappers deeper than six levels", "unwrap the outer ones first"),
    Verdict("base64-invalid", Scope.LINE, "the data is not valid base64", "check what has cut or changed the record"),
    Verdict("payload-damaged", Scope.LINE, "the compressed data is damaged or cut off", "check what has cut or changed the record"),
    Verdict("payload-too-large", Scope.LINE, "the compressed data decompresses to more than 64 MB", "check where the record comes from: no log service writes such data"),
    # --- The metadata
    Verdict("not-an-object", Scope.LINE, "the root must be a JSON object", "write one JSON object a line"),
    Verdict("metadata-missing", Scope.LINE, "CloudWatchMetrics stands neither in _aws nor at the root of a version 0 document", "put CloudWatchMetrics into _aws"),
    Verdict("metadata-not-an-object", Scope.LINE, "_aws must be an object", "write _aws as the EMF specification shows it"),
    Verdict("version-unknown", Scope.LINE, 'only version 0, as 0 or "0", has its metadata at the root', "put CloudWatchMetrics and Timestamp into _aws"),
    Verdict("timestamp-not-an-integer", Scope.LINE, "the timestamp must be an integer: milliseconds since the epoch", "write a whole number without quotes"),
    Verdict("timestamp-out-of-range", Scope.LINE, "the timestamp must lie between the years 1970 and 9999, in milliseconds", "check the unit: milliseconds, not microseconds"),
    Verdict("directives-missing", Scope.LINE, "_aws has no CloudWatchMetrics", "add the array CloudWatchMetrics"),
    Verdict("directives-not-an-array", Scope.LINE, "CloudWatchMetrics must be an array of metric directives", "wrap the directive in an array"),
    Verdict("directive-not-an-object", Scope.LINE, "a metric directive must be an object", "write Namespace, Dimensions and Metrics"),
    Verdict("directive-incomplete", Scope.LINE, "a metric directive needs Namespace and Metrics", "add the missing member"),
    Verdict("namespace-invalid", Scope.LINE, "a namespace must be a string of 1 to 255 characters that does not begin with a colon", "choose a name such as MyApp/GenKit"),
    Verdict("dimensions-not-an-array", Scope.LINE, "Dimensions must be an array of dimension sets", 'write [["FlowName"]], not ["FlowName"]'),
    Verdict("dimensions-empty", Scope.LINE, "Dimensions must hold at least one dimension set", "write [[]] for no dimensions"),
    Verdict("dimension-set-not-an-array", Scope.LINE, "a dimension set must be an array of keys", 'write [["FlowName"]], not ["FlowName"]'),
    Verdict("too-many-dimensions", Scope.LINE, "a dimension set may hold at most 30 keys", "keep the keys that you really query"),
    Verdict("dimension-key-invalid", Scope.LINE, "a dimension key must be a string of 1 to 250 characters", "rename the dimension"),
    Verdict("metrics-not-an-array", Scope.LINE, "Metrics must be an array of metric definitions", "wrap the definition in an array"),
    Verdict("too-many-metrics", Scope.LINE, "a directive may define at most 100 metrics; CloudWatch extracts none of them", _SPLIT),
    Verdict("metric-not-an-object", Scope.LINE, "a metric definition must be an object", 'write {"Name": "Latency", "Unit": "Milliseconds"}'),
    Verdict("metric-name-missing", Scope.LINE, "a metric definition needs a Name", "add the member Name"),
    Verdict("metric-name-invalid", Scope.LINE, "a metric name must be a string of 1 to 255 characters", "rename the metric"),
    Verdict("unit-unknown", Scope.LINE, "the unit is none that CloudWatch knows", "use a unit of API_MetricDatum, or leave it out"),
    # --- What the reader was told to demand
    Verdict("namespace-not-allowed", Scope.DIRECTIVE, "the namespace is none of those that may be read", "allow it with --namespace, or find out who writes it"),
    # --- The targets of dimensions
    Verdict("dimension-value-empty", Scope.LINE, "the dimension's value is empty; CloudWatch would publish the metrics with no dimensions at all", "leave the key out of the set, or give it a value"),
    Verdict("dimension-value-missing", Scope.DIMENSION_SET, "the root has no member of that name; CloudWatch ignores the dimension set", "add the member at the root"),
    Verdict("dimension-value-not-a-string", Scope.DIMENSION_SET, "a dimension's value must be a string", "put it in quotes"),
    Verdict("dimension-value-too-long", Scope.DIMENSION_SET, "a dimension's value may be at most 1024 characters long", "use a shorter value; keep the long one as a property"),
    Verdict("dimension-key-repeated", Scope.DIMENSION_SET, "the dimension set names a key twice", _ONE_DEFINITION),
    Verdict("dimension-set-repeated", Scope.DIMENSION_SET, "the directive lists the same dimension set twice", "list each set once"),
    # --- The targets of metrics
    Verdict("value-missing", Scope.METRIC, "the root has no member of that name", "add the member at the root, or drop the definition"),
    Verdict("value-not-a-number", Scope.METRIC, "a metric's value must be a number or an array of numbers", "write a number"),
    Verdict("value-out-of-range", Scope.METRIC, "a value must lie between -2^360 and 2^360", "check the computation"),
    Verdict("values-empty", Scope.METRIC, "the array of values is empty", "leave the metric out where there is nothing to report"),
    Verdict("too-many-values", Scope.METRIC, "an array may hold at most 100 values; CloudWatch silently ignores the metric", _SPLIT),
    Verdict("counts-mismatch", Scope.METRIC, "Values and Counts must be arrays of one length", "give each value its count"),
    Verdict("count-not-positive", Scope.METRIC, "a count must be a number above 0", "leave out what did not occur"),
    Verdict("statistic-set-incomplete", Scope.METRIC, "a statistic set needs the numbers Min, Max, Sum and Count", "add the missing member"),
    Verdict("statistic-set-incoherent", Scope.METRIC, "in a statistic set, Min must not be larger than Max", "check the computation"),
    Verdict("metric-repeated", Scope.METRIC, "the directive defines the same metric twice", _ONE_DEFINITION),
    Verdict("storage-resolution-invalid", Scope.METRIC, "StorageResolution must be 1 or 60", "write 1 for high resolution, or leave it out"),
    # --- Notes: CloudWatch takes it, but not everybody knows what it does with it
    Verdict("timestamp-missing", Scope.NOTE, "there is no Timestamp; the time of ingestion is used", "write the time of the event"),
    Verdict("dimensions-missing", Scope.NOTE, "the directive has no Dimensions; the metrics are published without any", "write [[]] to say so"),
    Verdict("metrics-empty", Scope.NOTE, "the directive defines no metric", "drop the directive"),
    Verdict("statistic-set-mean-outside", Scope.NOTE, "Sum / Count does not lie between Min and Max, so minimum, maximum and percentiles will be wrong", "let whatever computes the set record Min and Max"),
    Verdict("namespace-not-ascii", Scope.NOTE, "PutMetricData takes printable ASCII only in a namespace, and not only spaces", "rename the namespace"),
    Verdict("dimension-value-not-ascii", Scope.NOTE, "PutMetricData takes printable ASCII only in dimensions, and not only spaces", "percent-encode the value"),
    Verdict("dimension-key-not-ascii", Scope.NOTE, "PutMetricData takes printable ASCII only in dimensions, not only spaces, and no leading colon", "rename the dimension"),
    Verdict("line-incomplete", Scope.NOTE, "the last line has no end yet; it waits for its rest", "read it again when the writer is done"),
    Verdict("objects-share-line", Scope.NOTE, "objects follow each other on one line, as Firehose writes them; in a log, CloudWatch reads one object a log event", "end each object with a line ending"),
    Verdict("part-waiting", Scope.NOTE, "parts of a split log event wait for the others", "read it again when the writer is done"),
    Verdict("source-empty", Scope.NOTE, "there is nothing in it", "check that the application writes its log there"),
    Verdict("source-not-text", Scope.NOTE, "this does not look like a text log (it holds NUL bytes)", "check the path"),
    Verdict("source-unreadable", Scope.NOTE, "it could not be read to its end", "check its permissions and the disk, and run again"),
    Verdict("source-truncated", Scope.NOTE, "the compressed data end too early; what there is was read", "run it again when the file is complete, or fetch it again"),
    Verdict("source-damaged", Scope.NOTE, "the compressed data are damaged; what lies before the damage was read", "fetch or restore the file, and run again"),
    Verdict("source-expands-too-far", Scope.NOTE, "the compressed data become far larger than a log does; reading stopped there", "if it is a log nevertheless, raise --max-expansion"),
    Verdict("source-trailing-data", Scope.NOTE, "something else follows the compressed data; it was not read", "check how the file was written"),
)  # fmt: skip

VERDICTS = {verdict.reason: verdict for verdict in _TABLE}
"""Every verdict by its reason code."""
