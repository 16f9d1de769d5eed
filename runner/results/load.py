"""Load, answers and latency in the results document."""

from __future__ import annotations

from typing import Literal

from runner.results.base import Model, Verdict


class Percentiles(Model):
    """Latency in seconds; ``None`` where nothing was measured."""

    count: int
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    p999: float | None = None
    max: float | None = None


class Answers(Model):
    """What became of the statements clients sent."""

    ok: int = 0
    failed: int = 0
    wrong: int = 0
    unknown: int = 0


class Histograms(Model):
    """HdrHistogram's compressed V2 format in base64, microseconds: to be merged with those of other runs."""

    corrected: str = ""
    uncorrected: str = ""
    lag: str = ""


class Generator(Model):
    """What made the load, and how well.

    ``client``: ``driver`` (the engine's official one) or ``wire`` (its protocol without a driver). ``lag``: from an
    arrival's intended start until the generator took it up. ``late``: arrivals for which that took more than 2 ms.
    ``waited``: arrivals that found all clients busy, which is the engine's doing. ``invalid``: why the figures say more
    of the generator than of the engine; empty when they do not. ``processes``: of each Job where there are ``jobs``
    (Kubernetes Jobs; 0: the processes ran beside the runner). ``begin_spread_seconds``: within which all Jobs began, at
    most.
    """

    client: Literal["driver", "wire"] = "driver"
    processes: int = 1
    jobs: int = 0
    begin_spread_seconds: float | None = None
    max_in_flight: int
    deadline_seconds: float
    lag: Percentiles
    late: int = 0
    waited: int = 0
    cpu_seconds: float = 0.0
    invalid: str = ""


class LoadResult(Model):
    """One open-loop load run.

    ``corrected`` counts latency from the intended start, ``uncorrected`` from the actual one: the gap between the two
    is what coordinated omission would have hidden. ``curve`` holds (percentile, seconds) of the corrected histogram.
    ``rate_per_second`` is the rate at the beginning where ``to_rate_per_second`` is that at the end.
    """

    engine: str
    rate_per_second: float
    duration_seconds: float
    offered: int
    sent: int
    dropped: int
    answers: Answers
    errors: dict[str, int] = {}
    achieved_per_second: float
    corrected: Percentiles
    uncorrected: Percentiles
    curve: tuple[tuple[float, float], ...] = ()
    mix: dict[str, int] = {}
    problems: tuple[str, ...] = ()
    arrivals: Literal["poisson", "constant", "ramp", "step"] = "poisson"
    to_rate_per_second: float | None = None
    workload: str = ""
    generator: Generator | None = None
    by_statement: dict[str, Percentiles] = {}
    histograms: Histograms = Histograms()


class SaturationStep(Model):
    """One rate that was tried.

    ``over``: arrivals that were not answered right within the limit. ``needed``: arrivals after which that says
    something about the percentile. ``outcome``: ``meets``, ``misses``, ``undecided`` (too few arrivals in the time
    there was), or ``generator`` (which could not keep the rate itself). ``stopped``: it was ended early, being lost.
    """

    purpose: Literal["warm-up", "search", "confirm"]
    rate_per_second: float
    duration_seconds: float
    arrivals: int
    needed: int
    over: int
    error_share: float
    achieved_per_second: float
    corrected: Percentiles
    lag_p99: float | None = None
    outcome: Literal["meets", "misses", "undecided", "generator"]
    stopped: bool = False
    reason: str = ""


class SaturationResult(Model):
    """The highest rate that meets the objectives, by bisection.

    ``rate_per_second``: ``None`` when not even the lowest rate did. ``above_per_second``: the lowest rate that was
    tried and did not. ``complete``: the two are as close as was asked for; else ``reason`` says what ended the search.
    """

    engine: str
    percentile: float
    limit_seconds: float
    largest_error_share: float
    rate_per_second: float | None = None
    above_per_second: float | None = None
    complete: bool
    confirmed: bool = False
    client: Literal["driver", "wire"] = "driver"
    processes: int = 1
    jobs: int = 0
    workload: str = ""
    steps: tuple[SaturationStep, ...] = ()
    verdict: Verdict
    reason: str = ""
