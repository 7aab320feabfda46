"""Replays that outgrow one machine, on Apache Spark.

The same pure core runs in the tasks of a cluster; the driver puts together what they found, and delivers. Where the
packages of the extra `spark` are missing only `session` can be imported, which says so.
"""
