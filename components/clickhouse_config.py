"""ClickHouse's configuration files, derived from the settings."""

from __future__ import annotations

import hashlib
from xml.sax.saxutils import escape

from components.quantities import MEBIBYTE, mebibytes
from components.settings import Settings

HTTP, NATIVE, METRICS = 8123, 9000, 9363
# Time that the server keeps for itself after the last statement ended.
_STOP_MARGIN_SECONDS = 5


def server_config(settings: Settings) -> str:
    """``config.d``: what listens, log to the console, metrics, caches that fit the limit, a stop that waits."""
    limit = mebibytes(settings.clickhouse_memory_limit) * MEBIBYTE
    wait = max(1, settings.clickhouse_stop_seconds - _STOP_MARGIN_SECONDS)
    return f"""\
<clickhouse>
    <listen_host>0.0.0.0</listen_host>
    <http_port>{HTTP}</http_port>
    <tcp_port>{NATIVE}</tcp_port>
    <mysql_port remove="remove"/>
    <postgresql_port remove="remove"/>
    <interserver_http_port remove="remove"/>
    <logger>
        <level>information</level>
        <console>true</console>
        <log remove="remove"/>
        <errorlog remove="remove"/>
    </logger>
    <prometheus>
        <endpoint>/metrics</endpoint>
        <port>{METRICS}</port>
        <metrics>true</metrics>
        <events>true</events>
        <asynchronous_metrics>true</asynchronous_metrics>
    </prometheus>
    <max_server_memory_usage_to_ram_ratio>0.8</max_server_memory_usage_to_ram_ratio>
    <mark_cache_size>{limit // 16}</mark_cache_size>
    <uncompressed_cache_size>{limit // 32}</uncompressed_cache_size>
    <shutdown_wait_unfinished_queries>true</shutdown_wait_unfinished_queries>
    <shutdown_wait_unfinished>{wait}</shutdown_wait_unfinished>
</clickhouse>
"""


def users_config(user: str, password: str) -> str:
    """``users.d``: one user, known by the SHA-256 of its password; the open ``default`` user goes."""
    digest = hashlib.sha256(password.encode()).hexdigest()
    return f"""\
<clickhouse>
    <users>
        <default remove="remove"/>
        <{escape(user)}>
            <password_sha256_hex>{digest}</password_sha256_hex>
            <networks><ip>::/0</ip></networks>
            <profile>default</profile>
            <quota>default</quota>
            <access_management>0</access_management>
        </{escape(user)}>
    </users>
</clickhouse>
"""


def first_start(database: str) -> str:
    """Run once, on an empty volume."""
    return f"CREATE DATABASE IF NOT EXISTS {database}\n"
