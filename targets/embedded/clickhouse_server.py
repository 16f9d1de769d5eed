"""``python -m targets.embedded.clickhouse_server``: the server of :mod:`targets.embedded.clickhouse`, by name."""

from __future__ import annotations

import sys

from targets.embedded.clickhouse.__main__ import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
