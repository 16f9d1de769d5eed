"""The custom resource definitions that Helm installs with the chart and never removes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import kr8s
import pulumi
from kr8s.objects import CustomResourceDefinition, new_class
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

GROUP = "monitoring.coreos.com"


class CrdGuardProvider(ResourceProvider):
    """Remembers which definitions were there before the stack, and takes the others away after it.

    A definition that anybody else uses by then stays: with it would go all their resources.
    """

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Note what is there before the chart is installed."""
        before = sorted(crd.name for crd in _definitions(_api(props)))
        return CreateResult(id_=GROUP, outs={**props, "before": before})

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Remove what came with the stack and nobody uses."""
        api = _api(props)
        for crd in _definitions(api):
            if crd.name not in props["before"] and not _used(crd, api):
                crd.delete()


class CrdGuard(Resource):
    """Deleted after the release that depends on it, it removes the chart's unused definitions."""

    before: pulumi.Output[list[str]]

    def __init__(self, name: str, *, context: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__(CrdGuardProvider(), name, {"context": context, "before": None}, opts)


def _api(props: Mapping[str, Any]) -> kr8s.Api:
    return kr8s.api(context=props["context"] or None)


def _definitions(api: kr8s.Api) -> list[CustomResourceDefinition]:
    listed = CustomResourceDefinition.list(api=api)
    return [one for one in listed if isinstance(one, CustomResourceDefinition) and one.spec.group == GROUP]


def _used(crd: CustomResourceDefinition, api: kr8s.Api) -> bool:
    version = next(version.name for version in crd.spec.versions if version.storage)
    kind = new_class(
        kind=crd.spec.names.kind,
        version=f"{GROUP}/{version}",
        namespaced=crd.spec.scope == "Namespaced",
        plural=crd.spec.names.plural,
    )
    return any(True for _ in kind.list(namespace=kr8s.ALL, api=api))
