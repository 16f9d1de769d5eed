"""What the rules on error budgets and containers must make of series."""

from __future__ import annotations

from collections.abc import Mapping

from tests.unit.monitoring.cases_trino import queries
from tests.unit.monitoring.model import (
    CLICKHOUSE,
    TRINO,
    WELL,
    AlertCase,
    Case,
    RecordedCase,
    Series,
    series,
    server,
)

SPENT = ({"engine": "clickhouse", "namespace": CLICKHOUSE},)


def outage(samples: str) -> Series:
    """Trino is well, ClickHouse answers its scrapes as told."""
    return {**WELL, server("up"): samples}


BUDGET = (
    AlertCase("ErrorBudgetBurnFast", "both serve", WELL, "2h", step="1m"),
    AlertCase("ErrorBudgetBurnFast", "down for ten minutes", outage("1x119 0x40"), "130m", SPENT, step="1m"),
    AlertCase("ErrorBudgetBurnFast", "down for half a minute", outage("1x718 0 1x40"), "6h", step="30s"),
    AlertCase("ErrorBudgetBurnFast", "was down for a minute, long ago", outage("1x300 0 1x90"), "345m", step="1m"),
    AlertCase(
        "ErrorBudgetBurnFast",
        "was down for three minutes, within half an hour",
        outage("1x339 0x2 1x30"),
        "352m",
        SPENT,
        step="1m",
    ),
    AlertCase(
        "ErrorBudgetBurnFast",
        "a tenth of the queries fails",
        {**WELL, **queries(CompletedQueries="0+100x200", InternalFailures="0+10x200")},
        "2h",
        ({"engine": "trino", "namespace": TRINO},),
        step="1m",
    ),
    AlertCase("ErrorBudgetBurnSlow", "both serve", WELL, "24h", step="5m"),
    AlertCase("ErrorBudgetBurnSlow", "was down 90 minutes ago", outage("1x269 0x1 1x30"), "24h", SPENT, step="5m"),
    AlertCase("ErrorBudgetBurnSlow", "was down five hours ago", outage("1x802 0x1 1x70"), "72h", SPENT, step="5m"),
    AlertCase("ErrorBudgetBurnSlow", "was down seven hours ago", outage("1x779 0x1 1x90"), "72h", step="5m"),
    AlertCase("ErrorBudgetBurnSlow", "was down for less than the budget", outage("1x1075 0 1x20"), "72h", step="4m"),
)
POD = {"namespace": TRINO, "pod": "trino-worker-1", "container": "trino"}
RESTARTS = series("kube_pod_container_status_restarts_total", **POD, uid="u")
ENDED = "kube_pod_container_status_last_terminated"
KILLED = series(f"{ENDED}_reason", **POD, uid="u", reason="OOMKilled")
FAILED = series(f"{ENDED}_reason", **POD, uid="u", reason="Error")
STATUS = series(f"{ENDED}_exitcode", **POD, uid="u")
ELSEWHERE: Mapping[str, str] = {**POD, "namespace": "other"}
CONTAINERS = (
    AlertCase("EngineOutOfMemory", "killed", {KILLED: "_x20 1x30", RESTARTS: "0x20 1x30"}, "8m", (POD,)),
    AlertCase(
        "EngineOutOfMemory",
        "its JVM ended",
        {FAILED: "_x20 1x30", STATUS: "_x20 3x30", RESTARTS: "0x20 1x30"},
        "8m",
        (POD,),
    ),
    AlertCase(
        "EngineOutOfMemory",
        "killed by somebody else",
        {FAILED: "_x20 1x30", STATUS: "_x20 137x30", RESTARTS: "0x20 1x30"},
        "8m",
    ),
    AlertCase("EngineOutOfMemory", "killed long ago", {KILLED: "1x100", RESTARTS: "1x100"}, "15m"),
    AlertCase(
        "EngineOutOfMemory",
        "of another namespace",
        {
            series(f"{ENDED}_reason", **ELSEWHERE, reason="OOMKilled"): "1x40",
            series("kube_pod_container_status_restarts_total", **ELSEWHERE): "0x20 1x30",
        },
        "8m",
    ),
    AlertCase("EngineRestarting", "three times", {RESTARTS: "0x20 1x10 2x10 3x40"}, "15m", ({**POD, "uid": "u"},)),
    AlertCase("EngineRestarting", "twice", {RESTARTS: "0x20 1x10 2x50"}, "15m"),
    AlertCase("EngineRestarting", "not at all", {RESTARTS: "5x80"}, "15m"),
)


def lost(window: str, says: str, samples: str, at: str, *, value: float, step: str) -> RecordedCase:
    """A case of the loss of one window."""
    name = f"engine:unserved:ratio_avg{window}"
    return RecordedCase(name, says, outage(samples), at, "clickhouse", value, step, to=0.01)


LOSSES = tuple(
    case
    for window, at, step, samples, value in (
        ("5m", "10m", "5s", "1x99 0x11 1x90", 0.2),
        ("30m", "60m", "15s", "1x199 0x11 1x90", 0.1),
        ("1h", "2h", "1m", "1x89 0x5 1x90", 0.1),
        ("2h", "4h", "1m", "1x199 0x11 1x90", 0.1),
        ("6h", "12h", "5m", "1x119 0x7 1x90", 0.11),
        ("1d", "24h", "5m", "1x199 0x17 1x90", 0.06),
        ("3d", "72h", "5m", "1x699 0x53 1x200", 0.06),
    )
    for case in (
        lost(window, "some of it", samples, at, value=value, step=step),
        lost(window, "nothing", "1x2000", at, value=0.0, step=step),
        lost(window, "everything", "0x2000", at, value=1.0, step=step),
    )
)
CASES: tuple[Case, ...] = (*BUDGET, *CONTAINERS, *LOSSES)
