"""Figures as inline SVG of our own, fluid in width, coloured by the page's CSS variables.

Horizontal positions are percentages of the width and vertical ones pixels, so text keeps its size from a phone to
paper. What has many points lies in an inner ``svg`` that is stretched, its strokes kept at their width.
"""

from runner.report.figures.latency import latency_figure
from runner.report.figures.rto import rto_figure
from runner.report.figures.saturation import saturation_figure
from runner.report.figures.streams import streams_figure
from runner.report.figures.timeline import timeline_figure
from runner.report.figures.tpch import tpch_figure

__all__ = [
    "latency_figure",
    "rto_figure",
    "saturation_figure",
    "streams_figure",
    "timeline_figure",
    "tpch_figure",
]
