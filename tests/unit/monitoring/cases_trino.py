"""What the rules on Trino must make of its metrics."""

from __future__ import annotations

from tests.unit.monitoring.model import NODES, ONE_ALERT, WELL, AlertCase, Case, RecordedCase, coordinator, worker

QUERIES = "trino_execution_name_QueryManager"
WORKERS = {worker("up", 1): "1x40", worker("up", 2): "1x40"}
STALE = "stale"  # what Prometheus notes when a target stops answering


def queries(**values: str) -> dict[str, str]:
    """Series of the coordinator's counters of queries; those not named stay at 0."""
    kinds = ("CompletedQueries", "InternalFailures", "ExternalFailures", "InsufficientResourcesFailures")
    return {coordinator(f"{QUERIES}_{kind}"): values.get(kind, "0x200") for kind in kinds}


ALERTING = (
    AlertCase("TrinoDown", "the coordinator answers", WELL, "5m"),
    AlertCase("TrinoDown", "it does not answer", {coordinator("up"): "1x8 0x20"}, "5m", ONE_ALERT),
    AlertCase("TrinoDown", "it is gone, its target too", {worker("up", 1): "1x40"}, "5m", ONE_ALERT),
    AlertCase("TrinoDown", "it misses one scrape", {coordinator("up"): "1x8 0 1x20"}, "2m15s"),
    AlertCase("TrinoDown", "it is back", {coordinator("up"): "1x8 0x8 1x20"}, "5m"),
    AlertCase("TrinoWorkersMissing", "all are there", WELL, "5m"),
    AlertCase(
        "TrinoWorkersMissing",
        "the coordinator knows one of two",
        {coordinator("up"): "1x40", coordinator(NODES): "2x40", **WORKERS},
        "5m",
        ONE_ALERT,
    ),
    AlertCase("TrinoWorkersMissing", "no node is known", {coordinator(NODES): "0x40"}, "5m", ONE_ALERT),
    AlertCase(
        "TrinoWorkersMissing",
        "only the coordinator does not answer",
        {coordinator(NODES): f"3x8 {STALE}", coordinator("up"): "1x8 0x30", **WORKERS},
        "5m",
    ),
    AlertCase(
        "TrinoWorkersMissing",
        "neither the coordinator nor a worker answers",
        {coordinator(NODES): f"3x8 {STALE}", worker("up", 1): "1x40", worker("up", 2): "0x40"},
        "5m",
        ONE_ALERT,
    ),
    AlertCase(
        "TrinoWorkersMissing", "one is replaced within the minute", {coordinator(NODES): "3x8 2x2 3x20"}, "2m45s"
    ),
    AlertCase("TrinoQueueing", "many wait", {coordinator(f"{QUERIES}_QueuedQueries"): "21x40"}, "5m", ONE_ALERT),
    AlertCase("TrinoQueueing", "as many wait as may run", {coordinator(f"{QUERIES}_QueuedQueries"): "20x40"}, "5m"),
    AlertCase(
        "TrinoQueueing", "many wait a moment", {coordinator(f"{QUERIES}_QueuedQueries"): "0x8 90x6 0x9"}, "3m30s"
    ),
    AlertCase(
        "TrinoQueryErrors",
        "a fifth fails internally",
        queries(CompletedQueries="0+10x80", InternalFailures="0+2x80"),
        "10m",
        ONE_ALERT,
    ),
    AlertCase(
        "TrinoQueryErrors",
        "a tenth fails for want of resources",
        queries(CompletedQueries="0+10x80", InsufficientResourcesFailures="0+1x80"),
        "10m",
        ONE_ALERT,
    ),
    AlertCase(
        "TrinoQueryErrors",
        "a tenth fails for external reasons",
        queries(CompletedQueries="0+10x80", ExternalFailures="0+1x80"),
        "10m",
        ONE_ALERT,
    ),
    AlertCase(
        "TrinoQueryErrors",
        "users make mistakes",
        queries(CompletedQueries="0+10x80")
        | {coordinator(f"{QUERIES}_{kind}"): "0+9x80" for kind in ("FailedQueries", "UserErrorFailures")},
        "10m",
    ),
    AlertCase(
        "TrinoQueryErrors",
        "the only query fails",
        queries(CompletedQueries="0x30 1x50", InternalFailures="0x30 1x50"),
        "10m",
    ),
    AlertCase("TrinoQueryErrors", "nothing is asked", queries(), "10m"),
)


def recorded(name: str, says: str, series: dict[str, str], value: float | None, at: str = "10m") -> RecordedCase:
    """A case of a series recorded for Trino."""
    return RecordedCase(f"engine:{name}", says, series, at, "trino", value)


FAILING = queries(CompletedQueries="0+12x80", InternalFailures="0+2x80", ExternalFailures="0+1x80")
UP, LOST = (
    {coordinator("up"): "1x80", coordinator(NODES): "3x80"},
    {coordinator("up"): "1x80", coordinator(NODES): "1x80"},
)
TIMES = f"{QUERIES}_ExecutionTime"


def took(count: str) -> dict[str, str]:
    """Summaries of how long queries took: 500 ms each."""
    return {
        coordinator(f"{TIMES}_AllTime_count"): f"0+{count}x80",
        coordinator(f"{TIMES}_AllTime_sum"): f"0+{500 * int(count)}x80",
        coordinator(f"{TIMES}_FiveMinutes", quantile="0.95"): "700x80",
        coordinator(f"{TIMES}_FiveMinutes", quantile="0.5"): "300x80",
    }


RECORDING = (
    recorded("up:bool", "the coordinator answers", UP, 1),
    recorded("up:bool", "it is not there", {}, 0),
    recorded("workers_active:count", "two workers beside the coordinator", UP, 2),
    recorded("workers_active:count", "the coordinator alone", LOST, 0),
    recorded("workers_active:count", "only the workers answer", WORKERS, 2, "5m"),
    recorded("workers_expected:count", "what the settings say", {}, 2),
    recorded("workers_expected:count", "whatever is there", LOST, 2),
    recorded("available:bool", "coordinator and workers", UP, 1),
    recorded("available:bool", "no worker", LOST, 0),
    recorded("available:bool", "no coordinator", {worker("up", 1): "1x80"}, 0),
    recorded("queries_finished:rate5m", "12 each 15 s", FAILING, 0.8),
    recorded("queries_finished:rate5m", "none", {}, 0),
    recorded("queries_failed:rate5m", "3 each 15 s", FAILING, 0.2),
    recorded("queries_failed:rate5m", "none", queries(CompletedQueries="0+12x80"), 0),
    recorded("queries_failed:rate1m", "3 each 15 s", FAILING, 0.2),
    recorded("queries_failed:rate1m", "none", queries(CompletedQueries="0+12x80"), 0),
    recorded("query_errors:ratio_rate5m", "3 of 12", FAILING, 0.25),
    recorded("query_errors:ratio_rate5m", "nothing is asked", queries(), 0),
    recorded("query_duration_seconds:mean5m", "half a second each", took("4"), 0.5),
    recorded("query_duration_seconds:mean5m", "none ends", took("0"), None),
    recorded("query_duration_seconds:p95_5m", "the quantile in seconds", took("4"), 0.7),
    recorded("query_duration_seconds:p95_5m", "none shown", {}, None),
    recorded("queries_running:count", "some", {coordinator(f"{QUERIES}_RunningQueries"): "7x80"}, 7),
    recorded("queries_running:count", "no coordinator", {}, 0),
    recorded("queries_queued:count", "some", {coordinator(f"{QUERIES}_QueuedQueries"): "3x80"}, 3),
    recorded("queries_queued:count", "no coordinator", {}, 0),
    recorded("served:ratio", "a quarter fails", UP | FAILING, 0.75),
    recorded("served:ratio", "nothing fails", UP, 1),
    recorded("served:ratio", "no worker", LOST | FAILING, 0),
)
CASES: tuple[Case, ...] = (*ALERTING, *RECORDING)
