"""The engines' containers, as the cluster sees them: out of memory, restarted again and again."""

from __future__ import annotations

from components.rules.model import Alert, Group, Rule
from components.rules.scope import Scope

# The JVM's exit status under -XX:+ExitOnOutOfMemoryError.
JVM_OUT_OF_MEMORY = 3
RESTARTS = 3


def group(scope: Scope) -> Group:
    """All rules on containers."""
    return Group("containers", _alerts(scope))


def _alerts(scope: Scope) -> tuple[Rule, ...]:
    ended, same = "kube_pod_container_status_last_terminated", "on (namespace, pod, container)"
    restarted = f"increase(kube_pod_container_status_restarts_total{{{scope.both}}}[10m]) > 0"
    killed = f'max by (namespace, pod, container) ({ended}_reason{{{scope.both},reason="OOMKilled"}}) == 1'
    left = f"max by (namespace, pod, container) ({ended}_exitcode{{{scope.both}}}) == {JVM_OUT_OF_MEMORY}"
    return (
        Alert(
            "EngineOutOfMemory",
            f"(({killed}) or ({left})) and {same} ({restarted})",
            "0s",
            "critical",
            "Container {{ $labels.container }} of {{ $labels.pod }} ended because it was out of memory.",
            "The kernel killed it at its memory limit, or its JVM ended itself for want of heap.",
        ),
        Alert(
            "EngineRestarting",
            f"increase(kube_pod_container_status_restarts_total{{{scope.both}}}[15m]) >= {RESTARTS}",
            "0s",
            "warning",
            "Container {{ $labels.container }} of {{ $labels.pod }} was restarted three times in 15 minutes.",
            "It ends by itself, fails its liveness probe, or cannot start.",
        ),
    )
