"""Whether two runs may be compared at all: the same hardware, data, engines and target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runner.comparison.sides import Side
from runner.report.units import size
from runner.results import Environment

ALLOWANCES = ("hardware", "scale-factor", "version", "target", "parameters")
VALIDATION = "validation"
MEMORY_TOLERANCE = 0.05  # what a kernel keeps for itself differs from boot to boot


def differences(base: Side, new: Side) -> dict[str, list[str]]:
    """What differs, by the name under which it can be allowed; all runs of a side count."""
    found: dict[str, list[str]] = {name: [] for name in ALLOWANCES}
    ours, theirs = ([run.environment for run in side.runs] for side in (base, new))
    for name, what, key in (
        ("hardware", "platform", lambda e: e.platform),
        ("hardware", "processors", lambda e: str(e.cpus)),
        ("scale-factor", "scale factor", lambda e: f"{e.scale_factor:g}"),
        ("target", "way to the engines", lambda e: e.transport),
    ):
        found[name] += _differing(what, map(key, ours), map(key, theirs))
    found["hardware"] += _memory(ours, theirs)
    found["version"] += _versions(ours, theirs)
    found["parameters"] += _differing("query parameters", _parameters(base), _parameters(new))
    found["target"] += _differing("target", (run.target for run in base.runs), (run.target for run in new.runs))
    return {name: texts for name, texts in found.items() if texts}


def versions(environment: Environment) -> dict[str, str]:
    """Title and version of each engine, by kind."""
    return {engine.kind: f"{engine.title} {engine.version}" for engine in environment.engines}


def _parameters(side: Side) -> list[str]:
    """What was substituted in the queries' texts: the validation values, or a draw."""
    drawn = [getattr(benchmark, "substitution", VALIDATION) for run in side.runs for benchmark in run.benchmarks]
    return drawn or [VALIDATION]


def _differing(what: str, ours: Iterable[str], theirs: Iterable[str]) -> list[str]:
    left, right = (list(dict.fromkeys(values)) for values in (ours, theirs))
    if len({*left, *right}) == 1:
        return []
    return [f"{what} {_listed(left)} against {_listed(right)}"]


def _memory(ours: list[Environment], theirs: list[Environment]) -> list[str]:
    sizes = [environment.memory_bytes for environment in (*ours, *theirs)]
    if max(sizes) <= min(sizes) * (1 + MEMORY_TOLERANCE):
        return []
    return _differing("memory", (size(e.memory_bytes) for e in ours), (size(e.memory_bytes) for e in theirs))


def _versions(ours: list[Environment], theirs: list[Environment]) -> list[str]:
    """Only engines that both sides have can differ."""
    left, right = ([versions(environment) for environment in side] for side in (ours, theirs))
    shared = [kind for kind in left[0] if any(kind in each for each in right)]
    return [text for kind in shared for text in _differing("version", _present(left, kind), _present(right, kind))]


def _present(sides: Iterable[Mapping[str, str]], kind: str) -> list[str]:
    return [each[kind] for each in sides if kind in each]


def _listed(values: list[str]) -> str:
    return " and ".join(values)
