"""Reports of a run: ``results.json``, ``junit.xml``, ``report.md``, ``report.html`` (one file), ``metrics.prom``."""

from runner.report.files import RESULTS_FILE, ReportError, load_results, write_reports
from runner.report.headline import Part, Tally, headline, parts, tally

__all__ = [
    "RESULTS_FILE",
    "Part",
    "ReportError",
    "Tally",
    "headline",
    "load_results",
    "parts",
    "tally",
    "write_reports",
]
