"""The results document (``results.json``): everything a run measured, and nothing secret.

Every duration is in seconds, every moment in seconds since the epoch (UTC), every size in bytes.
``runner/results.schema.json`` is generated from it.
"""

from runner.results.alerts import AlertSeen, AlertsView, ExpectedAlert
from runner.results.base import Model, Verdict
from runner.results.checks import CheckResult, Evidence
from runner.results.document import SCHEMA_FILE, SCHEMA_VERSION, Results, SloResult, json_schema
from runner.results.engine_metrics import EngineMetrics, MetricSeries
from runner.results.environment import EngineEnvironment, Environment, Spread, TransportOverhead
from runner.results.experiments import Durability, Experiment, Injection, KubernetesComparison, KubernetesView, Sample
from runner.results.load import (
    Answers,
    Generator,
    Histograms,
    LoadResult,
    Percentiles,
    SaturationResult,
    SaturationStep,
)
from runner.results.scaling import Scaling, ScalingStep
from runner.results.tpch import (
    Benchmark,
    EngineStatistics,
    Interval,
    LoadingResult,
    QueryResult,
    RefreshRun,
    Restart,
    Stream,
    StreamQuery,
    Throughput,
)

__all__ = [
    "SCHEMA_FILE",
    "SCHEMA_VERSION",
    "AlertSeen",
    "AlertsView",
    "Answers",
    "Benchmark",
    "CheckResult",
    "Durability",
    "EngineEnvironment",
    "EngineMetrics",
    "EngineStatistics",
    "Environment",
    "Evidence",
    "ExpectedAlert",
    "Experiment",
    "Generator",
    "Histograms",
    "Injection",
    "Interval",
    "KubernetesComparison",
    "KubernetesView",
    "LoadResult",
    "LoadingResult",
    "MetricSeries",
    "Model",
    "Percentiles",
    "QueryResult",
    "RefreshRun",
    "Restart",
    "Results",
    "Sample",
    "SaturationResult",
    "SaturationStep",
    "Scaling",
    "ScalingStep",
    "SloResult",
    "Spread",
    "Stream",
    "StreamQuery",
    "Throughput",
    "TransportOverhead",
    "Verdict",
    "json_schema",
]
