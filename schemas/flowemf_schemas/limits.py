"""Each service limit once: its number, where it is written, and who enforces it.

Nothing goes in; integers come out that know their source. They count bytes where the name says so,
else items or characters. A test compares them with the service models that botocore ships.
"""

_EMF = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html"
_PUT_METRIC_DATA = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html"
_METRIC_DATUM = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html"
_PUT_METRIC_ALARM = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"
_DIMENSION = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html"
_PUT_LOG_EVENTS = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html"
_GET_QUERY_RESULTS = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetQueryResults.html"
_LOGS_QUOTAS = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html"
_LAMBDA_QUOTAS = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
_TRANSACT_WRITE_ITEMS = "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html"
_BATCH_WRITE_ITEM = "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html"

EXTRACTION = "metric extraction in CloudWatch Logs"
METRICS_API = "PutMetricData"
ALARMS_API = "PutMetricAlarm"
LOGS_API = "PutLogEvents"
LOGS_QUERIES = "GetQueryResults"
LAMBDA = "Lambda"
DYNAMODB = "DynamoDB"


class Limit(int):
    """An integer that knows where it is written (`source`, a URL) and who enforces it (`enforced_by`)."""

    source: str
    enforced_by: str

    def __new__(cls, value: int, source: str, enforced_by: str) -> "Limit":
        """Build the limit; see the class."""
        limit = super().__new__(cls, value)
        limit.source = source
        limit.enforced_by = enforced_by
        return limit


# --- The EMF document
METRICS_PER_DIRECTIVE = Limit(100, _EMF, EXTRACTION)
VALUES_PER_TARGET = Limit(100, _EMF, EXTRACTION)
DIMENSIONS_PER_SET = Limit(30, _EMF, EXTRACTION)
DIMENSION_KEY_LENGTH = Limit(250, _EMF, EXTRACTION)
DIMENSION_VALUE_LENGTH = Limit(1024, _EMF, EXTRACTION)
# A Lambda function or container that cannot raise this writes smaller lines: `max_line_bytes`.
EVENT_BYTES = Limit(1_048_576, _LOGS_QUOTAS, LOGS_API)

# --- Names: EMF allows 1024 characters, the API 255. Both roads must agree, so the tighter one holds.
NAMESPACE_LENGTH = Limit(255, _PUT_METRIC_DATA, METRICS_API)
METRIC_NAME_LENGTH = Limit(255, _METRIC_DATUM, METRICS_API)
API_DIMENSION_NAME_LENGTH = Limit(255, _DIMENSION, METRICS_API)

# --- PutMetricData
DATUMS_PER_REQUEST = Limit(1000, _PUT_METRIC_DATA, METRICS_API)
REQUEST_BYTES = Limit(1_048_576, _PUT_METRIC_DATA, METRICS_API)
VALUES_PER_DATUM = Limit(150, _METRIC_DATUM, METRICS_API)
AGE_PAST_MS = Limit(14 * 24 * 3600 * 1000, _PUT_METRIC_DATA, METRICS_API)
AGE_FUTURE_MS = Limit(2 * 3600 * 1000, _PUT_METRIC_DATA, METRICS_API)
STORAGE_RESOLUTIONS = (1, 60)
# CloudWatch rejects values outside -2^360 .. 2^360 (API_MetricDatum, member Value).
VALUE_MAGNITUDE = 2.0**360

# --- Alarms
ALARM_NAME_LENGTH = Limit(255, _PUT_METRIC_ALARM, ALARMS_API)

# --- PutLogEvents
LOG_BATCH_BYTES = Limit(1_048_576, _PUT_LOG_EVENTS, LOGS_API)
LOG_EVENT_OVERHEAD_BYTES = Limit(26, _PUT_LOG_EVENTS, LOGS_API)
LOG_EVENTS_PER_BATCH = Limit(10_000, _PUT_LOG_EVENTS, LOGS_API)

# --- Reading log groups by queries: what one answer holds; more would take pages
QUERY_RESULTS = Limit(10_000, _GET_QUERY_RESULTS, LOGS_QUERIES)
LOG_BATCH_SPAN_MS = Limit(24 * 3600 * 1000, _PUT_LOG_EVENTS, LOGS_API)
LOG_GROUP_NAME_LENGTH = Limit(512, _PUT_LOG_EVENTS, LOGS_API)
LOG_STREAM_NAME_LENGTH = Limit(512, _PUT_LOG_EVENTS, LOGS_API)

# --- Lambda handlers
LAMBDA_RESPONSE_BYTES = Limit(6 * 1_048_576, _LAMBDA_QUOTAS, LAMBDA)
TRANSACTION_ITEMS = Limit(100, _TRANSACT_WRITE_ITEMS, DYNAMODB)
BATCH_WRITE_ITEMS = Limit(25, _BATCH_WRITE_ITEM, DYNAMODB)

# --- Ours: what no service states and a reader still has to bound
# The largest timestamp that a date can show: 9999-12-31T23:59:59.999Z.
TIMESTAMP_MS = 253_402_300_799_999
# The longest error message that a line carries, in characters; the rest of it belongs in the log.
ERROR_MESSAGE_LENGTH = 1024
# What one line may be told about itself: a line of 1 MB has room for half a million defects.
FINDINGS_PER_LINE = 200
# How many datapoints one line may stand for: 1 MB has room for hundreds of millions (sets times metrics times values).
DATAPOINTS_PER_LINE = 1_000_000
# --- Ours: what wraps log events, and how much of it is held
# A log event of 1 MB, each byte of it escaped as \\u00xx, and room for what stands around it. Lambda hands over 6 MB at
# the most (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
WRAPPER_BYTES = 8 * 1_048_576
# What a wrapper's compressed data may decompress to: Lambda's 6 MB hold base64 of 4.5 MB, and logs compress ten- to
# twentyfold. Deflate itself would allow 1,032 times the size (https://zlib.net/zlib_tech.html).
PAYLOAD_BYTES = 64 * 1_048_576
# How many log events one line may hold, in all its wrappers: ten times what PutLogEvents takes at once.
EVENTS_PER_WRAPPER = 100_000
# How deep wrappers may stand in wrappers: Kinesis, subscription, Fluent Bit, CRI and the line are four.
WRAPPER_LEVELS = 6
# Parts of log events that wait for their rest: streams in which some wait, their bytes, and the lines they wait for.
OPEN_STREAMS = 1000
OPEN_BYTES = 8 * 1_048_576
PART_PATIENCE_LINES = 100_000
# Duplicates are recognised among so many event ids that were read last, over all sources and runs; each takes 8 bytes.
EVENT_IDS_REMEMBERED = 100_000
# How many series one run may send: each is a metric that CloudWatch keeps and bills, 100,000 of them with about $12,000
# a month at list price (https://aws.amazon.com/cloudwatch/pricing/).
SERIES_PER_RUN = 100_000
