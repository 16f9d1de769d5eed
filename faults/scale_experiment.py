"""How long it takes to have another worker, and to have it no more: by an autoscaler under load, and by hand.

Every step is timed from what started it: the load, its end, or the request. A step that does not come within its
limit has no time, never the limit's. What clients were answered is counted apart for the way out and the way in.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from typing import Self

from benchmarks.openloop import Attempt, OpenLoop, poisson
from benchmarks.statements import Statement, StatementClient
from engines import Engine, Outcome
from faults.base import NotPossible, Tuning
from faults.ledger import Ledger
from faults.observer import wait_until
from faults.pods import WORKER, WORKERS
from faults.privileged import stack_control
from faults.scale_record import Change, ScalePlan, ScaleRecord, Size, Step, Way
from faults.scaling import Resize, ScaleOut, autoscaler, utilization
from targets.base import MeansError, Target
from targets.kubernetes.means import ObjectRef, StackControl

ROLLING = 8
"""Answers whose median counts as the latency of a moment."""

AUTOSCALING, MANUAL, VERTICAL = "autoscaling", "manual", "vertical"
_OPTIONAL = "latency recovered"  # on a machine with no room to spare another worker makes nothing faster

LINGER_SECONDS = 120.0
IDLE_SHARE = 0.75  # of what an autoscaler holds

CALM_SHARE = 0.25
"""Share of the time in which a calm load keeps one client busy."""

SPARSE_SHARE = 0.1
"""The same while an autoscaler shall take a worker back: a calm load may be just what it needs two workers for."""

RECOVERED_FACTOR = 2.0
"""Latency has recovered when it is at most so many times what it was before the load."""


class _Load:
    """Checked statements, sent on schedule from entering to leaving the context."""

    def __init__(
        self, engine: Engine, statements: Sequence[Statement], plan: ScalePlan, rate: float, seed: int
    ) -> None:
        count = len(statements)
        self._loop = OpenLoop(
            poisson(rate, 2 * plan.limit + plan.latency_limit, seed),
            lambda: StatementClient(engine, statements, lambda index: index % count),
            deadline=plan.deadline,
            max_in_flight=plan.clients,
            name=f"scale-{engine.kind}",
        )

    def __enter__(self) -> Self:
        self._loop.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.stop()

    def attempts(self) -> list[Attempt]:
        """What was attempted so far."""
        return self._loop.attempts()


class Scaler:
    """Runs the scalings of one engine.

    Args:
        target: open.
        engine: adapter.
        statements: each with a known answer.
        plan: loads and limits.
        ledger: of the target; held by the caller.
        seed: of the arrivals.
        progress: told what is waited for.
        interval: seconds between two looks at the size.
    """

    def __init__(
        self,
        target: Target,
        engine: Engine,
        statements: Sequence[Statement],
        plan: ScalePlan,
        ledger: Ledger,
        *,
        seed: int = 0,
        progress: Callable[[str], None] = lambda _: None,
        interval: float = 0.5,
    ) -> None:
        self._target, self._engine, self._statements, self._plan = target, engine, statements, plan
        self._ledger, self._seed, self._progress, self._interval = ledger, seed, progress, interval
        self._kind = engine.endpoint.kind
        self._alone: float | None = None

    def run(self, name: str) -> ScaleRecord:
        """Run one scaling: ``autoscaling``, ``manual`` or ``vertical``; one that is not possible here is skipped."""
        work, component, description = {
            AUTOSCALING: (
                self._autoscaling,
                WORKERS,
                "the autoscaler adds a worker under load and takes it back after",
            ),
            MANUAL: (self._manual, WORKERS, "one worker more by hand, and one less again"),
            VERTICAL: (self._vertical, "server", "more CPU and memory for the running pod, and less again"),
        }[name]
        record = ScaleRecord(f"{self._kind}/{component}/{name}", self._kind, component, description, time.time())
        began = time.monotonic()
        try:
            work(record)
        except NotPossible as reason:
            record.skipped, record.reason = True, str(reason)
        except MeansError as error:
            record.reason = str(error)
        record.seconds = time.monotonic() - began
        return record

    # The autoscaler's way

    def _autoscaling(self, record: ScaleRecord) -> None:
        control = self._workers()
        owner = autoscaler(control, self._kind, WORKER)
        if owner is None:
            raise NotPossible("no autoscaler owns the workers; to have one: pulumi config set trinoAutoscaling true")
        spec = control.read(owner)["spec"]
        if int(spec.get("minReplicas", 1)) >= int(spec["maxReplicas"]):
            raise NotPossible(f"{owner} may have {spec['maxReplicas']} workers, neither more nor fewer")
        calm = self._calm(record)
        record.evidence.append(self._settled(control, owner))
        start = self._start(control, owner)
        record.rate = rate = self._plan.rate or 1.0 / self._seconds_alone()
        self._progress(f"load of {rate:.2g}/s until a worker more is active")
        with self._load(rate) as load:
            began = time.monotonic()
            record.steps += self._out(control, owner, start, began)
            record.steps.append(self._latency_recovered(load, calm, began))
            record.after = f"{self._size(control, owner).replicas} workers"
        record.out = load.attempts()
        record.before = f"{start.replicas} workers"
        if any(step.seconds is None for step in record.steps[:3]):
            raise MeansError(f"no worker more within {self._plan.limit:g} s of {rate:.2g}/s; give a higher --rate")
        sparse = self._calm_rate(SPARSE_SHARE)
        self._progress(f"as many workers as before, under {sparse:.2g}/s")
        with self._load(sparse) as load:
            record.steps += self._in(control, owner, start, time.monotonic())
            self._linger(sparse)
        record.back = load.attempts()
        used, aim = utilization(control.read(owner))
        record.evidence.append(f"the autoscaler saw {used} % at the end and holds {aim} %")
        self._conclude(record)

    def _settled(self, control: StackControl, owner: ObjectRef) -> str:
        """Wait until the autoscaler has forgotten what was asked before, and has as few workers as it may.

        Raises:
            MeansError: it does not.
        """
        seen = ""

        def low() -> bool:
            nonlocal seen
            found, now = control.read(owner), self._size(control, owner)
            fewest, (used, aim) = int(found["spec"].get("minReplicas", 1)), utilization(found)
            seen = f"the autoscaler saw {used} % before the load and holds {aim} %, with {now.replicas} workers"
            idle = used is not None and used <= IDLE_SHARE * aim
            return idle and now.wanted <= fewest and now.pods == now.ready == now.replicas

        self._progress("the autoscaler to see no load")
        if not wait_until(low, self._plan.limit, interval=self._interval):
            raise MeansError(f"{seen}, which does not become less; nothing to begin from")
        return seen

    def _out(self, control: StackControl, owner: ObjectRef | None, start: Size, began: float) -> list[Step]:
        """Decision, pod ready, worker active, in this order; all within one limit."""
        known = start.active or 0
        steps: dict[str, Callable[[Size], bool]] = {
            "decided": lambda now: now.wanted > start.wanted,
            "pod ready": lambda now: now.ready > start.ready,
            "worker active": lambda now: now.active is not None and now.active > known,
        }
        return self._times(control, owner, Way.OUT, steps, began)

    def _in(self, control: StackControl, owner: ObjectRef | None, start: Size, began: float) -> list[Step]:
        """Decision, worker left, pod gone."""
        known = start.active or 0
        steps: dict[str, Callable[[Size], bool]] = {
            "decided": lambda now: now.wanted <= start.wanted,
            "worker left": lambda now: now.active is not None and now.active <= known,
            "pod gone": lambda now: now.pods <= start.pods,
        }
        return self._times(control, owner, Way.IN, steps, began)

    def _times(
        self,
        control: StackControl,
        owner: ObjectRef | None,
        way: Way,
        steps: dict[str, Callable[[Size], bool]],
        began: float,
    ) -> list[Step]:
        seen: dict[str, float] = {}

        def look() -> bool:
            try:
                now, at = self._size(control, owner), time.monotonic()
            except MeansError:
                return False  # looked at again soon; what stays away has no time
            for name, shows in steps.items():
                if name not in seen and shows(now):
                    seen[name] = at - began
            return len(seen) == len(steps)

        wait_until(look, self._plan.limit, interval=self._interval)
        return [Step(way, name, seen.get(name)) for name in steps]

    def _latency_recovered(self, load: _Load, calm: float | None, began: float) -> Step:
        """From when on the latest answers take no longer than they may."""

        def recovered() -> bool:
            latest = [attempt.latency for attempt in load.attempts() if attempt.outcome is Outcome.OK][-ROLLING:]
            return len(latest) == ROLLING and statistics.median(latest) <= RECOVERED_FACTOR * (calm or 0.0)

        self._progress("latency to recover")
        is_back = wait_until(recovered, self._plan.latency_limit, interval=self._interval)
        return Step(Way.OUT, "latency recovered", time.monotonic() - began if is_back else None)

    # By hand

    def _manual(self, record: ScaleRecord) -> None:
        control = self._workers()
        fault = ScaleOut(self._target, self._kind, WORKERS, Tuning(hold=0.0, ttl=2 * self._plan.limit))
        fault.preflight()
        start = self._start(control, None)
        self._calm(record)
        with self._load(self._calm_rate()) as load, Change(self._ledger, fault) as change:
            self._progress("a worker more to be active")
            began = time.monotonic()
            fault.inject()
            record.steps += self._out(control, None, start, began)
            record.evidence.append(fault.proof())
            self._linger()
            record.out = load.attempts()
            record.before, record.after = f"{start.replicas} workers", f"{self._size(control, None).replicas} workers"
            self._progress("as many workers as before")
            began = time.monotonic()
            fault.revert()
            record.steps += self._in(control, None, start, began)
            self._linger()
            record.evidence.append(change.proven(self._plan.limit))
        record.back = load.attempts()[len(record.out) :]
        self._conclude(record)

    def _vertical(self, record: ScaleRecord) -> None:
        (role,) = Resize.components(self._target, self._kind)[:1]
        fault = Resize(self._target, self._kind, role, Tuning(hold=0.0, ttl=2 * self._plan.limit))
        fault.preflight()
        self._calm(record)
        with self._load(self._calm_rate()) as load, Change(self._ledger, fault) as change:
            self._progress("the larger limits to be in force")
            began = time.monotonic()
            fault.inject()
            record.steps.append(self._until(Way.OUT, "limits in force", fault.proof, began, record))
            self._linger()
            record.out = load.attempts()
            self._progress("the limits to be as before")
            began = time.monotonic()
            fault.revert()
            record.steps.append(
                self._until(Way.IN, "limits as before", lambda: change.proven(self._plan.limit), began, record)
            )
            self._linger()
        record.back = load.attempts()[len(record.out) :]
        record.before, record.after = "limits as deployed", "larger limits"
        self._conclude(record)

    def _until(self, way: Way, name: str, proof: Callable[[], str], began: float, record: ScaleRecord) -> Step:
        shown = ""

        def shows() -> bool:
            nonlocal shown
            shown = proof()
            return bool(shown)

        is_there = wait_until(shows, self._plan.limit, interval=self._interval)
        record.evidence += [shown] if shown else []
        return Step(way, name, time.monotonic() - began if is_there else None)

    # What they have in common

    def _workers(self) -> StackControl:
        ScaleOut.components(self._target, self._kind)
        return stack_control(self._target)

    def _start(self, control: StackControl, owner: ObjectRef | None) -> Size:
        size = self._size(control, owner)
        if size.active is None or size.ready < size.replicas:
            raise NotPossible(f"{size.ready} of {size.replicas} workers are ready; wait until all are")
        return size

    def _size(self, control: StackControl, owner: ObjectRef | None) -> Size:
        replicas = int(control.read(control.workload(self._kind, WORKER))["spec"].get("replicas", 1))
        wanted = replicas
        if owner is not None:
            wanted = int(control.read(owner).get("status", {}).get("desiredReplicas", replicas))
        pods = control.pods(self._kind, WORKER)
        ready = sum(pod.ready for pod in pods)
        return Size(wanted, replicas, ready, len(pods), self._engine.health(timeout=2.0).active_nodes)

    def _load(self, rate: float) -> _Load:
        return _Load(self._engine, self._statements, self._plan, rate, self._seed)

    def _calm(self, record: ScaleRecord) -> float | None:
        """Median latency under little load."""
        rate = self._calm_rate()
        record.rate = rate
        self._progress(f"latency under {rate:.2g}/s")
        with self._load(rate) as load:
            self._linger()
        record.calm = load.attempts()
        right = [attempt.latency for attempt in record.calm if attempt.outcome is Outcome.OK]
        return statistics.median(right) if right else None

    def _calm_rate(self, share: float = CALM_SHARE) -> float:
        return min(self._plan.calm_rate, share / self._seconds_alone())

    def _seconds_alone(self) -> float:
        """How long a statement takes when nothing else is asked, from its second time on; measured once.

        Raises:
            MeansError: none is answered in time.
        """
        if self._alone is None:
            self._progress("each statement alone, twice")
            client = StatementClient(self._engine, self._statements, lambda index: index % len(self._statements))
            took: list[float] = []
            for index in range(2 * len(self._statements)):
                began = time.monotonic()
                reply = client.attempt(index, self._plan.deadline)
                if index >= len(self._statements) and reply.outcome is Outcome.OK:
                    took.append(time.monotonic() - began)
            client.close()
            if not took:
                raise MeansError(f"no statement is answered within {self._plan.deadline:g} s, even alone")
            self._alone = statistics.mean(took)
        return self._alone

    def _linger(self, rate: float | None = None) -> None:
        """Let the load, a calm one unless told, go on for a while, so that there are answers to judge."""
        threading.Event().wait(min(LINGER_SECONDS, max(self._plan.calm, ROLLING / (rate or self._calm_rate()))))

    @staticmethod
    def _conclude(record: ScaleRecord) -> None:
        late = [f"{step.way} {step.name}" for step in record.steps if step.seconds is None and step.name != _OPTIONAL]
        record.complete = not late
        if late:
            record.reason = f"not within its limit: {', '.join(late)}"
