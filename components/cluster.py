"""The Kubernetes provider of one stack."""

from __future__ import annotations

import pulumi_kubernetes as kubernetes

from components.site import Site


def cluster(site: Site) -> kubernetes.Provider:
    """The cluster of the configured context, or a directory that takes YAML instead.

    ConfigMaps and Secrets are changed in place: our pods carry a checksum of what they read, and a replacement under
    the same name would leave them without files in between.
    """
    settings = site.settings
    return kubernetes.Provider(
        "cluster",
        context=settings.kube_context or None,
        render_yaml_to_directory=settings.render_directory or None,
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
    )
