"""Engines on Kubernetes, reached from outside the cluster."""

from targets.kubernetes.target import KubernetesTarget

__all__ = ["KubernetesTarget"]
