"""Metrics as Prometheus keeps them: named by its rules, added up since the beginning.

Events go in; counters, histograms and summaries come out, each number of the log in exactly one of them.
"""

from flowemf_processor.core.prometheus.names import Family, Kind, family_of, label_of
from flowemf_processor.core.prometheus.sums import BUCKETS_SECONDS, REASONS, Additions, SeriesKey, Sums

__all__ = [
    "BUCKETS_SECONDS",
    "REASONS",
    "Additions",
    "Family",
    "Kind",
    "SeriesKey",
    "Sums",
    "family_of",
    "label_of",
]
