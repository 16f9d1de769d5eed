"""What the rules on ClickHouse must make of its metrics."""

from __future__ import annotations

from tests.unit.monitoring.model import ONE_ALERT, WELL, AlertCase, Case, RecordedCase, server

EVENTS, ASYNC = "ClickHouseProfileEvents", "ClickHouseAsyncMetrics"
REPLICA, DISKS = server("ClickHouseMetrics_ReadonlyReplica"), server("ClickHouseMetrics_ReadonlyDisks")
PARTS, REJECTED = server(f"{ASYNC}_MaxPartCountForPartition"), server(f"{EVENTS}_RejectedInserts")
FREE, TOTAL = (server(f"{ASYNC}_FilesystemMainPath{kind}Bytes") for kind in ("Available", "Total"))

ALERTING = (
    AlertCase("ClickHouseDown", "it answers", WELL, "5m"),
    AlertCase("ClickHouseDown", "it does not answer", {server("up"): "1x8 0x20"}, "5m", ONE_ALERT),
    AlertCase("ClickHouseDown", "it is gone, its target too", {}, "5m", ONE_ALERT),
    AlertCase("ClickHouseDown", "it misses one scrape", {server("up"): "1x8 0 1x20"}, "2m15s"),
    AlertCase("ClickHouseReadOnly", "all is written to", {REPLICA: "0x40", DISKS: "0x40"}, "5m"),
    AlertCase("ClickHouseReadOnly", "a replica is read-only", {REPLICA: "1x40", DISKS: "0x40"}, "5m", ONE_ALERT),
    AlertCase("ClickHouseReadOnly", "a disk is read-only", {REPLICA: "0x40", DISKS: "1x40"}, "5m", ONE_ALERT),
    AlertCase("ClickHouseReadOnly", "both are", {REPLICA: "2x40", DISKS: "1x40"}, "5m", ONE_ALERT),
    AlertCase("ClickHouseReadOnly", "a replica is while it starts", {REPLICA: "1 0x40"}, "30s"),
    AlertCase("ClickHouseTooManyParts", "half of what slows inserts down", {PARTS: "500x40", REJECTED: "0x40"}, "5m"),
    AlertCase("ClickHouseTooManyParts", "more than that", {PARTS: "501x40", REJECTED: "0x40"}, "5m", ONE_ALERT),
    AlertCase("ClickHouseTooManyParts", "inserts are refused", {PARTS: "9x40", REJECTED: "0+1x40"}, "5m", ONE_ALERT),
    AlertCase("ClickHouseTooManyParts", "both, as one alert", {PARTS: "501x40", REJECTED: "0+1x40"}, "5m", ONE_ALERT),
    AlertCase("ClickHouseTooManyParts", "some were refused long ago", {PARTS: "9x80", REJECTED: "0 7x80"}, "15m"),
    AlertCase("ClickHouseVolumeFillingUp", "a ninth is free", {FREE: "1x60", TOTAL: "9x60"}, "10m"),
    AlertCase("ClickHouseVolumeFillingUp", "an eleventh is free", {FREE: "1x60", TOTAL: "11x60"}, "10m", ONE_ALERT),
    AlertCase("ClickHouseVolumeFillingUp", "for a moment", {FREE: "1x10 5x50", TOTAL: "11x60"}, "4m"),
)


def recorded(name: str, says: str, series: dict[str, str], value: float | None, at: str = "10m") -> RecordedCase:
    """A case of a series recorded for ClickHouse."""
    return RecordedCase(f"engine:{name}", says, series, at, "clickhouse", value)


ASKED = {
    server(f"{EVENTS}_Query"): "0+20x80",
    server(f"{EVENTS}_FailedQuery"): "0+1x80",
    server(f"{EVENTS}_QueryTimeMicroseconds"): "0+600000x80",  # 30 ms each
}
UP, DOWN = {server("up"): "1x80"}, {server("up"): "0x80"}
RECORDING = (
    recorded("up:bool", "it answers", UP, 1),
    recorded("up:bool", "it does not", DOWN, 0),
    recorded("up:bool", "it is not there", {}, 0),
    recorded("available:bool", "it answers", UP, 1),
    recorded("available:bool", "it does not", DOWN, 0),
    recorded("queries_finished:rate5m", "20 each 15 s", ASKED, 1.3333),
    recorded("queries_finished:rate5m", "none", {}, 0),
    recorded("queries_failed:rate5m", "1 each 15 s", ASKED, 0.0667),
    recorded("queries_failed:rate5m", "none", {}, 0),
    recorded("queries_failed:rate1m", "1 each 15 s", ASKED, 0.0667),
    recorded("queries_failed:rate1m", "all of them a minute ago", {server(f"{EVENTS}_FailedQuery"): "0x34 9x60"}, 0),
    recorded("query_errors:ratio_rate5m", "1 of 20", ASKED, 0.05),
    recorded("query_errors:ratio_rate5m", "nothing is asked", {}, 0),
    recorded("query_duration_seconds:mean5m", "30 ms each", ASKED, 0.03),
    recorded("query_duration_seconds:mean5m", "nothing is asked", {}, None),
    recorded("queries_running:count", "some", {server("ClickHouseMetrics_Query"): "4x80"}, 4),
    recorded("queries_running:count", "it is not there", {}, 0),
    recorded("parts_per_partition:max", "some", {PARTS: "12x80"}, 12),
    recorded("parts_per_partition:max", "it is not there", {}, None),
    recorded("served:ratio", "it answers, some queries fail", UP | ASKED, 1),
    recorded("served:ratio", "it does not answer", DOWN, 0),
)
CASES: tuple[Case, ...] = (*ALERTING, *RECORDING)
