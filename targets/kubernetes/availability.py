"""Kubernetes' own view of an engine, watched while it lasts: ready endpoints of its Service, and Ready pods.

Every change counts from the moment this process hears of it (``time.monotonic()``, the clock of the clients' attempts);
a watch brings it in some milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from targets.base import AvailabilityTimeline, AvailabilityWatch, MeansError, Stretch, TargetError
from targets.contract import EngineOutput, Outputs, Workload
from targets.kubernetes.forward import is_ready
from targets.kubernetes.views import addresses
from targets.kubernetes.watch import Follower, Manifest, Objects, Source
from targets.stretches import joined, without

T = TypeVar("T")


class Loop(Protocol):
    """Runs work in an event loop, as ``Cluster`` does."""

    def run(self, work: Coroutine[Any, Any, T], timeout: float = ...) -> T:
        """Run it there and wait (seconds)."""
        ...


class ClusterAvailability:
    """Implements ``AvailabilityView``.

    Args:
        outputs: the stack's document.
        loop: where the watches run.
        source: of the stack's objects.
    """

    def __init__(self, outputs: Outputs, loop: Loop, source: Source) -> None:
        self._engines = {engine.kind: engine for engine in outputs.engines}
        self._loop, self._source = loop, source

    @contextlib.contextmanager
    def watch_availability(self, engine: str) -> Iterator[AvailabilityWatch]:
        """See ``AvailabilityView.watch_availability``."""
        watch = EngineWatch(self._engines[engine], self._source)
        try:
            self._loop.run(watch.start())
        except (TargetError, TimeoutError) as error:
            watch.lose(str(error))
        try:
            yield watch
        finally:
            self._stop(watch)

    def _stop(self, watch: EngineWatch) -> None:
        try:
            self._loop.run(watch.stop())
        except (TargetError, TimeoutError) as error:
            watch.lose(str(error))


class EngineWatch:
    """Implements ``AvailabilityWatch`` for one engine.

    Args:
        output: the engine.
        source: of its objects.
    """

    def __init__(self, output: EngineOutput, source: Source) -> None:
        self._began, self._ended = time.monotonic(), 0.0
        self._endpoints = Lane(available, self._began)
        self._pods = Lane(lambda pods: all_ready(output.workloads, pods), self._began)
        slices = Objects("EndpointSlice", output.namespace, {"kubernetes.io/service-name": output.service})
        pods = Objects("Pod", output.namespace, _shared_labels(output.workloads))
        self._followers = (Follower(source, slices, self._endpoints), Follower(source, pods, self._pods))
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin; does not wait for the first news."""
        self._tasks = [asyncio.create_task(follower.run()) for follower in self._followers]

    async def stop(self) -> None:
        """Look a last time and end."""
        await asyncio.gather(*(follower.confirm() for follower in self._followers))
        self._ended = time.monotonic()
        for task in self._tasks:
            task.cancel()
        for ended in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(ended, Exception):  # a defect must not pass for what Kubernetes said
                self.lose(f"the watch broke ({type(ended).__name__}: {ended})")

    def lose(self, why: str) -> None:
        """Nothing is known since the last sign of life."""
        for follower in self._followers:
            follower.lose(MeansError(why))

    def timeline(self) -> AvailabilityTimeline:
        """See ``AvailabilityWatch.timeline``."""
        until = self._ended or time.monotonic()
        lanes = (self._endpoints, self._pods)
        if blind := next((lane for lane in lanes if not lane.observed(until)), None):
            why = blind.why or "the cluster's API had not answered yet"
            return AvailabilityTimeline(self._began, until, unobserved=((self._began, until),), unmeasured=why)
        unobserved = joined(stretch for lane in lanes for stretch in lane.stretches(None, until))
        ready = [without(lane.stretches(True, until), unobserved) for lane in lanes]
        return AvailabilityTimeline(self._began, until, ready[0], ready[1], unobserved)


class Lane:
    """Implements ``Listener``: one judgement on the objects, and when it was which; ``None`` while not observed.

    Args:
        judge: of the objects.
        began: first moment.
    """

    def __init__(self, judge: Callable[[Collection[Manifest]], bool], began: float) -> None:
        self._judge = judge
        self._changes: list[tuple[float, bool | None]] = [(began, None)]
        self.why = ""

    def observed(self, until: float) -> bool:
        """Whether it was ever known."""
        return any(self.stretches(value, until) for value in (True, False))

    def seen(self, at: float, objects: Collection[Manifest]) -> None:
        """See ``Listener.seen``."""
        self._note(at, self._judge(objects))

    def lost(self, since: float, error: MeansError) -> None:
        """See ``Listener.lost``."""
        self.why = str(error)
        self._note(since, None)

    def stretches(self, value: bool | None, until: float) -> tuple[Stretch, ...]:
        """When the judgement was that one."""
        changes = [*self._changes, (until, None)]
        return joined(
            (at, min(until, following)) for (at, found), (following, _) in itertools.pairwise(changes) if found is value
        )

    def _note(self, at: float, value: bool | None) -> None:
        if value is not self._changes[-1][1]:
            self._changes.append((max(at, self._changes[-1][0]), value))


def available(slices: Collection[Manifest]) -> bool:
    """Whether the EndpointSlices of a Service have a ready endpoint that is not about to end."""
    lasting = [{**one, "endpoints": [e for e in one.get("endpoints") or [] if not _ending(e)]} for one in slices]
    return bool(addresses(lasting))


def _ending(endpoint: Manifest) -> bool:
    return bool((endpoint.get("conditions") or {}).get("terminating"))


def all_ready(workloads: Sequence[Workload], pods: Collection[Manifest]) -> bool:
    """Whether each workload has at least its pods of the document, and all of its pods are Ready.

    Where an autoscaler wants more than the document has, one that is missing is made anew at once, and is not Ready.
    """
    lasting = [pod for pod in pods if not _over(pod)]
    for workload in workloads:
        labels = workload.labels.items()
        mine = [pod for pod in lasting if labels <= (pod["metadata"].get("labels") or {}).items()]
        if len(mine) < workload.replicas or not all(is_ready(pod) for pod in mine):
            return False
    return True


def _over(pod: Manifest) -> bool:
    """Whether it ends or has ended; evicted pods stay as ``Failed``."""
    return "deletionTimestamp" in pod["metadata"] or pod.get("status", {}).get("phase") in {"Failed", "Succeeded"}


def _shared_labels(workloads: Sequence[Workload]) -> dict[str, str]:
    """Labels that all workloads have in common, so that one watch has the pods of all."""
    if not workloads:
        return {}
    first, *others = (workload.labels.items() for workload in workloads)
    return {name: value for name, value in first if all((name, value) in other for other in others)}
