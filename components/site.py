"""What every component of one stack shares: its name, its settings, its labels."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.settings import Settings

PART_OF = "query-engine-reliability"
NAME, INSTANCE, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"
# On Services: Pulumi would wait for their pods, which wait for a free place among the few things it does at a time. The
# workloads' own readiness is waited for.
NO_WAIT = {"pulumi.com/skipAwait": "true"}


@dataclass(frozen=True, slots=True)
class Site:
    """One stack. ``prefix`` starts the names of its namespaces and of its cluster-wide objects."""

    prefix: str
    settings: Settings

    def namespace(self, part: str) -> str:
        """Name of the namespace for one part of the stack."""
        return f"{self.prefix}-{part}"

    def selector(self, name: str, component: str) -> dict[str, str]:
        """The labels that select the pods of one workload; they never change."""
        return {NAME: name, INSTANCE: self.prefix, COMPONENT: component}

    def labels(self, name: str, component: str, version: str | None = None) -> dict[str, str]:
        """All labels of one object."""
        labels = {
            **self.selector(name, component),
            "app.kubernetes.io/part-of": PART_OF,
            "app.kubernetes.io/managed-by": "pulumi",
        }
        return {**labels, "app.kubernetes.io/version": version} if version else labels


def child(parent: pulumi.Resource, *depends_on: pulumi.Resource) -> pulumi.ResourceOptions:
    """Options of a component's own resource."""
    return pulumi.ResourceOptions(parent=parent, depends_on=list(depends_on))
