"""`python -m flowemf_processor` is the command `flowemf`: arguments go in, its exit code comes out."""

import sys

from flowemf_processor.console import main

if __name__ == "__main__":
    sys.exit(main())
