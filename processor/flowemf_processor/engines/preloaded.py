"""Imports what a working process needs, before there is one.

Nothing goes in; the process that imports this, and does nothing else, has what those need that are forked from it.
"""

import os

# Nothing here multiplies matrices, for which OpenBLAS starts a thread a core when numpy is imported; and whoever is
# forked must find no thread.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import flowemf_processor.core.runs
import flowemf_processor.engines.local  # noqa: F401 - for what they import
