"""Does monitoring see what happens? Alerts during experiments, marks of injections, silences for planned runs."""
