"""Load and the search for the saturation rate: from what was asked for to the parts of the results document."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.arrivals import Arrivals, arrivals
from benchmarks.latency import LatencySummary
from benchmarks.load import IN_FLIGHT, ClientKind, Conduct, LoadRun, LoadSpec, Sofar, Watch, fitting_client, run_load
from benchmarks.mix import MIX
from benchmarks.mixture import Mixture
from benchmarks.processes import GeneratorError, in_processes
from benchmarks.saturation import Objective, Saturation, Search, Step, find_saturation
from benchmarks.statements import Statement, StatementClient, probe_statement
from engines import Engine, Outcome
from runner.console import Console
from runner.errors import BadInput, CouldNotRun
from runner.report.units import duration, rate
from runner.results import (
    Answers,
    Generator,
    Histograms,
    LoadResult,
    Percentiles,
    SaturationResult,
    SaturationStep,
    Verdict,
)
from runner.workload import Workload, named_statements, tpch_queries

LOAD_DEADLINE = 30.0  # seconds
SETTLE_PROBES = 3
SETTLE_SECONDS = 60.0

SENT_BY = {ClientKind.DRIVER: "through its driver", ClientKind.WIRE: "over HTTP without its driver"}

TpchStatements = Callable[[Engine, Sequence[int]], Sequence[Statement]]
"""The TPC-H queries of these numbers as statements of an engine that holds the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """What load is asked for; ``None`` where the engine or the client decides.

    Attributes:
        rate: arrivals per second, at the beginning where they change.
        to_rate: at the end of a ramp or steps.
        steps: of ``step`` arrivals.
        duration: seconds.
        distribution: of arrivals, one of ``benchmarks.arrivals.DISTRIBUTIONS``.
        deadline: seconds in which a statement must be answered.
        processes: of the generator, in each Job where there are Jobs.
        max_in_flight: clients at most, all processes together.
        client: what sends.
        workload: statements and their weights; ``queries`` of TPC-H, all alike, without it.
        seed: of Poisson arrivals and of the mix.
        jobs: Kubernetes Jobs that the generator runs in; 0: it runs on this machine.
    """

    rate: float | None = None
    to_rate: float | None = None
    steps: int | None = None
    duration: float = 10.0
    distribution: str = "poisson"
    deadline: float = LOAD_DEADLINE
    processes: int = 1
    max_in_flight: int | None = None
    client: ClientKind | None = None
    workload: Workload | None = None
    queries: Sequence[int] = MIX
    seed: int = 0
    jobs: int = 0

    def check(self) -> None:
        """Refuse what cannot be carried out, before anything is started.

        Raises:
            BadInput: one line.
        """
        try:
            self._spec(self.arrivals(1.0), self.client or ClientKind.DRIVER)
        except ValueError as error:
            raise BadInput(str(error)) from error

    def arrivals(self, modest_rate: float) -> Arrivals:
        """The schedule.

        Raises:
            ValueError: the numbers make none.
        """
        return arrivals(
            self.distribution,
            rate=modest_rate if self.rate is None else self.rate,
            duration=self.duration,
            to_rate=self.to_rate,
            steps=self.steps,
            seed=self.seed,
        )

    def spec(self, engine: Engine) -> LoadSpec:
        """The load run for an engine."""
        schedule = self.arrivals(engine.modest_rate)
        return self._spec(schedule, self.client or fitting_client(engine, schedule.highest_rate))

    def _spec(self, schedule: Arrivals, client: ClientKind) -> LoadSpec:
        clients = IN_FLIGHT[client] if self.max_in_flight is None else self.max_in_flight
        return LoadSpec(schedule, self.deadline, clients, self.processes, client, jobs=self.jobs)


@dataclass(frozen=True, slots=True)
class Loader:
    """Offers load to engines.

    Attributes:
        console: tells people.
        scale_factor: of the TPC-H tables that named statements may read.
        tpch: see ``TpchStatements``.
        conduct: where generators run.
    """

    console: Console
    scale_factor: float
    tpch: TpchStatements
    conduct: Conduct = in_processes

    def load(self, engine: Engine, plan: LoadPlan) -> LoadResult:
        """One load run.

        Raises:
            BadInput: the workload has nothing for this engine.
            CouldNotRun: a generator broke, or a statement fails before any load.
        """
        mixture, spec = self._mixture(engine, plan), plan.spec(engine)
        _require(engine, spec.client)
        title = f"Load on {engine.title}: {spec.arrivals.describe()}, {SENT_BY[spec.client]}"
        with self.console.phase(title), self.console.progress(spec.arrivals.expected, "answers") as bar:
            shown = 0

            def watch(sofar: Sofar) -> bool:
                nonlocal shown
                bar.advance(sofar.done - shown)
                shown = sofar.done
                return False

            run = self._run(engine, mixture, spec, watch)
        return load_result(engine.endpoint.kind, run, plan.workload.name if plan.workload else "")

    def saturate(self, engine: Engine, plan: LoadPlan, objective: Objective, search: Search) -> SaturationResult:
        """Search for the highest rate that meets the objective.

        Raises:
            BadInput, CouldNotRun: as for ``load``.
        """
        mixture = self._mixture(engine, plan)
        # One client throughout: a change of it in the middle would look like a change of the engine.
        client = plan.client or (ClientKind.WIRE if engine.wire() is not None else ClientKind.DRIVER)
        _require(engine, client)
        deadline = min(plan.deadline, max(4 * objective.limit, 1.0))
        base = replace(plan, client=client, deadline=deadline)

        def offer(at: float, seconds: float, watch: Watch) -> LoadRun:
            spec = replace(base, rate=at, duration=seconds).spec(engine)
            return self._run(engine, mixture, replace(spec, limit=objective.limit), watch)

        with self.console.phase(f"Saturation of {engine.title}"):
            found = find_saturation(offer, objective, search, settle=lambda: settle(engine), tell=self._tell)
        return saturation_result(engine.endpoint.kind, found, base)

    def _run(self, engine: Engine, mixture: Mixture, spec: LoadSpec, watch: Watch) -> LoadRun:
        try:
            return run_load(engine, mixture, spec, self.conduct, watch)
        except GeneratorError as error:
            raise CouldNotRun(str(error)) from error

    def _mixture(self, engine: Engine, plan: LoadPlan) -> Mixture:
        if plan.workload is None:
            return Mixture(list(self.tpch(engine, plan.queries)), seed=plan.seed)
        mix = plan.workload.mix_for(engine.endpoint.kind)
        known = self._statements(engine, plan.workload, mix)
        return Mixture([known[name] for name in mix], list(mix.values()), plan.seed)

    def _statements(self, engine: Engine, workload: Workload, mix: Mapping[str, float]) -> dict[str, Statement]:
        numbers = tpch_queries(mix)
        reads_tables = any(workload.statements[name].tpch for name in mix if name in workload.statements)
        tpch = self.tpch(engine, numbers or MIX[:1]) if numbers or reads_tables else ()
        return {s.name: s for s in tpch} | named_statements(workload, engine, self.scale_factor)

    def _tell(self, step: Step) -> None:
        p99 = duration(step.run.corrected.quantiles.get("p99"))
        ending = f" ({step.reason})" if step.reason else ""
        self.console.step(f"{step.purpose} {rate(step.rate)}: {step.outcome.value}, p99 {p99}{ending}")


def _require(engine: Engine, client: ClientKind) -> None:
    if client is ClientKind.WIRE and engine.wire() is None:
        raise BadInput(f"{engine.title} answers a statement in several requests: leave --client wire out for it")


def settle(engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
    """Wait until the engine answers its probe several times in a row, or ``SETTLE_SECONDS`` are over.

    What a step left in the engine's queues must not be the next one's burden.
    """
    probe = engine.probe
    client = StatementClient(engine, [probe_statement(probe)])
    ends, right = clock() + SETTLE_SECONDS, 0
    while right < SETTLE_PROBES and clock() < ends:
        reply = client.attempt(0, probe.deadline)
        right = right + 1 if reply.outcome is Outcome.OK else 0
    client.close()


def percentiles(summary: LatencySummary) -> Percentiles:
    """Quantiles in the results document's form."""
    return Percentiles(count=summary.count, **summary.quantiles)


def load_result(engine: str, run: LoadRun, workload: str = "") -> LoadResult:
    """One load run in the results document's form."""
    schedule = run.spec.arrivals
    return LoadResult(
        engine=engine,
        rate_per_second=schedule.rate,
        to_rate_per_second=getattr(schedule, "to_rate", None),
        arrivals=schedule.name,
        duration_seconds=schedule.duration,
        offered=run.offered,
        sent=run.sent,
        dropped=run.dropped,
        answers=Answers(**{outcome.value: count for outcome, count in run.outcomes.items()}),
        errors=run.errors,
        achieved_per_second=run.achieved,
        corrected=percentiles(run.corrected),
        uncorrected=percentiles(run.uncorrected),
        curve=run.corrected.curve,
        mix=run.operations,
        problems=run.problems,
        workload=workload,
        generator=_generator(run),
        by_statement={name: percentiles(summary) for name, summary in run.by_operation.items()},
        histograms=Histograms(
            corrected=run.corrected.encoded, uncorrected=run.uncorrected.encoded, lag=run.lag.encoded
        ),
    )


def _generator(run: LoadRun) -> Generator:
    return Generator(
        client=run.spec.client.value,
        processes=run.spec.processes,
        jobs=run.spec.jobs,
        begin_spread_seconds=round(run.spread, 6) if run.spec.jobs else None,
        max_in_flight=run.spec.max_in_flight,
        deadline_seconds=run.spec.deadline,
        lag=percentiles(run.lag),
        late=run.late,
        waited=run.waited,
        cpu_seconds=round(run.cpu_seconds, 3),
        invalid=run.invalid,
    )


def saturation_result(engine: str, found: Saturation, plan: LoadPlan) -> SaturationResult:
    """A search in the results document's form.

    It passes when a rate was found and confirmed, and fails when every rate that was tried is certainly too high; a
    search that something else than the engine ended, or that had too few arrivals to tell, is inconclusive.
    """
    objective = found.objective
    verdict = Verdict.PASS if found.complete and found.confirmed else Verdict.INCONCLUSIVE
    if found.hopeless:
        verdict = Verdict.FAIL
    reason = found.reason or ("" if found.confirmed else "there was no time to measure the rate a second time")
    return SaturationResult(
        engine=engine,
        percentile=objective.percentile,
        limit_seconds=objective.limit,
        largest_error_share=objective.errors,
        rate_per_second=found.rate,
        above_per_second=found.above,
        complete=found.complete,
        confirmed=found.confirmed,
        client=(plan.client or ClientKind.DRIVER).value,
        processes=plan.processes,
        jobs=plan.jobs,
        workload=plan.workload.name if plan.workload else "",
        steps=tuple(_step(step, objective) for step in found.steps),
        verdict=verdict,
        reason=reason,
    )


def _step(step: Step, objective: Objective) -> SaturationStep:
    run = step.run
    errors = run.dropped + sum(run.errors.values())
    return SaturationStep(
        purpose=step.purpose,
        rate_per_second=step.rate,
        duration_seconds=run.elapsed,
        arrivals=run.offered,
        needed=objective.needed,
        over=run.over,
        error_share=errors / run.offered if run.offered else 0.0,
        achieved_per_second=run.achieved,
        corrected=percentiles(run.corrected),
        lag_p99=run.lag.quantiles.get("p99"),
        outcome=step.outcome.value,
        stopped=step.stopped,
        reason=step.reason,
    )
