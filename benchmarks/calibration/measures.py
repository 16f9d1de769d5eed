"""What the calibration measures with this project's own means, each against what the endpoint is known to do."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.arrivals import Constant
from benchmarks.calibration.endpoint import ScriptedEndpoint
from benchmarks.calibration.script import Log, Script, Window, percentile
from benchmarks.load import ClientKind, LoadRun, LoadSpec, run_load
from benchmarks.mixture import Mixture
from benchmarks.openloop import OpenLoop, constant
from benchmarks.processes import in_processes
from benchmarks.statements import StatementClient, probe_statement
from engines import Engine, engine_class
from faults.timeline import measure

STALL_RATE = 500.0
STALL_SECONDS = 1.4
LAG_LIMIT = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class StallMeasure:
    """The 99th percentile of latency under one stall, in seconds.

    Attributes:
        truth: what arrivals of the schedule must see of the script.
        corrected, uncorrected: what was measured from the intended and from the actual start.
        offered, answered: arrivals of the schedule, and right answers.
        stall: how long the endpoint really did not answer.
        lag_p99: of the generator.
    """

    rate: float
    duration: float
    truth: float
    corrected: float
    uncorrected: float
    offered: int
    answered: int
    stall: float
    lag_p99: float

    @property
    def error(self) -> float:
        """Of the corrected percentile, relative to the truth."""
        return self.corrected / self.truth - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeMeasure:
    """How far the edges of outages were off, in seconds; ``begins`` and ``ends`` hold one error for each outage."""

    period: float
    begins: tuple[float, ...]
    ends: tuple[float, ...]

    @property
    def worst(self) -> float:
        """The largest error of any edge."""
        return max(map(abs, (*self.begins, *self.ends)), default=math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateMeasure:
    """The highest rate that one generator process keeps with a 99th percentile of scheduling lag of at most 2 ms.

    ``per_core`` is answers per second of processor time, which is what a core could do if it had nothing else to do.
    """

    rate: float
    per_core: float
    lag_p99: float
    tried: tuple[tuple[float, float], ...]


def engine_at(endpoint: ScriptedEndpoint) -> Engine:
    """The ClickHouse adapter for the scripted endpoint."""
    return engine_class("clickhouse")(endpoint.endpoint)


def offer(endpoint: ScriptedEndpoint, script: Script, spec: LoadSpec) -> tuple[LoadRun, Log]:
    """One load run while the endpoint follows a script."""
    engine = engine_at(endpoint)
    endpoint.play(script)
    run = run_load(engine, Mixture([probe_statement(engine.probe)]), spec, in_processes)
    return run, endpoint.log()


def measure_stall(
    endpoint: ScriptedEndpoint, *, rate: float = STALL_RATE, duration: float = 15.0, stall: float = STALL_SECONDS
) -> StallMeasure:
    """The stall comes in the middle. The script's time begins with the first request, as the schedule's does."""
    schedule = Constant(rate=rate, duration=duration)
    script = Script(stalls=(Window(duration / 2, stall),))
    spec = LoadSpec(schedule, max_in_flight=math.ceil(rate * stall * 1.5), client=ClientKind.WIRE)
    run, log = offer(endpoint, script, spec)
    begun, ended = log.stalls[0]
    return StallMeasure(
        rate=rate,
        duration=duration,
        truth=percentile(script.latencies(schedule.starts()), 99.0),
        corrected=run.corrected.quantiles["p99"],
        uncorrected=run.uncorrected.quantiles["p99"],
        offered=run.offered,
        answered=run.corrected.count,
        stall=ended - begun,
        lag_p99=run.lag.quantiles["p99"],
    )


def measure_edges(endpoint: ScriptedEndpoint, *, outages: int = 8, seed: int = 0) -> EdgeMeasure:
    """Outages watched by the availability probe, as experiments do, against the endpoint's own log of them."""
    period = engine_at(endpoint).probe.period
    draw = random.Random(seed)  # noqa: S311 - phases of outages, not secrets
    edges = [_edges(endpoint, period, draw) for _ in range(outages)]
    return EdgeMeasure(period=period, begins=tuple(e[0] for e in edges), ends=tuple(e[1] for e in edges))


def _edges(endpoint: ScriptedEndpoint, period: float, draw: random.Random) -> tuple[float, float]:
    """Errors of one outage's begin and end; its phase within the probe's period is random."""
    engine = engine_at(endpoint)
    outage = Window(0.5 + draw.random() * period, 0.5 + draw.random() * period)
    endpoint.play(Script(outages=(outage,)))
    statement = [probe_statement(engine.probe)]
    loop = OpenLoop(
        constant(period, outage.end + 1.0),
        lambda: StatementClient(engine, statement, reconnect=True),
        deadline=engine.probe.deadline,
        max_in_flight=math.ceil(engine.probe.deadline / period) + 4,
    )
    loop.start()
    loop.join()
    gone, back = endpoint.log().outages[0]
    found = measure(loop.attempts(), confirmed=gone, until=time.monotonic(), period=period)
    if found.detection is None:
        return math.inf, math.inf
    return found.detection, found.rto - (back - gone)


def measure_rate(
    endpoint: ScriptedEndpoint,
    *,
    start: float = 1000.0,
    highest: float = 64_000.0,
    seconds: float = 5.0,
    resolution: float = 0.1,
    tell: Callable[[str], None] = lambda _: None,
) -> RateMeasure:
    """Rates are doubled until one is not kept, then bisected."""
    tried: list[tuple[float, float]] = []
    best: tuple[float, LoadRun] | None = None
    above: float | None = None
    rate = start
    while len(tried) < 16 and (above is None or best is None or above > best[0] * (1 + resolution)):
        run, _ = offer(endpoint, Script(), _rate_spec(rate, seconds))
        lag = run.lag.quantiles["p99"]
        tried.append((rate, lag))
        tell(f"{rate:,.0f}/s: lag p99 {lag * 1e3:.2f} ms")
        if lag <= LAG_LIMIT and run.corrected.count == run.offered:
            best = rate, run
        else:
            above = rate
        if (best is not None and best[0] >= highest) or (best is None and rate < start / 64):
            break
        rate = _next(best[0] if best else None, above, highest)
    if best is None:
        return RateMeasure(rate=0.0, per_core=0.0, lag_p99=tried[-1][1], tried=tuple(tried))
    lag = best[1].lag.quantiles["p99"]
    per_core = best[1].sent / best[1].cpu_seconds
    return RateMeasure(rate=best[0], per_core=per_core, lag_p99=lag, tried=tuple(tried))


def _next(met: float | None, above: float | None, highest: float) -> float:
    if met is None:
        return (above or highest) / 2
    return min(highest, met * 2) if above is None else math.sqrt(met * above)


def _rate_spec(rate: float, seconds: float) -> LoadSpec:
    return LoadSpec(Constant(rate=rate, duration=seconds), max_in_flight=256, client=ClientKind.WIRE)
