"""What ``benchmarks/run_presto_benchmarks.py`` does: TPC-H on one Trino server, named by host, catalog and schema."""

from runner.presto.command import main

__all__ = ["main"]
