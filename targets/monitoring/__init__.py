"""The stack's monitoring over HTTP: Prometheus, Alertmanager, Grafana, each as its documented API has it."""

from targets.monitoring.http import MonitoringError, Part, part_of

__all__ = ["MonitoringError", "Part", "part_of"]
