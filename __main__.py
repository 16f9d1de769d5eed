"""The Pulumi program: load the settings, compose the components, export the outputs."""

import datetime

import pulumi

from components import loader
from components.access import Access, AccessArgs
from components.alert_receiver import AlertReceiver, AlertReceiverArgs
from components.clickhouse import ClickHouse, ClickHouseArgs
from components.cluster import cluster
from components.monitoring import Monitoring, MonitoringArgs
from components.monitors import Monitors, MonitorsArgs
from components.namespaces import Namespaces, NamespacesArgs
from components.network import Network, NetworkArgs
from components.outputs import Parts, export
from components.provisioned import Dashboards, DashboardsArgs
from components.site import Site
from components.trino import Trino, TrinoArgs

settings = loader.load_from_pulumi()
site = Site(settings.namespace_prefix or f"qer-{pulumi.get_stack()}", settings)
on_cluster = pulumi.ResourceOptions(provider=cluster(site))

namespaces = Namespaces("namespaces", NamespacesArgs(site), on_cluster).names
trino_namespace, clickhouse_namespace = namespaces["trino"], namespaces["clickhouse"]
if settings.network_policies:
    Network("network", NetworkArgs(site, trino_namespace, clickhouse_namespace), on_cluster)
access = Access("access", AccessArgs(site, namespaces), on_cluster)

monitoring = None
if settings.monitoring_enabled:
    watched = {"trino": trino_namespace, "clickhouse": clickhouse_namespace}
    AlertReceiver("alert-receiver", AlertReceiverArgs(site, namespaces["runner"]), on_cluster)
    monitoring = Monitoring("monitoring", MonitoringArgs(site, namespaces["monitoring"], watched), on_cluster)

trino = Trino("trino", TrinoArgs(site, trino_namespace, datetime.datetime.now(datetime.UTC)), on_cluster)
clickhouse = ClickHouse("clickhouse", ClickHouseArgs(site, clickhouse_namespace), on_cluster)
if settings.monitors:
    operator = [monitoring.ready] if monitoring else []
    Monitors(
        "monitors", MonitorsArgs(site, trino_namespace, clickhouse_namespace, trino.tls_secret, operator), on_cluster
    )
if settings.dashboards:
    shown_in = namespaces["monitoring"] if monitoring else trino_namespace
    Dashboards("dashboards", DashboardsArgs(site, shown_in), on_cluster)

export(Parts(site, namespaces, trino, clickhouse, access, monitoring))
