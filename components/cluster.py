"""The Kubernetes provider of one stack, handed out only when the cluster can take the stack."""

from __future__ import annotations

import kr8s
import pulumi
import pulumi_kubernetes as kubernetes

from components.cluster_view import ClusterView
from components.preflight import NotPossible, check
from components.site import Site


def cluster(site: Site) -> kubernetes.Provider:
    """The cluster of the configured context, or a directory that takes YAML instead.

    ConfigMaps and Secrets are changed in place: our pods carry a checksum of what they read, and a replacement under
    the same name would leave them without files in between.

    Raises:
        pulumi.RunError: the cluster cannot take the stack; nothing has been registered.
    """
    settings = site.settings
    if settings.preflight and not settings.render_directory:
        try:
            check(site, ClusterView(settings.kube_context))
        except NotPossible as error:
            raise pulumi.RunError(str(error)) from None
        except kr8s.ServerError as error:
            raise pulumi.RunError(
                f"the cluster refuses to say whether it can take the stack ({error}): ask for the right to list "
                "namespaces, nodes, pods and storage classes, or set preflight to false"
            ) from None
    return kubernetes.Provider(
        "cluster",
        context=settings.kube_context or None,
        render_yaml_to_directory=settings.render_directory or None,
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
    )
