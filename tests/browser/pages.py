"""The pages that are looked at: each as full as it gets, and one that is wrong in every way."""

from __future__ import annotations

from collections.abc import Callable

from runner.report.comparison_page import render_comparison
from runner.report.history import render_history
from runner.report.html import render_html
from tests.unit.report.full import full_comparison, full_history, full_results

WRONG = """<!doctype html>
<html lang="en"><head><title>Wrong</title><meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:focus-visible { outline: none; }
.faint { color: #999999; background: #ffffff; }
.hidden { width: 40px; overflow: hidden; white-space: nowrap; }
</style></head>
<body id="body"><h1>Wrong</h1><h3>Skipped a level</h3>
<p class="faint">Hardly to be read</p>
<p style="white-space: nowrap">Wider than a phone, which is the way of a line that may not be broken anywhere</p>
<p class="hidden">This does not fit into its part</p>
<a href="#body">no ring</a>
<a href="#body" tabindex="-1">never reached</a>
<svg class="chart" role="img" width="200" height="50">
<rect width="200" height="50" fill="#222222"/>
<text x="5" y="20" fill="#333333">dark on dark</text><text x="6" y="21" fill="#ffffff">over it</text>
</svg>
<table><tr><th>Untitled</th></tr><tr><td>1</td></tr></table>
<details><summary>Folded</summary><p>Not on paper</p></details>
<script>console.error("said so"); undefined.thrown;</script>
<img src="missing.png" alt="not there">
</body></html>"""

PAGES: dict[str, Callable[[], str]] = {
    "report": lambda: render_html(full_results(), full_comparison()),
    "comparison": lambda: render_comparison(full_comparison()),
    "history": lambda: render_history(*full_history()),
}
