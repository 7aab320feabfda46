"""Every metric, dimension and field name, spelled once.

Nothing goes in; constants come out. Both sides import their spellings from here, so a renamed metric is renamed
everywhere or nowhere. This module is on the emitter's import path: it imports nothing.
"""

# --- The EMF document (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html)
AWS = "_aws"
TIMESTAMP = "Timestamp"
LOG_GROUP_NAME = "LogGroupName"
CLOUDWATCH_METRICS = "CloudWatchMetrics"
NAMESPACE = "Namespace"
DIMENSIONS = "Dimensions"
METRICS = "Metrics"
NAME = "Name"
UNIT = "Unit"
STORAGE_RESOLUTION = "StorageResolution"
VERSION = "Version"

# --- Members of a metric target that is neither a number nor an array of numbers
VALUES = "Values"
COUNTS = "Counts"
MIN = "Min"
MAX = "Max"
SUM = "Sum"
COUNT = "Count"

# --- Metrics of a flow
FLOW_STARTED = "FlowStarted"
FLOW_COMPLETED = "FlowCompleted"
FLOW_ERROR = "FlowError"
FLOW_CANCELLED = "FlowCancelled"
FLOW_DURATION = "FlowDuration"
FLOW_METRICS = (FLOW_STARTED, FLOW_COMPLETED, FLOW_ERROR, FLOW_CANCELLED, FLOW_DURATION)

# --- Metrics of a generation
GENERATION_COUNT = "GenerationCount"
GENERATION_ERROR = "GenerationError"
GENERATION_DURATION = "GenerationDuration"
TIME_TO_FIRST_TOKEN = "TimeToFirstToken"
TOKENS_USED = "TokensUsed"
INPUT_TOKENS = "InputTokens"
OUTPUT_TOKENS = "OutputTokens"
CACHE_READ_TOKENS = "CacheReadTokens"
CACHE_WRITE_TOKENS = "CacheWriteTokens"
REASONING_TOKENS = "ReasoningTokens"
ESTIMATED_COST = "EstimatedCost"
GENERATION_METRICS = (
    GENERATION_COUNT,
    GENERATION_ERROR,
    GENERATION_DURATION,
    TIME_TO_FIRST_TOKEN,
    TOKENS_USED,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    CACHE_READ_TOKENS,
    CACHE_WRITE_TOKENS,
    REASONING_TOKENS,
    ESTIMATED_COST,
)

# --- Metrics of the way out
LINES_DROPPED = "LinesDropped"
DELIVERY_METRICS = (LINES_DROPPED,)

# --- Metrics of the handlers' own health, in a namespace of their own
RECORDS_READ = "RecordsRead"
RECORDS_REJECTED = "RecordsRejected"
RECORDS_DUPLICATE = "RecordsDuplicate"
RECORDS_RETURNED = "RecordsReturned"
DATAPOINTS_ACCEPTED = "DatapointsAccepted"
DATAPOINTS_REFUSED = "DatapointsRefused"
DATAPOINTS_PENDING = "DatapointsPending"
DATAPOINTS_AMBIGUOUS = "DatapointsAmbiguous"
INVOCATIONS_FAILED = "InvocationsFailed"
ITERATOR_AGE = "IteratorAge"
HANDLER_METRICS = (
    RECORDS_READ,
    RECORDS_REJECTED,
    RECORDS_DUPLICATE,
    RECORDS_RETURNED,
    DATAPOINTS_ACCEPTED,
    DATAPOINTS_REFUSED,
    DATAPOINTS_PENDING,
    DATAPOINTS_AMBIGUOUS,
    INVOCATIONS_FAILED,
    ITERATOR_AGE,
)

# --- What an invocation of a Lambda function adds. None of these is reserved: applications use some of them themselves.
COLD_START = "ColdStart"
FUNCTION_NAME = "FunctionName"
REQUEST_ID = "request_id"
FUNCTION_VERSION = "function_version"
INITIALIZATION_TYPE = "initialization_type"
INVOCATION_MEMBERS = (COLD_START, FUNCTION_NAME, REQUEST_ID, FUNCTION_VERSION, INITIALIZATION_TYPE)

# --- Dimensions and their fixed values
FLOW_NAME = "FlowName"
STATUS = "Status"
ERROR_TYPE = "ErrorType"
MODEL_ID = "ModelID"
BUILT_IN_DIMENSIONS = (FLOW_NAME, STATUS, ERROR_TYPE, MODEL_ID)

STATUS_SUCCESS = "Success"
STATUS_ERROR = "Error"
STATUS_CANCELLED = "Cancelled"

# --- Error types (dimension ErrorType)
ERROR_TIMEOUT = "Timeout"
ERROR_CONNECTION = "Connection"
ERROR_AUTHENTICATION = "Authentication"
ERROR_THROTTLING = "Throttling"
ERROR_RATE_LIMIT = "RateLimit"
ERROR_GENERIC = "GenericError"
ERROR_UNKNOWN = "Unknown"
ERROR_TYPES = (
    ERROR_TIMEOUT,
    ERROR_CONNECTION,
    ERROR_AUTHENTICATION,
    ERROR_THROTTLING,
    ERROR_RATE_LIMIT,
    ERROR_GENERIC,
    ERROR_UNKNOWN,
)

# --- Properties: they stand beside the metrics in a line and are never dimensions
EVENT = "event"
SCHEMA_VERSION = "schema_version"
FLOW_ID = "flow_id"
PARENT_FLOW_ID = "parent_flow_id"
TRACE_ID = "trace_id"
SPAN_ID = "span_id"
ERROR_MESSAGE = "error_message"
RESOLVED_MODEL_ID = "resolved_model_id"
GENERATION_STATUS = "generation_status"
SERVER_LATENCY_MS = "server_latency_ms"
SAMPLE_RATE = "sample_rate"
PROPERTIES_CUT = "properties_cut"
PROPERTIES = (
    EVENT,
    SCHEMA_VERSION,
    FLOW_ID,
    PARENT_FLOW_ID,
    TRACE_ID,
    SPAN_ID,
    ERROR_MESSAGE,
    RESOLVED_MODEL_ID,
    GENERATION_STATUS,
    SERVER_LATENCY_MS,
    SAMPLE_RATE,
    PROPERTIES_CUT,
)

# --- Values of the property `event`
EVENT_FLOW_START = "flow.start"
EVENT_FLOW_END = "flow.end"
EVENT_GENERATION = "generation"
EVENT_METRIC = "metric"
EVENT_DROPPED = "dropped"

LINE_SCHEMA_VERSION = 1

# --- A rejects file: one JSON object a line, of which a replay reads the text that was rejected
REJECTS = "flowemf_rejects"
REJECTS_SCHEMA_VERSION = 1
REJECTS_LINE = "line"
REJECTS_LINE_BASE64 = "line_base64"
REJECTS_RECEIVED_MS = "received_ms"
REJECTS_EVENT_ID = "event_id"
