"""How much to measure before runs can be compared: the table of docs/compare.md, by simulation.

``python -m tests.unit.benchmarks.simulation [PAIRS]`` prints it; half an hour for 30 pairs.
"""

from __future__ import annotations

import sys
from collections import Counter

from benchmarks.regression import Change, Rule, compare_family
from tests.unit.benchmarks.runs import Noise, timings

PLANTED = 9
SIZES = ((1, 5), (1, 20), (3, 5), (3, 10), (3, 30), (5, 10), (5, 30), (10, 10))
NOISES = {"3 % (calm)": Noise(query=0.01, execution=0.03), "6 %": Noise(execution=0.06), "12 %": Noise(execution=0.12)}


def cell(restarts: int, iterations: int, noise: Noise, pairs: int) -> tuple[float, float, float]:
    """Shares: of the other queries called the same, of pairs whose slower query was found, of false alarms."""
    others: Counter[Change] = Counter()
    planted: Counter[Change] = Counter()
    for pair in range(pairs):
        base = timings(2 * pair, noise, restarts=restarts, iterations=iterations)
        new = timings(2 * pair + 1, noise, restarts=restarts, iterations=iterations, slower={PLANTED: 1.2})
        for query, ratio in compare_family(base, new, Rule(resamples=1500, tests=44)).ratios.items():
            (planted if query == PLANTED else others)[ratio.change] += 1
    alarms = others[Change.WORSE] + others[Change.BETTER]
    total = others.total()
    return others[Change.SAME] / total, planted[Change.WORSE] / pairs, alarms / total


def main(pairs: int) -> None:
    """Print the table, a row as soon as it is known."""
    heads = [f"{name}: same, found, false alarms" for name in NOISES]
    sys.stdout.write(f"| restarts × iterations | {' | '.join(heads)} |\n{'| --- ' * (len(NOISES) + 1)}|\n")
    for restarts, iterations in SIZES:
        cells = [cell(restarts, iterations, noise, pairs) for noise in NOISES.values()]
        shown = [f"{same:.0%}, {found:.0%}, {alarms:.1%}" for same, found, alarms in cells]
        sys.stdout.write(f"| {restarts} × {iterations} | {' | '.join(shown)} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
