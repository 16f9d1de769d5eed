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
from engines import Engine, Outcome, engine_class
from faults.timeline import measure

STALL_RATE = 500.0
STALL_SECONDS = 1.4
LAG_LIMIT = 0.002
TRIES = 3
MOST_RATES = 14
CLIENTS = 20


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
    """How far the edges of outages were off, in seconds; ``begins`` and ``ends`` hold one error for each outage.

    A probe speaks for its intended start, so an outage begins with that of the first probe that failed and ends with
    that of the first one that was answered again. ``covered``: outages whose true length lies within the RTO's
    uncertainty as experiments report it.
    """

    period: float
    begins: tuple[float, ...]
    ends: tuple[float, ...]
    covered: int

    @property
    def worst(self) -> float:
        """The largest error of any edge."""
        return max(map(abs, (*self.begins, *self.ends)), default=math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateMeasure:
    """What one generator process can do.

    Attributes:
        rate: the highest rate that it keeps with a 99th percentile of scheduling lag of at most 2 ms, per second.
        lag_p99: at that rate.
        tried: (rate, its best lag) of each rate that was tried.
        flat_out: answers per second when far more arrivals are offered than it can send.
        per_core: answers per second of processor time then.
    """

    rate: float
    lag_p99: float
    tried: tuple[tuple[float, float], ...]
    flat_out: float
    per_core: float


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
    found = [_edges(endpoint, period, draw) for _ in range(outages)]
    return EdgeMeasure(
        period=period,
        begins=tuple(begin for begin, _, _ in found),
        ends=tuple(end for _, end, _ in found),
        covered=sum(covered for _, _, covered in found),
    )


def _edges(endpoint: ScriptedEndpoint, period: float, draw: random.Random) -> tuple[float, float, bool]:
    """One outage: errors of its begin and end, and whether the RTO covers it. Its phase in the period is random."""
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
    attempts = loop.attempts()
    bad = [attempt.intended for attempt in attempts if attempt.outcome is not Outcome.OK]
    again = [attempt.intended for attempt in attempts if bad and attempt.intended > bad[-1]]
    if not bad or not again:
        return math.inf, math.inf, False
    said = measure(attempts, confirmed=gone, until=time.monotonic(), period=period)
    slack = period / 50  # between the endpoint's deed and its entry in the log
    covered = said.rto - said.rto_uncertainty - slack <= back - gone <= said.rto + slack
    return bad[0] - gone, again[0] - back, covered


def measure_rate(
    endpoint: ScriptedEndpoint,
    *,
    start: float = 1000.0,
    highest: float = 50_000.0,
    seconds: float = 4.0,
    resolution: float = 0.15,
    tell: Callable[[str], None] = lambda _: None,
) -> RateMeasure:
    """Rates are doubled until one is not kept, then bisected; then one that is far too high.

    A rate is kept when one of ``TRIES`` runs keeps it: what else goes on on the machine is not the generator's limit.
    """
    tried: list[tuple[float, float]] = []
    met: float | None = None
    above: float | None = None
    rate = start
    while len(tried) < MOST_RATES and (above is None or met is None or above > met * (1 + resolution)):
        lag = _best_lag(endpoint, rate, seconds)
        tried.append((rate, lag))
        tell(f"{rate:,.0f}/s: lag p99 {lag * 1e3:.2f} ms")
        met, above = (rate, above) if lag <= LAG_LIMIT else (met, rate)
        if (met is not None and met >= highest) or (met is None and rate < start / 64):
            break
        rate = _next(met, above, highest)
    run, _ = offer(endpoint, Script(), _flat_out(highest, seconds))
    kept = [lag for rate, lag in tried if rate == met]
    return RateMeasure(
        rate=met or 0.0,
        lag_p99=kept[-1] if kept else tried[-1][1],
        tried=tuple(tried),
        flat_out=run.achieved,
        per_core=run.corrected.count / run.cpu_seconds,
    )


def _best_lag(endpoint: ScriptedEndpoint, rate: float, seconds: float) -> float:
    """The smallest 99th percentile of some runs, the first that is small enough; infinite where answers are missing."""
    best = math.inf
    spec = LoadSpec(Constant(rate=rate, duration=seconds), max_in_flight=256, client=ClientKind.WIRE)
    for _ in range(TRIES):
        run, _ = offer(endpoint, Script(), spec)
        if run.corrected.count == run.offered:
            best = min(best, run.lag.quantiles["p99"])
        if best <= LAG_LIMIT:
            break
    return best


def _flat_out(rate: float, seconds: float) -> LoadSpec:
    """More than can be sent, through as many clients as Locust has users; what waits for a second is dropped."""
    return LoadSpec(Constant(rate=rate, duration=seconds), 1.0, CLIENTS, client=ClientKind.WIRE)


def _next(met: float | None, above: float | None, highest: float) -> float:
    if met is None:
        return (above or highest) / 2
    return min(highest, met * 2) if above is None else math.sqrt(met * above)
