"""``python -m runner.generator``: the process of a load generator's container.

A package's main module, because processes that are spawned import any other main module once more, with all it needs.
"""

import sys

from runner.generator.serving import main

if __name__ == "__main__":
    sys.exit(main())
