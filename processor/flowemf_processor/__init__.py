"""Everything that reads metric lines back: from files and streams to CloudWatch, a local store or a report.

Importing this package loads nothing but its version; `pip install 'flowemf[processor]'` brings what its modules need.
"""

from flowemf_schemas._version import __version__

__all__ = ["__version__"]
