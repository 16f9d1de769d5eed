"""Values of the chart kube-prometheus-stack, sized by profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi

from components.settings import Settings

Values = dict[str, object]

# CPU request, CPU limit, memory request, memory limit.
_SIZES: Mapping[str, Mapping[str, tuple[str, str, str, str]]] = {
    "small": {
        "operator": ("10m", "200m", "64Mi", "256Mi"),
        "reloader": ("5m", "50m", "24Mi", "64Mi"),
        "prometheus": ("50m", "500m", "256Mi", "768Mi"),
        "alertmanager": ("5m", "100m", "32Mi", "128Mi"),
        "grafana": ("20m", "300m", "128Mi", "256Mi"),
        "sidecar": ("5m", "50m", "48Mi", "128Mi"),
        "kube-state-metrics": ("10m", "100m", "32Mi", "128Mi"),
        "node-exporter": ("10m", "100m", "24Mi", "64Mi"),
    },
    "large": {
        "operator": ("100m", "500m", "128Mi", "512Mi"),
        "reloader": ("10m", "100m", "32Mi", "128Mi"),
        "prometheus": ("1", "2", "4Gi", "8Gi"),
        "alertmanager": ("50m", "200m", "128Mi", "256Mi"),
        "grafana": ("100m", "500m", "256Mi", "512Mi"),
        "sidecar": ("20m", "100m", "64Mi", "256Mi"),
        "kube-state-metrics": ("100m", "500m", "256Mi", "512Mi"),
        "node-exporter": ("50m", "200m", "64Mi", "128Mi"),
    },
}
_SCRAPE_INTERVAL = {"small": "15s", "large": "30s"}
_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path


def chart_values(
    settings: Settings,
    *,
    name: str,
    namespace: pulumi.Input[str],
    watched: Sequence[pulumi.Input[str]],
    grafana_secret: str,
) -> Values:
    """All values, with the configured ones merged over ours.

    Args:
        settings: of the stack.
        name: start of the names of the chart's objects.
        namespace: the release's own.
        watched: where monitors and rules are taken from beside that one.
        grafana_secret: Secret with Grafana's ``username`` and ``password``.
    """
    values: Values = {
        "fullnameOverride": name,
        "cleanPrometheusOperatorObjectNames": True,
        "crds": {"enabled": settings.monitoring_crds == "install"},
        **_absent_parts(),
        "prometheusOperator": _operator(settings, watched),
        "prometheus": _prometheus(settings),
        "alertmanager": _alertmanager(settings),
        "grafana": _grafana(settings, namespace, grafana_secret),
        "kubeStateMetrics": {"enabled": settings.kube_state_metrics_enabled},
        "kube-state-metrics": {"resources": _size(settings, "kube-state-metrics")},
        "nodeExporter": {"enabled": settings.node_exporter_enabled},
        "prometheus-node-exporter": _node_exporter(settings),
    }
    return merge(values, settings.monitoring_values)


def merge(ours: Mapping[str, object], theirs: Mapping[str, object]) -> Values:
    """``theirs`` over ``ours``, mapping by mapping, as Helm does."""
    merged = dict(ours)
    for key, value in theirs.items():
        mine = merged.get(key)
        merged[key] = merge(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return merged


def _size(settings: Settings, part: str) -> Values:
    cpu_request, cpu_limit, memory_request, memory_limit = _SIZES[settings.monitoring_profile][part]
    return {
        "requests": {"cpu": cpu_request, "memory": memory_request},
        "limits": {"cpu": cpu_limit, "memory": memory_limit},
    }


def _absent_parts() -> Values:
    """What managed clusters and minikube do not show to scrapers; an alert about it would never be true."""
    parts = ("kubeControllerManager", "kubeScheduler", "kubeEtcd", "kubeProxy")
    # The operator would keep a Service for the kubelets in kube-system and leave it there for good: see _kubelets.
    return {part: {"enabled": False} for part in (*parts, "kubelet")}


def _operator(settings: Settings, namespaces: Sequence[pulumi.Input[str]]) -> Values:
    return {
        # Only this stack's namespaces: several operators in one cluster would undo each other's work elsewhere.
        "namespaces": {"releaseNamespace": True, "additional": namespaces},
        "kubeletService": {"enabled": False},
        "kubeletEndpointsEnabled": False,
        # The webhook's certificate comes from hooks, which only Helm itself would run and clean up reliably.
        "admissionWebhooks": {"enabled": False},
        "tls": {"enabled": False},
        "resources": _size(settings, "operator"),
        "prometheusConfigReloader": {"resources": _size(settings, "reloader")},
    }


def _prometheus(settings: Settings) -> Values:
    spec: Values = {
        "retention": settings.prometheus_retention,
        "scrapeInterval": _SCRAPE_INTERVAL[settings.monitoring_profile],
        "evaluationInterval": _SCRAPE_INTERVAL[settings.monitoring_profile],
        "resources": _size(settings, "prometheus"),
        "additionalScrapeConfigs": _kubelets(),
        **{
            f"{kind}SelectorNilUsesHelmValues": False
            for kind in ("rule", "serviceMonitor", "podMonitor", "probe", "scrapeConfig")
        },
    }
    if settings.prometheus_storage_size:
        claim = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": settings.prometheus_storage_size}},
        }
        spec["storageSpec"] = {"volumeClaimTemplate": {"spec": claim}}
        # Otherwise the claim would outlive the stack.
        spec["persistentVolumeClaimRetentionPolicy"] = {"whenDeleted": "Delete", "whenScaled": "Retain"}
    return {"enabled": settings.prometheus_enabled, "prometheusSpec": spec}


def _kubelets() -> list[Values]:
    """Scrape the kubelets directly, under the job and labels that the chart's rules and dashboards expect."""
    return [_kubelet("kubelet", "/metrics"), _kubelet("cadvisor", "/metrics/cadvisor")]


def _kubelet(job: str, path: str) -> Values:
    return {
        "job_name": f"node-{job}",
        "scheme": "https",
        "metrics_path": path,
        "honor_timestamps": False,
        "honor_labels": True,
        "authorization": {"credentials_file": f"{_TOKEN}/token"},
        # Kubelets commonly serve self-signed certificates.
        "tls_config": {"insecure_skip_verify": True},
        "kubernetes_sd_configs": [{"role": "node"}],
        "relabel_configs": [
            {"target_label": "job", "replacement": "kubelet"},
            {"source_labels": ["__metrics_path__"], "target_label": "metrics_path"},
            {"source_labels": ["__meta_kubernetes_node_name"], "target_label": "node"},
        ],
    }


def _alertmanager(settings: Settings) -> Values:
    return {
        "enabled": settings.alertmanager_enabled,
        "alertmanagerSpec": {"resources": _size(settings, "alertmanager"), "retention": settings.prometheus_retention},
    }


def _grafana(settings: Settings, namespace: pulumi.Input[str], secret: str) -> Values:
    return {
        "enabled": settings.grafana_enabled,
        "admin": {"existingSecret": secret, "userKey": "username", "passwordKey": "password"},
        "resources": _size(settings, "grafana"),
        # Of all namespaces by default: two stacks would show each other's dashboards.
        "sidecar": {"resources": _size(settings, "sidecar"), "dashboards": {"searchNamespace": namespace}},
        "testFramework": {"enabled": False},
        "initChownData": {"enabled": False},
    }


def _node_exporter(settings: Settings) -> Values:
    return {
        # A port of every node: two stacks in one cluster need different ones.
        "service": {"port": settings.node_exporter_port, "targetPort": settings.node_exporter_port},
        "resources": _size(settings, "node-exporter"),
    }
