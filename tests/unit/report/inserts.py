"""What became of inserts in runs that never took place."""

from __future__ import annotations

from runner.results import Durability, Results


def written(lost_sight: bool) -> Durability:
    """Everything is there once, unless the engine did not come back to say so."""
    if lost_sight:
        return Durability(acknowledged=31, refused=0, unknown=9, reason="no answer: <script>alert('x')</script>")
    return Durability(
        acknowledged=1412,
        refused=6,
        unknown=3,
        lost=0,
        duplicated=0,
        unknown_written=2,
        refused_but_written=0,
        unexpected=0,
    )


def with_durability(results: Results, **changes: object) -> Results:
    """The run with other figures in its first experiment that wrote keys."""
    experiments = list(results.experiments)
    at = next(number for number, item in enumerate(experiments) if item.durability is not None)
    told = experiments[at].durability
    assert told is not None
    experiments[at] = experiments[at].model_copy(update={"durability": told.model_copy(update=changes)})
    return results.model_copy(update={"experiments": tuple(experiments)})
