"""A container's log, line by line, across broken connections."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import kr8s

from targets.base import MeansError, TargetError
from targets.kubernetes.calls import refusal
from targets.kubernetes.cluster import FAILURES, Cluster
from targets.kubernetes.job_manifest import CONTAINER

LONGEST_SECONDS = 4 * 3600.0
BROKEN_SECONDS = 120.0
_SILENCE_SECONDS = 30.0
_PAUSE_SECONDS = 1.0


class ClusterLogs:
    """Implements ``job.Logs``: reads on where it was when a connection breaks or is silent for long.

    Args:
        cluster: connected.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def follow(self, namespace: str, pod: str, listen: Callable[[str], bool]) -> None:
        """See ``job.Logs.follow``."""
        reader = _Reader(self._cluster, namespace, pod, listen)
        ends = time.monotonic() + LONGEST_SECONDS
        last_good = time.monotonic()
        while time.monotonic() < ends:
            try:
                if self._cluster.run(reader.read(), LONGEST_SECONDS):
                    return
                last_good = time.monotonic()
            except httpx.ReadTimeout:
                last_good = time.monotonic()  # nothing was written for a while, which is no failure
            except kr8s.APITimeoutError:
                last_good = time.monotonic()
            except (*FAILURES, TimeoutError) as error:
                if time.monotonic() - last_good > BROKEN_SECONDS:
                    raise MeansError(f"the log of {pod} cannot be read any more ({error})") from None
            time.sleep(_PAUSE_SECONDS)
        raise MeansError(f"{pod} did not end within {LONGEST_SECONDS:g} s")

    def tail(self, namespace: str, pod: str, lines: int) -> list[str]:
        """See ``job.Logs.tail``."""
        try:
            return self._cluster.run(self._tail(namespace, pod, lines))
        except (*FAILURES, TimeoutError, TargetError) as error:
            raise MeansError(f"the log of {pod} cannot be read ({error})") from None

    async def _tail(self, namespace: str, pod: str, lines: int) -> list[str]:
        # As for other calls: the client renews credentials that have expired where it may raise.
        for renew in (False, True):
            async with self._cluster.api.call_api(
                "GET",
                version="v1",
                namespace=namespace,
                url=f"pods/{pod}/log",
                params={"container": CONTAINER, "tailLines": str(lines)},
                raise_for_status=renew,
            ) as response:
                if response.status_code != 401:
                    break
        if response.is_error:
            raise MeansError(f"the log of {pod} cannot be read: {refusal(response)}")
        return response.text.splitlines()


class _Reader:
    """Reads from the moment of the last line on; each line has the time at which it was written before it."""

    def __init__(self, cluster: Cluster, namespace: str, pod: str, listen: Callable[[str], bool]) -> None:
        self._cluster, self._namespace, self._pod, self._listen = cluster, namespace, pod, listen
        self._last = ""

    async def read(self) -> bool:
        """Whether there is nothing more to read; an end of the stream alone may be a broken connection."""
        params = {"follow": "true", "timestamps": "true", "container": CONTAINER}
        if self._last:
            params["sinceTime"] = self._last
        async with self._cluster.api.call_api(
            "GET",
            version="v1",
            namespace=self._namespace,
            url=f"pods/{self._pod}/log",
            params=params,
            stream=True,
            timeout=httpx.Timeout(_SILENCE_SECONDS),
        ) as response:
            async for line in response.aiter_lines():
                if self._take(line):
                    return True
        return not await self._running()

    def _take(self, line: str) -> bool:
        moment, _, text = line.partition(" ")
        # Times are written with nanoseconds, so a line that was read already is one that is not later.
        if self._last and _key(moment) <= _key(self._last):
            return False
        self._last = moment
        return self._listen(text)

    async def _running(self) -> bool:
        async with self._cluster.api.call_api(
            "GET", version="v1", namespace=self._namespace, url=f"pods/{self._pod}", raise_for_status=False
        ) as response:
            if response.status_code == 404:
                return False
            response.raise_for_status()
            statuses = response.json()["status"].get("containerStatuses") or []
        return any("running" in status["state"] for status in statuses)


def _key(moment: str) -> tuple[str, str]:
    """Orders RFC 3339 times of one zone, whose fractions have their trailing zeros cut off."""
    whole, _, fraction = moment.removesuffix("Z").partition(".")
    return whole, fraction.ljust(9, "0")
