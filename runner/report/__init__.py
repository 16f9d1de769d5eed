"""Reports of a run: ``results.json``, ``junit.xml``, ``report.md`` and a self-contained ``report.html``."""

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
