"""The measuring half: command line, checks, verdicts and reports."""
