"""Recovery, compared: the same faults on a stack and on the same engine with the official chart's settings."""
