#!/usr/bin/env python
"""TPC-H against a Trino (Presto) server, as the first system's script of this name ran it, over this project's code."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# As a script, Python looks beside this file first, where module names of this package could hide others.
sys.path[:] = [
    str(ROOT),
    *(entry for entry in sys.path if Path(entry or ".").resolve() not in {ROOT, ROOT / "benchmarks"}),
]

from runner.presto import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
