"""Kubernetes' view of an engine: followed through every end of a watch, and never claimed where nobody would tell."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import pytest

from targets.base import AvailabilityView, AvailabilityWatch, MeansError, TargetError
from targets.contract import Workload
from targets.kubernetes.availability import ClusterAvailability, Lane, all_ready, available
from targets.kubernetes.calls import CallError, NoAnswer
from targets.kubernetes.rights import MissingRight
from targets.kubernetes.watch import Event, Follower, Manifest, Objects
from tests.unit.kubernetes.api import OUTPUTS, TRINO, labels

T = TypeVar("T")
PODS = Objects("Pod", TRINO)


def pod(name: str, role: str = "coordinator", *, ready: bool = True, version: str = "1", **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"uid": name, "resourceVersion": version, "labels": labels(role), **more},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def endpoints(*conditions: dict[str, Any], version: str = "1", port: int | None = 8443) -> dict[str, Any]:
    found = [{"addresses": [f"10.0.0.{number}"], "conditions": one} for number, one in enumerate(conditions)]
    ports = [] if port is None else [{"port": port}]
    return {"metadata": {"uid": "slice", "resourceVersion": version}, "endpoints": found, "ports": ports}


class Collecting:
    """A listener that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[float, set[str] | None]] = []
        self.errors: list[str] = []

    def seen(self, at: float, objects: Collection[Manifest]) -> None:
        self.told.append((at, {one["metadata"]["uid"] for one in objects}))

    def lost(self, since: float, error: MeansError) -> None:
        self.told.append((since, None))
        self.errors.append(str(error))


class Scripted:
    """Answers each list and each watch in turn; a step of ``None`` lets time pass, an error is raised."""

    def __init__(self, lists: list[Any], watches: list[list[Event | MeansError | None]]) -> None:
        self.lists, self.watches = iter(lists), iter(watches)
        self.now = 0.0
        self.versions: list[str] = []

    def clock(self) -> float:
        return self.now

    async def list(self, objects: Objects) -> tuple[Collection[Manifest], str]:
        self.now += 1
        answer: MeansError | tuple[Collection[Manifest], str] | None = next(self.lists, None)
        if isinstance(answer, MeansError):
            raise answer
        if answer is None:
            await asyncio.Event().wait()
            raise AssertionError
        return answer

    async def events(self, objects: Objects, version: str) -> AsyncGenerator[Event]:
        self.versions.append(version)
        steps = next(self.watches, None)
        if steps is None:
            await asyncio.Event().wait()
        for step in steps or ():
            self.now += 1
            if isinstance(step, MeansError):
                raise step
            if step is not None:
                yield step


def follow(source: Scripted) -> Collecting:
    """Follow until the script has no more."""
    listener = Collecting()
    follower = Follower(source, PODS, listener, clock=source.clock, pause=0.0)

    async def run() -> None:
        task = asyncio.create_task(follower.run())
        for _ in range(200):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    return listener


def test_a_list_and_then_every_change() -> None:
    events: list[Event | MeansError | None] = [
        ("ADDED", pod("b", version="6")),
        ("DELETED", pod("a", version="7")),
        ("BOOKMARK", {"metadata": {"resourceVersion": "9"}}),
    ]
    source = Scripted([([pod("a")], "5")], [events])
    assert follow(source).told == [(1, {"a"}), (2, {"a", "b"}), (3, {"b"}), (4, {"b"})]
    assert source.versions == ["5", "9"], "a watch that has ended is taken up where it was, bookmarks included"


def test_a_watch_that_ends_by_itself_leaves_no_gap() -> None:
    source = Scripted([([pod("a")], "5")], [[None], [], [("DELETED", pod("a", version="6"))]])
    assert follow(source).told == [(1, {"a"}), (3, set())]
    assert source.versions == ["5", "5", "5", "6"]


@pytest.mark.parametrize(
    "gone",
    [("ERROR", {"kind": "Status", "code": 410, "message": "too old resource version"}), CallError("too old", 410)],
)
def test_a_forgotten_version_makes_a_new_list(gone: Event | MeansError) -> None:
    source = Scripted([([pod("a")], "5"), ([pod("b")], "90")], [[("MODIFIED", pod("a", version="6")), None, gone]])
    listener = follow(source)
    assert listener.told == [(1, {"a"}), (2, {"a"}), (2, None), (5, {"b"})], "unknown since the last sign of life"
    assert source.versions == ["5", "90"]
    assert "too old" in listener.errors[0]


def test_while_the_api_is_away_nothing_is_known() -> None:
    away = NoAnswer("the cluster's API does not answer")
    source = Scripted([([pod("a")], "5"), away, away, ([pod("a")], "5")], [[None, None, away]])
    told = follow(source).told
    assert told == [(1, {"a"}), (1, None), (1, None), (1, None), (7, {"a"})], "silence was no sign of life"
    assert source.versions == ["5", "5"]


def test_without_the_right_it_is_not_tried_again() -> None:
    source = Scripted([PODS.refused("list", CallError("forbidden", 403)), ([pod("a")], "5")], [])
    listener = follow(source)
    assert listener.told == [(0, None)]
    assert 'resources: ["pods"], verbs: ["list"]' in listener.errors[0]
    assert isinstance(PODS.refused("watch", CallError("forbidden", 403)), MissingRight)


class World:
    """Objects of both kinds that change while they are watched; in a loop of its own thread, as a cluster's."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, dict[str, Any]]] = {
            "EndpointSlice": {"slice": endpoints({"ready": True})},
            "Pod": {one["metadata"]["uid"]: one for one in (pod("c"), pod("w", "worker"), pod("v", "worker"))},
        }
        self.error: MeansError | None = None
        self.deaf = False  # changes are made, but no watch tells
        self._versions = itertools.count(10)
        self._queues: list[tuple[str, asyncio.Queue[Event | MeansError]]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T], timeout: float = 10.0) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def put(self, kind: str, found: dict[str, Any]) -> None:
        found["metadata"]["resourceVersion"] = str(next(self._versions))
        self.objects[kind][found["metadata"]["uid"]] = found
        if not self.deaf:
            self._send(("MODIFIED", found), kind)

    def breathe(self) -> None:
        """Both watches give a sign of life, and have been heard."""
        for kind, objects in self.objects.items():
            self._send(("MODIFIED", next(iter(objects.values()))), kind)
        self.turn()

    def break_watches(self) -> None:
        """Tell what nobody understands."""
        self._send(("MODIFIED", {}))
        self.turn()

    def turn(self) -> None:
        """Let the loop do what it has to do."""

        async def turns() -> None:
            for _ in range(20):
                await asyncio.sleep(0)

        self.run(turns())

    def cut(self, error: MeansError) -> None:
        self.error = error
        self._send(error)

    def _send(self, message: Event | MeansError, to: str = "") -> None:
        for kind, queue in self._queues:
            if to in {"", kind}:
                self._loop.call_soon_threadsafe(queue.put_nowait, message)

    async def list(self, objects: Objects) -> tuple[Collection[Manifest], str]:
        if self.error:
            raise self.error
        return list(self.objects[objects.kind].values()), str(next(self._versions))

    async def events(self, objects: Objects, version: str) -> AsyncGenerator[Event]:
        queue: asyncio.Queue[Event | MeansError] = asyncio.Queue()
        self._queues.append((objects.kind, queue))
        while True:
            message = await queue.get()
            if isinstance(message, MeansError):
                raise message
            yield message


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


def watching(world: World) -> AbstractContextManager[AvailabilityWatch]:
    view = ClusterAvailability(OUTPUTS, world, world)
    assert isinstance(view, AvailabilityView)
    return view.watch_availability("trino")


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.005)


def settle(world: World, watch: AvailabilityWatch) -> None:
    until(lambda: bool(watch.timeline().available) and bool(watch.timeline().all_ready))
    world.breathe()


def test_an_engine_without_ready_endpoints_is_not_available(world: World) -> None:
    with watching(world) as watch:
        settle(world, watch)
        changed = time.monotonic()
        world.put("EndpointSlice", endpoints({"ready": False}))
        until(lambda: watch.timeline().available[-1][1] < watch.timeline().ended)
        world.put("EndpointSlice", endpoints({"ready": True}))
        until(lambda: len(watch.timeline().available) == 2)
    timeline = watch.timeline()
    (began, gone), (back, ended) = timeline.available
    assert timeline.began <= began < changed <= gone < back < ended == timeline.ended
    ((_, ready_until),) = timeline.all_ready
    assert ready_until == ended, "pods are a matter of their own"
    assert timeline.unmeasured == ""


def test_pods_are_judged_apart(world: World) -> None:
    with watching(world) as watch:
        settle(world, watch)
        world.put("Pod", pod("w", "worker", ready=False))
        until(lambda: watch.timeline().all_ready[-1][1] < watch.timeline().ended)
    timeline = watch.timeline()
    assert timeline.available[-1][1] == timeline.ended > timeline.all_ready[-1][1]


def test_what_the_cut_has_hidden_is_never_available(world: World) -> None:
    with watching(world) as watch:
        settle(world, watch)
        world.cut(NoAnswer("the cluster's API does not answer"))
        until(lambda: len(watch.timeline().unobserved) == 2)
        away = time.monotonic()
        world.error = None
        until(lambda: len(watch.timeline().available) == 2)
    timeline = watch.timeline()
    (_, first), (second, _) = timeline.available
    assert first <= away <= second
    assert (first, second) in timeline.unobserved


def test_a_silent_watch_is_asked_for_a_last_time(world: World) -> None:
    with watching(world) as watch:
        settle(world, watch)
        world.deaf = True
        asked = time.monotonic()
        world.put("EndpointSlice", endpoints({"ready": False}))
    timeline = watch.timeline()
    assert timeline.available[-1][1] <= asked, "it was not available to the end, although nobody has told"
    assert timeline.unobserved[-1][1] == timeline.ended


def test_an_api_that_is_away_at_the_end_vouches_for_nothing(world: World) -> None:
    with watching(world) as watch:
        settle(world, watch)
        asked = time.monotonic()
        world.error = NoAnswer("away")
    assert watch.timeline().available[-1][1] <= asked


def test_what_could_not_be_watched_at_all_says_why(world: World) -> None:
    world.error = Objects("EndpointSlice", TRINO).refused("list", CallError("forbidden", 403))
    with watching(world) as watch:
        until(lambda: "endpointslices" in watch.timeline().unmeasured)
    timeline = watch.timeline()
    assert "no right to list endpointslices" in timeline.unmeasured
    assert timeline.available == timeline.all_ready == ()
    assert timeline.unobserved == ((timeline.began, timeline.ended),)


def test_a_cluster_that_is_not_connected_is_not_an_error_of_the_experiment() -> None:
    class Closed:
        def run(self, work: Coroutine[Any, Any, T], timeout: float = 1.0) -> T:
            work.close()
            raise TargetError("the cluster is not connected")

    with ClusterAvailability(OUTPUTS, Closed(), Scripted([], [])).watch_availability("trino") as watch:
        pass
    assert watch.timeline().unmeasured == "the cluster is not connected"


def test_a_defect_in_the_watch_does_not_pass_for_what_kubernetes_said(world: World) -> None:
    with watching(world) as watch:
        settle(world, watch)
        asked = time.monotonic()
        world.break_watches()
        world.put("EndpointSlice", endpoints({"ready": False}))
    assert watch.timeline().available[-1][1] <= asked


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        ([], False),
        ([endpoints()], False),
        ([endpoints({"ready": True})], True),
        ([endpoints({})], True),  # as the API has it: unknown counts as ready
        ([endpoints({"ready": False, "serving": True, "terminating": True})], False),
        ([endpoints({"ready": True, "terminating": True})], False),
        ([endpoints({"ready": True, "terminating": True}, {"ready": True})], True),
        ([endpoints({"ready": True}, port=None)], False),  # a port that no pod has
        ([{"metadata": {}, "endpoints": None, "ports": None}, endpoints({"ready": True})], True),
    ],
)
def test_available_is_a_ready_endpoint_that_does_not_end(slices: list[dict[str, Any]], expected: bool) -> None:
    assert available(slices) is expected


WORKLOADS = tuple(
    Workload(role=role, kind="Deployment", name=role, replicas=replicas, labels=labels(role))
    for role, replicas in (("coordinator", 1), ("worker", 2))
)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ([], False),
        ([pod("v", "worker")], True),
        ([pod("v", "worker", ready=False)], False),
        ([pod("v", "worker", deletionTimestamp="now")], False),
        ([pod("v", "worker"), pod("u", "worker", ready=False, deletionTimestamp="now")], True),
        ([pod("v", "worker"), {**pod("u", "worker", ready=False), "status": {"phase": "Failed"}}], True),
        ([pod("v", "worker"), pod("u", "worker", ready=False)], False),  # an autoscaler wants it
    ],
)
def test_every_wanted_pod_is_ready(more: list[dict[str, Any]], expected: bool) -> None:
    assert all_ready(WORKLOADS, [pod("c"), pod("w", "worker"), *more]) is expected


def test_a_lane_keeps_the_order_of_time() -> None:
    lane = Lane(bool, 0.0)
    lane.seen(1.0, [{}])
    lane.seen(2.0, [])
    lane.lost(1.5, MeansError("cut"))
    lane.seen(4.0, [{}])
    assert lane.stretches(True, 5.0) == ((1.0, 2.0), (4.0, 5.0))
    assert lane.stretches(None, 5.0) == ((0.0, 1.0), (2.0, 4.0))
    assert lane.stretches(False, 5.0) == ()
