"""``comparison.html``: two runs on one page."""

from __future__ import annotations

from runner.comparison.model import Comparison
from runner.report.comparison import comparison_view
from runner.report.html import template_environment


def render_comparison(comparison: Comparison) -> str:
    """One file, no request to anywhere, readable without JavaScript."""
    template = template_environment().get_template("compare.html")
    return template.render(comparison=comparison_view(comparison), standalone=True)
