"""The results document (``results.json``): everything a run measured, and nothing secret.

Every duration is in seconds, every moment in seconds since the epoch (UTC), every size in bytes.
``runner/results.schema.json`` is generated from it.
"""

from runner.results.alerts import AlertSeen, AlertsView, ExpectedAlert
from runner.results.base import Model, Verdict
from runner.results.checks import CheckResult, Evidence
from runner.results.document import SCHEMA_FILE, SCHEMA_VERSION, Results, SloResult, json_schema
from runner.results.environment import EngineEnvironment, Environment, Spread, TransportOverhead
from runner.results.experiments import Durability, Experiment, Injection, KubernetesComparison, KubernetesView, Sample
from runner.results.load import Answers, LoadResult, Percentiles
from runner.results.scaling import Scaling, ScalingStep
from runner.results.tpch import Benchmark, LoadingResult, QueryResult

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
    "Environment",
    "Evidence",
    "ExpectedAlert",
    "Experiment",
    "Injection",
    "KubernetesComparison",
    "KubernetesView",
    "LoadResult",
    "LoadingResult",
    "Model",
    "Percentiles",
    "QueryResult",
    "Results",
    "Sample",
    "Scaling",
    "ScalingStep",
    "SloResult",
    "Spread",
    "TransportOverhead",
    "Verdict",
    "json_schema",
]
