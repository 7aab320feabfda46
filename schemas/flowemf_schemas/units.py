"""CloudWatch's units and the unit somebody probably meant.

A unit's spelling goes in; whether CloudWatch knows it, and which known unit is nearest, comes out.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html (member Unit).
"""

SECONDS = "Seconds"
MICROSECONDS = "Microseconds"
MILLISECONDS = "Milliseconds"
COUNT = "Count"
PERCENT = "Percent"
NONE = "None"

UNITS = (
    SECONDS,
    MICROSECONDS,
    MILLISECONDS,
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    PERCENT,
    COUNT,
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    NONE,
)

# Abbreviations of other systems (UCUM, OpenTelemetry, Prometheus) that no edit distance leads to the right unit.
_ABBREVIATIONS = {
    "s": SECONDS,
    "sec": SECONDS,
    "secs": SECONDS,
    "ms": MILLISECONDS,
    "msec": MILLISECONDS,
    "millis": MILLISECONDS,
    "us": MICROSECONDS,
    "\u03bcs": MICROSECONDS,  # what both the micro sign and the Greek letter fold to
    "usec": MICROSECONDS,
    "b": "Bytes",
    "by": "Bytes",
    "kb": "Kilobytes",
    "kby": "Kilobytes",
    "mb": "Megabytes",
    "gb": "Gigabytes",
    "tb": "Terabytes",
    "bit": "Bits",
    "bps": "Bits/Second",
    "by/s": "Bytes/Second",
    "kb/s": "Kilobytes/Second",
    "mb/s": "Megabytes/Second",
    "gb/s": "Gigabytes/Second",
    "%": PERCENT,
    "1": COUNT,
    "counts": COUNT,
    "count/s": "Count/Second",
    "req/s": "Count/Second",
    "1/s": "Count/Second",
    "": NONE,
}


def suggest(unit: str) -> str | None:
    """Name the CloudWatch unit that somebody who wrote `unit` probably meant.

    >>> suggest("ms")
    'Milliseconds'
    >>> suggest("milliseconds")
    'Milliseconds'
    >>> suggest("furlongs") is None
    True

    Args:
        unit: any spelling, of any length.

    Returns:
        One of `UNITS`, or None where nothing is near.
    """
    folded = unit.strip()[:64].casefold()
    if folded in _ABBREVIATIONS:
        return _ABBREVIATIONS[folded]
    if folded.startswith("{") and folded.endswith("}"):  # OpenTelemetry counts things as {token}
        return COUNT
    by_folded = {known.casefold(): known for known in UNITS}
    if folded in by_folded:
        return by_folded[folded]
    import difflib  # costs a few milliseconds, and only a wrong unit needs it

    nearest = difflib.get_close_matches(folded, by_folded, n=1, cutoff=0.75)
    return by_folded[nearest[0]] if nearest else None
