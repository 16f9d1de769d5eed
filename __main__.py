"""The Pulumi program: load the settings, compose the components, export the outputs document."""

import datetime

import pulumi

from components import loader
from components.clickhouse import ClickHouse, ClickHouseArgs
from components.cluster import cluster
from components.namespaces import Namespaces, NamespacesArgs
from components.site import Site
from components.trino import Trino, TrinoArgs

settings = loader.load_from_pulumi()
site = Site(settings.namespace_prefix or f"qer-{pulumi.get_stack()}", settings)
on_cluster = pulumi.ResourceOptions(provider=cluster(site))
namespaces = Namespaces(f"{site.prefix}-namespaces", NamespacesArgs(site), on_cluster)
trino = Trino(
    f"{site.prefix}-trino",
    TrinoArgs(site, namespaces.names["trino"], datetime.datetime.now(datetime.UTC)),
    on_cluster,
)
clickhouse = ClickHouse(f"{site.prefix}-clickhouse", ClickHouseArgs(site, namespaces.names["clickhouse"]), on_cluster)
