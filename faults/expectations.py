"""Which alerts each fault should raise, which it may raise, and which faults no alert can see.

The names are those of the stack's rules (``components/rules``). Alerts look through scrapes, and those are not clients:
Trino is scraped at the very port that clients use, so what cuts clients off cuts scrapes off, too; ClickHouse is
scraped at a port of its own. A fault *held* is there until its revert; what a controller *replaces* is away only until
another has taken its place, however long the injection lasts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from faults.base import Fault, Kind

ANY = frozenset({"*"})
"""Any alert on the struck engine may fire: how much the fault does to it is a matter of degree."""
LINGERING = frozenset({"TrinoQueryErrors", "ErrorBudgetBurnFast", "ErrorBudgetBurnSlow", "EngineRestarting"})
"""Alerts over windows of minutes to days: what came before may raise them during any experiment, and long after."""
# The coordinator goes on counting a worker that is silent until its failure detector has made up its mind.
_DETECTION = 45.0


@dataclass(frozen=True, slots=True)
class Expected:
    """An alert that must fire once its condition has lasted long enough.

    Attributes:
        alert: its name.
        lag: seconds that the engine itself takes to notice, beyond scrapes, evaluation and ``for``.
        latched: its condition stays after the event by itself, for minutes, so that no outage is too short for it.
    """

    alert: str
    lag: float = 0.0
    latched: bool = False


@dataclass(frozen=True, slots=True)
class Expectation:
    """What one fault on one component should, and may, make fire.

    Attributes:
        must: alerts that should fire.
        may: names of alerts on the struck engine that may fire as well.
        held: its condition lasts until the revert; otherwise until the engine is whole again.
        everywhere: alerts on other engines may fire: they may run on the struck node.
        blind: why no alert sees it, where clients may well be cut off; empty otherwise.
    """

    must: tuple[Expected, ...] = ()
    may: frozenset[str] = frozenset()
    held: bool = False
    everywhere: bool = False
    blind: str = ""

    def allows(self, alert: str) -> bool:
        """Whether an alert on the struck engine may fire."""
        return (
            alert in LINGERING or self.may == ANY or alert in self.may or any(one.alert == alert for one in self.must)
        )


Place = tuple[str, str]  # engine and role
_AWAY: Mapping[Place, Expected] = {
    ("trino", "coordinator"): Expected("TrinoDown"),
    ("trino", "worker"): Expected("TrinoWorkersMissing", lag=_DETECTION),
    ("clickhouse", "server"): Expected("ClickHouseDown"),
}
# What follows from it: a lone worker's loss takes no coordinator away.
_FOLLOWS: Mapping[Place, frozenset[str]] = {
    ("trino", "coordinator"): frozenset({"TrinoWorkersMissing", "TrinoQueueing"}),
    ("trino", "worker"): frozenset({"TrinoQueueing"}),
    ("clickhouse", "server"): frozenset(),
}
_OWN_PORT = "ClickHouse is scraped at a port of its own, which this fault does not touch"
_HEALTHY = "scrapes go to pods that are not ready as well, and the engine is healthy"
_EMBEDDED = "only of local processes, which no Prometheus watches"


@dataclass(frozen=True, slots=True)
class _Effect:
    """What a fault does to monitoring, wherever it strikes."""

    must: Mapping[Place, Expected] = field(default_factory=dict)
    held: bool = False
    may: frozenset[str] | None = None
    blind: str = ""


_REPLACED = _Effect(_AWAY)
_HELD = _Effect(_AWAY, held=True)
_CLIENTS_PORT = _Effect({("trino", "coordinator"): Expected("TrinoDown")}, held=True, blind=_OWN_PORT)
_WORKERS_CUT_OFF = _Effect({("trino", "worker"): _AWAY["trino", "worker"]}, held=True)
_BY_DEGREES = _Effect(may=ANY)
_OUT_OF_MEMORY = Expected("EngineOutOfMemory", latched=True)
_FILLING_UP = Expected("ClickHouseVolumeFillingUp")
_NOT_WATCHED = _Effect(may=ANY, blind=_EMBEDDED)

EFFECTS: Mapping[str, _Effect] = {
    "delete": _REPLACED,
    "delete-now": _REPLACED,
    "evict": _REPLACED,
    "kill-container": _REPLACED,
    "pod-moved": _REPLACED,
    "drain": _REPLACED,
    "taint": _REPLACED,
    "node-loss": _REPLACED,
    "node-unreachable": _REPLACED,
    "kubelet-stop": _BY_DEGREES,  # the engine runs on, until its pod is evicted where that is the cluster's way
    "out-of-memory": _Effect(dict.fromkeys(_AWAY, _OUT_OF_MEMORY), may=ANY),
    "cpu": _BY_DEGREES,
    "dns-refused": _BY_DEGREES,
    "pod-bandwidth": _BY_DEGREES,
    "pod-latency": _BY_DEGREES,
    "pod-loss": _BY_DEGREES,
    "partition-clients": _CLIENTS_PORT,
    "pod-reset": _CLIENTS_PORT,
    "wrong-port": _CLIENTS_PORT,
    "partition-engine": _WORKERS_CUT_OFF,
    "isolate-worker": _WORKERS_CUT_OFF,
    "policy-partition": _BY_DEGREES,  # most networks leave connections alone that are established already
    "no-endpoints": _HELD,
    "scale-to-zero": _HELD,
    "not-ready": _Effect(blind=_HEALTHY),
    "volume-full": _Effect({("clickhouse", "server"): _FILLING_UP}, held=True, may=ANY),
    "scale-out": _Effect(),
    "resize": _BY_DEGREES,
    "kill": _NOT_WATCHED,
    "freeze": _NOT_WATCHED,
    "latency": _NOT_WATCHED,
    "bandwidth": _NOT_WATCHED,
    "blackhole": _NOT_WATCHED,
    "reset": _NOT_WATCHED,
    "refused": _NOT_WATCHED,
}
_FIRST_ROLE = {"trino": "coordinator", "clickhouse": "server"}


def expectation(fault: Fault) -> Expectation:
    """What that fault should make fire; of a fault that is not in the table nothing is expected, and all allowed."""
    effect = EFFECTS.get(fault.name)
    if effect is None:
        return Expectation(may=ANY)
    place = fault.engine, _role(fault)
    must = (effect.must[place],) if place in effect.must else ()
    may = _FOLLOWS.get(place, frozenset()) if effect.may is None else effect.may
    on_node = fault.kind is Kind.NODE  # which may host anything else
    return Expectation(
        must=must,
        may=ANY if on_node else may,
        held=effect.held,
        everywhere=on_node,
        blind="" if must else effect.blind,
    )


def _role(fault: Fault) -> str:
    """The role behind a component: ``workers`` are workers, ``clients`` come to the first one."""
    if fault.component == "workers":
        return "worker"
    return _FIRST_ROLE.get(fault.engine, "") if fault.component == "clients" else fault.component
