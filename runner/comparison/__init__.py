"""Two runs side by side: ratios with intervals, and verdicts better, same, worse or cannot tell."""
