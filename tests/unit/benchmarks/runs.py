"""Timings that never were measured, with the noise that measured ones have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.statistics import Sample


@dataclass(frozen=True)
class Noise:
    """Standard deviations of logarithms: of a whole run, of a restart, of a query in a restart, of one execution.

    ``outliers`` is the share of executions that take a quarter to twice as long again.
    """

    run: float = 0.05
    restart: float = 0.03
    query: float = 0.02
    execution: float = 0.06
    outliers: float = 0.05


def timings(
    seed: int,
    noise: Noise,
    *,
    restarts: int,
    iterations: int,
    queries: int = 22,
    slower: Mapping[int, float] | None = None,
) -> dict[int, Sample]:
    """One run. The queries' true times are the same for all seeds; short ones are noisier than long ones."""
    truth, random = np.random.default_rng(0), np.random.default_rng(seed)
    run, restarted = random.normal(0, noise.run), random.normal(0, noise.restart, restarts)
    found: dict[int, Sample] = {}
    for query in range(1, queries + 1):
        usual = 0.05 * truth.lognormal(0, 0.8) * (slower or {}).get(query, 1.0)
        executed = noise.execution * truth.lognormal(0, 0.4)
        moved = random.normal(run + restarted, noise.query)[:, None]
        values = moved + random.normal(0, executed, (restarts, iterations))
        struck = random.random(values.shape) < noise.outliers
        values += np.where(struck, random.uniform(0.2, 0.7, values.shape), 0.0)
        found[query] = (usual * np.exp(values)).tolist()
    return found
