"""The way that a test alert takes: a route in Alertmanager, and the address where a runner may listen for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta

from components.site import NO_WAIT, Site, child
from targets.contract import RECEIVER, RECEIVER_PORT, TEST_ALERT

Values = dict[str, object]
_NOBODY = "null"


@dataclass(frozen=True, slots=True)
class AlertReceiverArgs:
    """What :class:`AlertReceiver` needs; ``namespace`` is the runner's and must exist."""

    site: Site
    namespace: pulumi.Input[str]


class AlertReceiver(pulumi.ComponentResource):
    """A Service without pods: a runner that tests the way of alerts starts one for a minute.

    Attributes:
        name: of the Service.
    """

    name: pulumi.Output[str]

    def __init__(self, name: str, args: AlertReceiverArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("qer:components:AlertReceiver", name, None, opts)
        site = args.site
        labels = site.labels(RECEIVER, "monitoring")
        made = core.Service(
            f"{site.prefix}-{RECEIVER}",
            metadata=meta.ObjectMetaArgs(
                name=RECEIVER, namespace=args.namespace, labels=labels, annotations=dict(NO_WAIT)
            ),
            spec=core.ServiceSpecArgs(
                selector=site.selector(RECEIVER, "monitoring"),
                ports=[core.ServicePortArgs(name="http", port=RECEIVER_PORT, target_port=RECEIVER_PORT)],
            ),
            opts=child(self),
        )
        self.name = made.metadata.name
        self.register_outputs({"name": self.name})


def with_test_route(values: Mapping[str, object], site: Site) -> Values:
    """The chart's values with a route for test alerts, unless Alertmanager's configuration is somebody's own.

    Everything else goes where the chart's own defaults send it: nowhere, until somebody says where.
    """
    alertmanager = values.get("alertmanager")
    if not isinstance(alertmanager, Mapping) or "config" in alertmanager:
        return dict(values)
    return {**values, "alertmanager": {**alertmanager, "config": _config(site)}}


def _config(site: Site) -> Values:
    """Lists of a chart's defaults are replaced whole, so those that we extend are repeated."""
    url = f"http://{RECEIVER}.{site.namespace('runner')}.svc:{RECEIVER_PORT}/"
    test = {
        "receiver": RECEIVER,
        "matchers": [f'alertname="{TEST_ALERT}"'],
        # Each on its own and at once.
        "group_by": ["..."],
        "group_wait": "0s",
        "group_interval": "10s",
    }
    watchdog = {"receiver": _NOBODY, "matchers": ['alertname="Watchdog"']}
    return {
        "route": {"receiver": _NOBODY, "group_by": ["namespace"], "routes": [test, watchdog]},
        "receivers": [
            {"name": _NOBODY},
            {"name": RECEIVER, "webhook_configs": [{"url": url, "send_resolved": False}]},
        ],
    }
