"""Ask the cluster whether it can take the stack, before anything is registered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from components import clickhouse
from components.crds import GROUP
from components.namespaces import wanted
from components.quantities import MEBIBYTE, quantity
from components.requests import Need, needs
from components.site import INSTANCE, Site


class NotPossible(Exception):
    """One line: what stands in the way, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Room:
    """What one node has left for pods of this stack (bytes, CPUs); pods of the stack itself count as room."""

    node: str
    cpu: Decimal
    memory: Decimal


class View(Protocol):
    """What preflight wants to know of a cluster."""

    def namespaces(self) -> dict[str, dict[str, str]]:
        """Name to labels."""
        ...

    def definitions(self) -> set[str]:
        """Kinds of the monitoring operator's custom resources."""
        ...

    def storage_classes(self) -> dict[str, bool]:
        """Name to whether it is the default one."""
        ...

    def claims(self, namespace: str) -> set[str]:
        """Names of the PersistentVolumeClaims of a namespace."""
        ...

    def stateful_sets(self, namespace: str) -> set[str]:
        """Names of the StatefulSets of a namespace."""
        ...

    def room(self, own_namespaces: Sequence[str]) -> list[Room]:
        """What the schedulable nodes have left."""
        ...

    def secret_keys(self, namespace: str, name: str) -> set[str] | None:
        """Keys of a Secret, ``None`` when there is none."""
        ...

    def chart_problem(self, chart: str, repository: str) -> str:
        """Why the monitoring chart cannot be had from where the settings say; empty when it can."""
        ...


def check(site: Site, view: View) -> None:
    """Check everything that this stack takes for granted.

    Raises:
        NotPossible: the first thing that is missing.
    """
    checks: tuple[Callable[[Site, View], None], ...] = (
        _namespaces,
        _definitions,
        _storage,
        _claim,
        _certificate,
        _room,
        _chart,
    )
    for one in checks:
        one(site, view)


def _namespaces(site: Site, view: View) -> None:
    there = view.namespaces()
    names = [site.namespace(part) for part in wanted(site)]
    if not site.settings.namespaces_owned:
        if missing := [name for name in names if name not in there]:
            raise NotPossible(
                f"namespace {missing[0]} does not exist, and namespacesOwned is false: create it (all: "
                f"{', '.join(names)}), or set namespacesOwned to true"
            )
        return
    foreign = [name for name in names if name in there and there[name].get(INSTANCE) != site.prefix]
    if foreign:
        raise NotPossible(
            f"namespace {foreign[0]} exists and is not this stack's: choose another namespacePrefix, or set "
            "namespacesOwned to false to use it as it is"
        )


def _definitions(site: Site, view: View) -> None:
    settings = site.settings
    if settings.monitoring_crds != "existing":
        return
    needed = {"ServiceMonitor", "PrometheusRule"}
    if settings.monitoring_enabled:
        needed |= {"Prometheus", "Alertmanager"}
    if missing := sorted(needed - view.definitions()):
        raise NotPossible(
            f"the cluster has no custom resource definition for {', '.join(missing)} ({GROUP}), and monitoringCrds is "
            "existing: install the Prometheus operator's definitions, or set monitoringCrds to install with "
            "monitoringEnabled"
        )


def _storage(site: Site, view: View) -> None:
    classes, wanted_class = view.storage_classes(), site.settings.clickhouse_storage_class
    listed = f"there are {', '.join(sorted(classes))}" if classes else "there is none at all"
    if wanted_class and wanted_class not in classes:
        raise NotPossible(f"storage class {wanted_class} (clickhouseStorageClass) does not exist; {listed}")
    if not wanted_class and not any(classes.values()):
        raise NotPossible(
            f"the cluster has no default storage class ({listed}): name one in clickhouseStorageClass, or mark one as "
            "the default"
        )


def _claim(site: Site, view: View) -> None:
    namespace, existing = site.namespace("clickhouse"), site.settings.clickhouse_existing_claim
    claims = view.claims(namespace)
    if existing and existing not in claims:
        raise NotPossible(
            f"PersistentVolumeClaim {existing} (clickhouseExistingClaim) does not exist in namespace {namespace}"
        )
    # While the stack is up its server is there; a claim alone was kept when an earlier one was destroyed.
    if not existing and clickhouse.DATA_CLAIM in claims and clickhouse.NAME not in view.stateful_sets(namespace):
        raise NotPossible(
            f"PersistentVolumeClaim {namespace}/{clickhouse.DATA_CLAIM} is there from an earlier stack: set "
            f"clickhouseExistingClaim to {clickhouse.DATA_CLAIM} to go on with its data, or delete it"
        )


def _certificate(site: Site, view: View) -> None:
    name, namespace = site.settings.trino_tls_secret, site.namespace("trino")
    if not name:
        return
    keys = view.secret_keys(namespace, name)
    if keys is None:
        raise NotPossible(f"Secret {name} (trinoTlsSecret) does not exist in namespace {namespace}")
    if missing := sorted({"tls-combined.pem", "ca.crt"} - keys):
        raise NotPossible(f"Secret {namespace}/{name} (trinoTlsSecret) has no {' and no '.join(missing)}")


def _room(site: Site, view: View) -> None:
    rooms = view.room([site.namespace(part) for part in wanted(site)])
    asked = needs(site.settings, nodes=len(rooms))
    left = place(asked, rooms)
    if left is None:
        return
    memory = sum(need.memory for need in asked) / MEBIBYTE
    cpu = sum(need.cpu for need in asked)
    free = sum(room.memory for room in rooms) / MEBIBYTE
    free_cpu = sum(room.cpu for room in rooms)
    raise NotPossible(
        f"the cluster has not enough room: the stack requests {memory:.0f} Mi of memory and {cpu:.2f} CPUs, "
        f"{len(rooms)} nodes have {free:.0f} Mi and {free_cpu:.2f} CPUs left, and no node takes {left.name} "
        f"({left.memory / MEBIBYTE:.0f} Mi, {left.cpu:.2f} CPUs): make room, or lower the requests in the settings"
    )


def _chart(site: Site, view: View) -> None:
    settings = site.settings
    if not settings.monitoring_enabled:
        return
    if problem := view.chart_problem(settings.monitoring_chart, settings.monitoring_chart_repository):
        raise NotPossible(
            f"{problem}: correct it, or name a chart archive on this machine in monitoringChart with an empty "
            "monitoringChartRepository, or set monitoringEnabled to false"
        )


def place(needs_: Sequence[Need], rooms: Sequence[Room]) -> Need | None:
    """Place the largest first where most memory is left; returns what fits nowhere."""
    memory, cpu = {room.node: room.memory for room in rooms}, {room.node: room.cpu for room in rooms}
    for need in sorted(needs_, key=lambda one: one.memory, reverse=True):
        fitting = [node for node in memory if memory[node] >= need.memory and cpu[node] >= need.cpu]
        if not fitting:
            return need
        node = max(fitting, key=lambda one: memory[one])
        memory[node] -= need.memory
        cpu[node] -= need.cpu
    return None


def room_left(capacity: dict[str, str], used: Sequence[dict[str, str]], node: str) -> Room:
    """Allocatable less the requests of the pods that stay."""
    return Room(
        node,
        quantity(capacity["cpu"]) - sum((quantity(one.get("cpu", "0")) for one in used), Decimal(0)),
        quantity(capacity["memory"]) - sum((quantity(one.get("memory", "0")) for one in used), Decimal(0)),
    )
