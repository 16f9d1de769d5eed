"""One run: the parts that were asked for, against one open target, and the results document they make."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from benchmarks.calibration.document import kept
from benchmarks.mix import MIX, tpch_statements
from benchmarks.saturation import Objective, Search
from benchmarks.statements import Statement
from benchmarks.tpch.data import dataset
from benchmarks.tpch.model import Restart, Step
from benchmarks.tpch.oracle import DuckDbOracle
from benchmarks.tpch.parameters import Substitution
from benchmarks.tpch.power import Execution, run_power
from benchmarks.tpch.restarts import refusal, restart
from benchmarks.tpch.streams import order
from benchmarks.tpch.throughput import Plan as ThroughputPlan
from benchmarks.tpch.throughput import run_throughput
from engines import Dataset, Engine, EngineError
from faults.base import Fault, Tuning
from faults.catalogue import Impossible, NoSuchComponent, bind, select
from faults.experiment import Plan, Record, run_experiment
from faults.ledger import Ledger
from faults.observer import Background
from faults.scale_experiment import Scaler
from faults.scale_record import ScalePlan
from runner import measured
from runner.alerts.session import Alerts
from runner.checks import run_checks
from runner.consent import ask, ask_to_restart, ask_to_scale
from runner.console import Console
from runner.environment import describe
from runner.errors import BadInput, CouldNotRun
from runner.jobs import conducting
from runner.loads import Loader, LoadPlan
from runner.options import Settings
from runner.refreshing import refresh_functions
from runner.report.tpch import power_line, throughput_line
from runner.results import (
    Benchmark,
    CheckResult,
    Experiment,
    LoadResult,
    Results,
    SaturationResult,
    Scaling,
    SloResult,
    Throughput,
    Verdict,
)
from runner.scaling import BY_ROLE, scaling
from runner.slo import (
    Slo,
    evaluate_benchmark,
    evaluate_checks,
    evaluate_experiment,
    evaluate_load,
    evaluate_saturation,
    evaluate_throughput,
)
from targets.base import Target
from targets.kubernetes.means import StackControl
from targets.overhead import Overhead, measure_overhead

LONG_HOLD = 30.0  # seconds; what is held longer is given the whole recovery limit afterwards
NOT_TPCH = "Derived from TPC-H; not comparable to published TPC-H results."


def chosen(
    words: Sequence[str], target: Target, tuning: Tuning, component: str | None, seed: int
) -> list[Fault | Impossible]:
    """The experiments that the words select on a target; see ``bind``.

    Raises:
        BadInput: nothing here is called ``component``.
    """
    try:
        return bind(select(words), target, tuning=tuning, component=component, seed=seed, named=words)
    except NoSuchComponent as error:
        raise BadInput(str(error)) from error


@dataclass(slots=True)
class Run:
    """Collects what the parts measure. Every part may be run alone; the data set is made when one needs it."""

    target: Target
    settings: Settings
    slo: Slo
    console: Console
    checks: list[CheckResult] = field(default_factory=list)
    benchmarks: list[Benchmark] = field(default_factory=list)
    throughputs: list[Throughput] = field(default_factory=list)
    loads: list[LoadResult] = field(default_factory=list)
    saturations: list[SaturationResult] = field(default_factory=list)
    experiments: list[Experiment] = field(default_factory=list)
    scalings: list[Scaling] = field(default_factory=list)
    overheads: list[Overhead] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    started_at: float = field(default_factory=time.time)
    _data: tuple[Dataset, DuckDbOracle] | None = None
    _loaded: set[str] = field(default_factory=set)
    _known: set[int] = field(default_factory=set)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Record the seconds that a part took."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.timings[name] = time.monotonic() - began

    def measure_transport(self) -> None:
        """What the way to each engine costs."""
        with self.console.phase(f"Measuring the transport: {self.target.transport}"), self.timed("transport"):
            measured_now = [measure_overhead(engine) for engine in self.target.engines()]
        self.overheads += [overhead for overhead in measured_now if overhead is not None]

    def check(self) -> None:
        """Functionality checks."""
        with self.console.phase("Functionality checks"), self.timed("checks"):
            self.checks += run_checks(self.target, progress=self.console.check)

    def benchmark(self, queries: Sequence[int], execution: Execution) -> None:
        """TPC-H power runs in the order of stream 0, engine by engine."""
        if execution.restarts:
            if reason := refusal(self.target):
                raise BadInput(f"--restarts: {reason}")
            ask_to_restart(self.target, yes=self.settings.yes)
        data, oracle = self._prepare(queries if execution.substitution is Substitution.VALIDATION else ())
        for engine in self.target.engines():
            kind = engine.endpoint.kind
            with self.console.phase(f"TPC-H on {engine.title}"), self.timed(f"benchmark {kind}"):
                run = run_power(
                    engine,
                    data,
                    oracle,
                    queries=order(0, queries),
                    execution=execution,
                    restart=partial(self._restart, kind, data),
                    progress=self._step,
                )
            self._loaded.add(kind)
            self.benchmarks.append(measured.benchmark(run))
            self.console.line(f"  {power_line(self.benchmarks[-1])}")

    def throughput(self, plan: ThroughputPlan, *, refresh: bool) -> None:
        """TPC-H throughput tests, engine by engine; ``refresh``: with the refresh functions where an engine can."""
        data, oracle = self._prepare(plan.queries if plan.substitution is Substitution.VALIDATION else ())
        for engine in self.target.engines():
            kind = engine.endpoint.kind
            functions, without = refresh_functions(engine, data, plan) if refresh else (None, "left out as asked")
            title = f"TPC-H throughput on {engine.title}: {plan.streams} streams"
            with self.console.phase(title), self.timed(f"throughput {kind}"):
                run = run_throughput(
                    engine, data, oracle, plan, refresh=functions, without_refresh=without, progress=self._step
                )
            self._loaded.discard(kind)  # the refresh functions have changed it
            self.throughputs.append(measured.throughput(run))
            self.console.line(f"  {throughput_line(self.throughputs[-1])}")

    def load(self, plan: LoadPlan) -> None:
        """One open-loop load run per engine."""
        with self._loader(plan) as loader:
            for engine in self.target.engines():
                with self.timed(f"load {engine.endpoint.kind}"):
                    self.loads.append(loader.load(engine, plan))

    def saturate(self, plan: LoadPlan, objective: Objective, search: Callable[[float], Search]) -> None:
        """The highest rate that meets the objective, on each engine; ``search`` is made from the rate to begin with."""
        with self._loader(plan) as loader:
            for engine in self.target.engines():
                start = search(plan.rate or engine.modest_rate)
                with self.timed(f"saturation {engine.endpoint.kind}"):
                    self.saturations.append(loader.saturate(engine, plan, objective, start))
                self.console.saturation(self.saturations[-1])

    @contextmanager
    def _loader(self, plan: LoadPlan) -> Iterator[Loader]:
        with conducting(self.target.outputs, self.settings, plan.jobs, self.console.step) as conduct:
            yield Loader(self.console, self.settings.scale_factor, self._statements, conduct)

    def fault(self, words: Sequence[str], tuning: Tuning, plan: Plan, component: str | None = None) -> None:
        """Experiments that the words select, one after the other, each from a proven steady state."""
        cases = chosen(words, self.target, tuning, component, self.settings.seed)
        ask(self.target, cases, yes=self.settings.yes)
        ledger, alerts, first = Ledger(self.target.store()), self._monitoring(), len(self.experiments)
        backgrounds = {engine.endpoint.kind: self._background(engine) for engine in self.target.engines()}
        with (
            ledger.exclusive(),
            alerts.silenced(wanted=self.settings.silence),
            self.console.phase(f"Fault injection: {len(cases)} experiments"),
            self.timed("experiments"),
        ):
            for case in cases:
                result = self._experiment(case, ledger, plan, backgrounds, alerts)
                self.experiments.append(result)
                self.console.experiment(result)
            self.experiments[first:] = alerts.metrics.added(self.experiments[first:])

    def scale(self, rate: float | None, limit: float) -> None:
        """Every engine's workloads made larger and smaller again.

        Args:
            rate: of the load that makes an autoscaler act, per second; what one client could send without it.
            limit: seconds for each way.
        """
        control = self.target.means(StackControl)
        if control is None:
            raise BadInput(f"scale is for engines on Kubernetes, and {self.target.name} are not")
        ask_to_scale(self.target, yes=self.settings.yes)
        ledger = Ledger(self.target.store())
        statements = {engine.endpoint.kind: self._statements(engine, MIX) for engine in self.target.engines()}
        with ledger.exclusive(), self.console.phase("Scaling"), self.timed("scaling"):
            for engine in self.target.engines():
                plan = ScalePlan(rate, engine.modest_rate / 4, limit=limit)
                names = [name for role in control.roles(engine.endpoint.kind) for name in BY_ROLE.get(role, ())]
                scaler = Scaler(
                    self.target,
                    engine,
                    statements[engine.endpoint.kind],
                    plan,
                    ledger,
                    seed=self.settings.seed,
                    progress=self.console.step,
                )
                for name in names:
                    self.scalings.append(scaling(scaler.run(name)))
                    self.console.scaling(self.scalings[-1])

    def results(self, command: str) -> Results:
        """The document of everything so far."""
        slo = self._objectives()
        verdicts = [
            *(check.status for check in self.checks if check.status is not Verdict.SKIPPED),
            *(experiment.verdict for experiment in self.experiments if experiment.verdict is not Verdict.SKIPPED),
            *(scaled.verdict for scaled in self.scalings if scaled.verdict is not Verdict.SKIPPED),
            *(result.verdict for result in slo),
        ]
        return Results(
            target=self.target.name,
            command=command,
            environment=describe(
                self.target,
                started_at=self.started_at,
                duration=time.time() - self.started_at,
                seed=self.settings.seed,
                scale_factor=self.settings.scale_factor,
                timings=self.timings,
                overheads=self.overheads,
                notes=(NOT_TPCH,) if self.benchmarks or self.throughputs else (),
            ),
            checks=tuple(self.checks),
            benchmarks=tuple(self.benchmarks),
            throughputs=tuple(self.throughputs),
            loads=tuple(self.loads),
            saturations=tuple(self.saturations),
            calibration=kept() if self.loads or self.saturations else None,
            experiments=tuple(self.experiments),
            scalings=tuple(self.scalings),
            slo=tuple(slo),
            verdict=measured.overall(verdicts),
        )

    def _objectives(self) -> list[SloResult]:
        results = evaluate_checks(self.slo, tuple(self.checks))
        for benchmark in self.benchmarks:
            results += evaluate_benchmark(self.slo, benchmark)
        for throughput in self.throughputs:
            results += evaluate_throughput(self.slo, throughput)
        for load in self.loads:
            results += evaluate_load(self.slo, load)
        results += [evaluate_saturation(saturation) for saturation in self.saturations]
        for experiment in self.experiments:
            if experiment.verdict is not Verdict.SKIPPED and experiment.injection.confirmed:
                results += evaluate_experiment(self.slo, experiment)
        return results

    def _monitoring(self) -> Alerts:
        say, step = self.console.line, self.console.step
        return Alerts(self.target, asked=self.settings.alerts, limits=self.slo.alerts, say=say, step=step)

    def _experiment(
        self,
        case: Fault | Impossible,
        ledger: Ledger,
        plan: Plan,
        backgrounds: dict[str, Background],
        alerts: Alerts,
    ) -> Experiment:
        if isinstance(case, Impossible):
            return measured.impossible(case, time.time())
        engine = next(e for e in self.target.engines() if e.endpoint.kind == case.engine)
        asked, case.tuning = case.tuning, alerts.tuning(case)

        def run(progress: Callable[[str], None]) -> Record:
            return run_experiment(
                case,
                engine,
                ledger,
                plan=_fitting(plan, case),
                background=backgrounds[case.engine],
                seed=self.settings.seed,
                marks=alerts.marks,
                progress=progress,
            )

        with alerts.watching(case) as observation:
            record = run(lambda phase: self.console.step(f"{case.label}: {phase}"))
            seen = observation.conclude(record) if observation else None
        if seen:
            seen = seen.model_copy(update={"prolonged_seconds": round(case.tuning.hold - asked.hold, 3)})
        alerts.metrics.note(record)
        return measured.experiment(record, self.slo, seen)

    def _background(self, engine: Engine) -> Background:
        return Background(self._statements(engine, MIX), rate=engine.modest_rate / 4)

    def _statements(self, engine: Engine, queries: Sequence[int]) -> list[Statement]:
        data, oracle = self._prepare(queries)
        kind = engine.endpoint.kind
        if kind not in self._loaded:
            with self.console.phase(f"Loading TPC-H into {engine.title}"), self.timed(f"loading {kind}"):
                try:
                    engine.load_tpch(data, lambda table, rows: self.console.step(f"{table}: {rows:,} rows"))
                except EngineError as error:
                    raise CouldNotRun(f"cannot load TPC-H into {engine.title}: {error}") from error
            self._loaded.add(kind)
        return tpch_statements(engine, oracle, self.settings.scale_factor, queries)

    def _prepare(self, queries: Sequence[int]) -> tuple[Dataset, DuckDbOracle]:
        """The data set and an oracle that has these answers at hand; made once, and only what is missing."""
        if self._data is None or not self._known.issuperset(queries):
            with self.console.phase(f"TPC-H data at scale factor {self.settings.scale_factor:g}"), self.timed("data"):
                if self._data is None:
                    data = dataset(self.settings.scale_factor, self._step)
                    self._data = data, DuckDbOracle(data)
                self._data[1].prepare(sorted(set(queries) - self._known))
                self._known.update(queries)
        return self._data

    def _restart(self, kind: str, data: Dataset) -> Restart:
        self.console.step(f"starting {kind} anew")
        return restart(self.target, kind, [data.directory])

    def _step(self, step: Step) -> None:
        self.console.step(f"{step.subject}: {step.detail}" if step.detail else step.subject)


def _fitting(plan: Plan, fault: Fault) -> Plan:
    """The plan with as much time as the fault needs to show and to be recovered from."""
    beyond = fault.recovery_seconds or plan.recovery_limit
    recovery = fault.tuning.hold + beyond if fault.recovery_seconds or fault.tuning.hold > LONG_HOLD else 0.0
    return replace(
        plan,
        proof_limit=max(plan.proof_limit, fault.proof_seconds),
        recovery_limit=max(plan.recovery_limit, recovery),
    )
