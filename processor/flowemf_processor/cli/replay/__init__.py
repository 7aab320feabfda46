"""`flowemf replay`: the command, its options, and a run to each destination.

Logs go in; destinations get their metrics, and an account of every line and datapoint comes out.
"""
