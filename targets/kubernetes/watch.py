"""Objects of the API kept up to date by its watch: a list, then every change as the API server sends it.

A watch is asked to end after ``WATCH_SECONDS`` and is then taken up where it was, so that a connection that has died
without a word is noticed soon after. Whatever else ends it is a *cut*: what happened since its last sign of life may
never have been told, so the list is read anew (Kubernetes documentation, "Efficient detection of changes").
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from targets.base import MeansError
from targets.kubernetes.calls import CallError, ClusterCalls, NoAnswer, in_parts, refusal, unreachable
from targets.kubernetes.cluster import Cluster
from targets.kubernetes.resources import resource
from targets.kubernetes.rights import MissingRight, Right
from targets.kubernetes.selectors import label_query

WATCH_SECONDS = 5
_SILENCE = 2.0  # seconds beyond that: the connection is dead
_LIST_SECONDS = 3.0
_PAUSE = 0.25  # seconds between attempts, so that a server that refuses is not stormed
_LONGEST = 7200.0  # seconds; every loop is bounded

Manifest = Mapping[str, Any]
Event = tuple[str, Manifest]
"""``ADDED``, ``MODIFIED``, ``DELETED``, ``BOOKMARK`` or ``ERROR``, and the object."""


@dataclass(frozen=True, slots=True)
class Objects:
    """Which objects: those of one kind in a namespace with these labels."""

    kind: str
    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Of the collection."""
        return resource(self.kind).path(self.namespace)

    @property
    def params(self) -> dict[str, str]:
        """Of the query."""
        return label_query(self.labels)

    def refused(self, verb: str, error: CallError) -> MeansError:
        """The error as it is best told: a missing right with the rule to add."""
        if error.status != 403:
            return error
        found = resource(self.kind)
        return Right(verb, found.plural, self.namespace, found.group).missing()


class Source(Protocol):
    """Where objects are listed and watched; both raise ``MeansError``, ``CallError`` with its status among them."""

    async def list(self, objects: Objects) -> tuple[Collection[Manifest], str]:
        """The objects as of now, and the version to watch from."""
        ...

    def events(self, objects: Objects, version: str) -> AsyncGenerator[Event]:
        """Every change since a version; ends by itself after a while."""
        ...


class ClusterSource:
    """Implements ``Source``; to be used in the cluster's own loop."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self._calls = cluster, ClusterCalls(cluster)

    async def list(self, objects: Objects) -> tuple[Collection[Manifest], str]:
        """See ``Source.list``; renews credentials that have expired."""
        try:
            async with asyncio.timeout(_LIST_SECONDS):
                found = await self._calls.ask("GET", objects.path, params=objects.params)
        except TimeoutError:
            raise NoAnswer(f"the cluster's API does not list {objects.kind} objects in {_LIST_SECONDS:g} s") from None
        except CallError as error:
            raise objects.refused("list", error) from None
        return found["items"], found["metadata"]["resourceVersion"]

    async def events(self, objects: Objects, version: str) -> AsyncGenerator[Event]:
        """See ``Source.events``."""
        try:
            async with contextlib.aclosing(self._stream(objects, version)) as events:
                async for event in events:
                    yield event
        except CallError as error:
            raise objects.refused("watch", error) from None
        except Exception as error:  # noqa: BLE001 - the connection's libraries raise each its own
            raise NoAnswer(unreachable(error)) from None

    async def _stream(self, objects: Objects, version: str) -> AsyncGenerator[Event]:
        base, rest = in_parts(objects.path)
        params = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(WATCH_SECONDS)}
        async with self._cluster.api.call_api(
            "GET",
            version="",
            base=base,
            url=rest,
            raise_for_status=False,  # a refusal would make the client end every other connection
            stream=True,
            params={**objects.params, **params, "resourceVersion": version},
            timeout=httpx.Timeout(_LIST_SECONDS, read=WATCH_SECONDS + _SILENCE),
        ) as response:
            if response.is_error:
                await response.aread()
                raise CallError(refusal(response), response.status_code)
            async for line in response.aiter_lines():
                event = json.loads(line)
                yield event["type"], event["object"]


class Listener(Protocol):
    """Is told what a follower sees; moments in seconds of its clock."""

    def seen(self, at: float, objects: Collection[Manifest]) -> None:
        """These are the objects from that moment on."""
        ...

    def lost(self, since: float, error: MeansError) -> None:
        """What the objects were since that moment is not known."""
        ...


class Follower:
    """Keeps the objects as the API has them.

    Args:
        source: of the objects.
        objects: which.
        listener: is told of every change.
        clock: seconds.
        pause: seconds between attempts while the API does not answer.
    """

    def __init__(
        self,
        source: Source,
        objects: Objects,
        listener: Listener,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: float = _PAUSE,
    ) -> None:
        self._source, self._which, self._listener = source, objects, listener
        self._clock, self._pause = clock, pause
        self._objects: dict[str, Manifest] = {}
        self._alive = clock()
        self._cut = True

    async def run(self) -> None:
        """List and watch until cancelled, or until it turns out that we may not."""
        version, ends = "", self._clock() + _LONGEST
        while self._clock() < ends:
            began = self._clock()
            try:
                version = version or await self._list()
                version = await self._watch(version)
            except MissingRight as error:
                self.lose(error)
                return
            except MeansError as error:
                version = ""
                self.lose(error)
            if self._cut or self._clock() - began < self._pause:
                await asyncio.sleep(self._pause)
        self.lose(MeansError(f"watched for {_LONGEST:g} s, which is the longest"))

    def lose(self, error: MeansError) -> None:
        """Nothing is known since the last sign of life."""
        self._cut = True
        self._listener.lost(self._alive, error)

    async def confirm(self) -> None:
        """Look once more, to know whether a watch that is silent is so because nothing has happened."""
        if self._cut:
            return
        try:
            found, _ = await self._source.list(self._which)
        except MeansError as error:
            self.lose(error)
            return
        if _versions(found) == _versions(self._objects.values()):
            self._alive = self._clock()
        else:
            self.lose(MeansError("the watch has missed a change"))

    async def _list(self) -> str:
        found, version = await self._source.list(self._which)
        self._objects = {one["metadata"]["uid"]: one for one in found}
        self._cut = False
        self._tell()
        return version

    async def _watch(self, version: str) -> str:
        async with contextlib.aclosing(self._source.events(self._which, version)) as events:
            async for kind, found in events:
                version = self._apply(kind, found)
        self._alive = self._clock()
        return version

    def _apply(self, kind: str, found: Manifest) -> str:
        if kind == "ERROR":  # such as 410 Gone: what came after our version is forgotten
            raise CallError(str(found.get("message", "the watch has ended")), found.get("code"))
        metadata = found["metadata"]
        if kind == "DELETED":
            self._objects.pop(metadata["uid"], None)
        elif kind != "BOOKMARK":
            self._objects[metadata["uid"]] = found
        self._tell()
        return str(metadata["resourceVersion"])

    def _tell(self) -> None:
        self._alive = self._clock()
        self._listener.seen(self._alive, self._objects.values())


def _versions(objects: Collection[Manifest]) -> dict[str, str]:
    return {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in objects}
