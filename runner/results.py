"""The results document (``results.json``): everything a run measured, and nothing secret.

Every duration is in seconds, every moment in seconds since the epoch (UTC), every size in bytes.
``results.schema.json`` beside this module is generated from it.
"""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION: Literal["1"] = "1"
SCHEMA_FILE = Path(__file__).with_name("results.schema.json")


class Model(BaseModel):
    """Frozen and closed."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)


class Verdict(StrEnum):
    """What a check, an experiment or the whole run comes to."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    SKIPPED = "SKIPPED"


class Evidence(Model):
    """One exchange: what was sent, what came back."""

    sent: str
    received: str


class CheckResult(Model):
    """One functionality check. ``reason`` says why it failed or was skipped."""

    name: str
    engine: str
    description: str
    status: Verdict
    seconds: float
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""


class QueryResult(Model):
    """One TPC-H query on one engine.

    ``seconds`` holds the timed iterations in order, ``warmup_seconds`` those before (the first of them is cold),
    ``engine_seconds`` the engine's own timing of each iteration where it tells. ``valid`` is true only when
    *every* answer, warm-ups included, equalled the oracle's.
    """

    engine: str
    query: int
    seconds: tuple[float, ...]
    warmup_seconds: tuple[float, ...] = ()
    engine_seconds: tuple[float | None, ...] = ()
    rows: int | None = None
    valid: bool
    problem: str = ""


class LoadingResult(Model):
    """Time to load the data set into one engine."""

    engine: str
    seconds: float
    rows: dict[str, int]
    reused: bool


class Benchmark(Model):
    """The TPC-H power runs of one engine. Derived from TPC-H; not comparable to published TPC-H results."""

    engine: str
    title: str
    scale_factor: float
    oracle: str
    loading: LoadingResult | None
    queries: tuple[QueryResult, ...]
    geometric_mean_seconds: float | None


class Percentiles(Model):
    """Latency in seconds; ``None`` where nothing was measured."""

    count: int
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    p999: float | None = None
    max: float | None = None


class Answers(Model):
    """What became of the statements clients sent."""

    ok: int = 0
    failed: int = 0
    wrong: int = 0
    unknown: int = 0


class LoadResult(Model):
    """One open-loop load run.

    ``corrected`` counts latency from the intended start, ``uncorrected`` from the actual one: the gap between the two
    is what coordinated omission would have hidden. ``curve`` holds (percentile, seconds) of the corrected histogram.
    """

    engine: str
    rate_per_second: float
    duration_seconds: float
    offered: int
    sent: int
    dropped: int
    answers: Answers
    errors: dict[str, int] = {}
    achieved_per_second: float
    corrected: Percentiles
    uncorrected: Percentiles
    curve: tuple[tuple[float, float], ...] = ()
    mix: dict[str, int] = {}
    problems: tuple[str, ...] = ()


class Injection(Model):
    """When the fault was put in and taken out, and what proves each."""

    confirmed: bool
    started_at: float | None = None
    confirmed_at: float | None = None
    reverted_at: float | None = None
    proof: str = ""
    revert_confirmed: bool = False
    revert_proof: str = ""


class Durability(Model):
    """What became of the inserts of unique keys that ran during one experiment; each was tried once.

    As their clients saw it: ``acknowledged`` (the engine answered that it had them), ``refused`` (it answered with an
    error, or there was no connection to send them on) and ``unknown`` (the connection broke or the deadline passed: may
    have been written or not). The other counts come of reading all keys back once the engine was steady again, and are
    ``None``, with the ``reason``, where that was not possible: ``lost`` acknowledged keys are not there, ``duplicated``
    keys are there more than once, ``unexpected`` keys were never sent: each of them fails the experiment. Of the
    unknown ``unknown_written`` are there and the rest are not; of the refused ``refused_but_written`` are there.
    """

    acknowledged: int
    refused: int
    unknown: int
    lost: int | None = None
    duplicated: int | None = None
    unknown_written: int | None = None
    refused_but_written: int | None = None
    unexpected: int | None = None
    reason: str = ""

    @property
    def broken(self) -> int | None:
        """Keys that are not there exactly once although they should be, or there although they should not."""
        if self.lost is None or self.duplicated is None or self.unexpected is None:
            return None
        return self.lost + self.duplicated + self.unexpected


class Sample(Model):
    """One probe attempt, times relative to the experiment's start."""

    at: float
    latency: float
    outcome: Literal["ok", "failed", "wrong", "unknown"]
    error: str = ""


class KubernetesComparison(Model):
    """What clients saw against what Kubernetes said, from the start of the injection on.

    ``failing_seconds``: clients failed although Kubernetes said ready (gray failure); ``longest_seconds`` of it in one
    piece, which began ``longest_at_seconds`` from the confirmed injection. ``unready_seconds``: Kubernetes said not
    ready, and ``served_seconds`` of it clients were served. ``unobserved_seconds``: the watch was cut; part of none of
    these. ``ready_gap_seconds``: the moment Kubernetes said ready again minus the moment clients were served again.
    ``all_ready_seconds``: every wanted pod was Ready again, from the confirmed injection.
    """

    failing_seconds: float
    longest_seconds: float
    longest_at_seconds: float | None = None
    unready_seconds: float
    served_seconds: float
    unobserved_seconds: float
    ready_gap_seconds: float | None = None
    all_ready_seconds: float | None = None


class KubernetesView(Model):
    """Kubernetes' own view of the engine during one experiment, watched; stretches relative to the experiment's start.

    ``ready``: the engine's Service had a ready endpoint that was not about to end. ``all_pods_ready``: every wanted pod
    was Ready. ``not_observed``: the watch was cut. ``not_measured`` says why nothing could be watched, or is empty.
    ``compared`` is there when the injection was confirmed.
    """

    not_measured: str = ""
    ready: tuple[tuple[float, float], ...] = ()
    all_pods_ready: tuple[tuple[float, float], ...] = ()
    not_observed: tuple[tuple[float, float], ...] = ()
    compared: KubernetesComparison | None = None


class Experiment(Model):
    """One fault on one component of one engine. Measures are ``None`` where they could not be taken.

    ``rto_censored`` means: not recovered within the limit, so ``rto_seconds`` is a lower bound.
    ``window`` is (injection started, reverted) relative to the experiment's start: the shaded band. ``answers`` counts
    probes and background workload together, ``probe_answers`` the probes alone. ``durability`` is ``None`` where
    the engine keeps no written data, and where nothing was carried out; ``kubernetes`` on a target without it.
    """

    name: str
    fault: str
    kind: Literal["service", "pod", "node", "network", "storage"]
    engine: str
    component: str
    description: str
    verdict: Verdict
    reason: str = ""
    started_at: float
    duration_seconds: float
    injection: Injection
    window: tuple[float, float] | None = None
    probe_period_seconds: float
    probe_deadline_seconds: float
    steady_before: bool | None = None
    steady_after: bool | None = None
    detection_seconds: float | None = None
    unavailable_seconds: float | None = None
    availability: float | None = None
    rto_seconds: float | None = None
    rto_uncertainty_seconds: float | None = None
    rto_censored: bool = False
    full_capacity_seconds: float | None = None
    answers: Answers
    probe_answers: Answers = Answers()
    errors: dict[str, int] = {}
    latency_before: Percentiles = Percentiles(count=0)
    latency_during: Percentiles = Percentiles(count=0)
    latency_after: Percentiles = Percentiles(count=0)
    samples: tuple[Sample, ...] = ()
    durability: Durability | None = None
    kubernetes: KubernetesView | None = None


class ScalingStep(Model):
    """One step of a scaling: ``seconds`` from what started the way, ``None`` when it did not come in time."""

    way: Literal["out", "in"]
    name: str
    seconds: float | None


class Scaling(Model):
    """One change of size and back: by an autoscaler under load, by hand, or in place.

    ``out`` is measured from the load or the request on, ``in`` from the load's end or the request back on. ``answers``
    and ``latency`` are those of the checked load, apart for the time before, the way out and the way in; a failed
    answer on the way in means that what was taken away had not finished its work.
    """

    name: str
    engine: str
    component: str
    description: str
    verdict: Verdict
    reason: str = ""
    started_at: float
    duration_seconds: float
    before: str = ""
    after: str = ""
    rate_per_second: float | None = None
    steps: tuple[ScalingStep, ...] = ()
    evidence: tuple[str, ...] = ()
    answers_before: Answers = Answers()
    answers_out: Answers = Answers()
    answers_in: Answers = Answers()
    errors: dict[str, int] = {}
    latency_before: Percentiles = Percentiles(count=0)
    latency_out: Percentiles = Percentiles(count=0)
    latency_in: Percentiles = Percentiles(count=0)


class SloResult(Model):
    """One objective against what was measured."""

    objective: str
    subject: str
    limit: str
    measured: str
    verdict: Verdict


class EngineEnvironment(Model):
    """One engine as it was measured."""

    kind: str
    title: str
    version: str
    address: str


class Spread(Model):
    """A median with its quartiles and the largest value, in seconds."""

    median: float
    low: float
    high: float
    largest: float


class TransportOverhead(Model):
    """What the way to one engine takes, measured when the target was opened.

    Both hold the engine's own share of answering its health endpoint, so they bound the transport's from above.

    Attributes:
        engine: its kind.
        rounds: requests of each sort.
        connect: a request over a connection of its own: TCP, TLS where the engine has it, first bytes of the answer.
        round_trip: a request over a connection that is open.
    """

    engine: str
    rounds: int
    connect: Spread
    round_trip: Spread


class Environment(Model):
    """Where the run took place: machine, versions, transport. Nothing secret, no user names, no paths."""

    started_at: float
    duration_seconds: float
    runner_version: str
    seed: int
    scale_factor: float
    platform: str
    python: str
    cpus: int
    memory_bytes: int
    transport: str
    transport_overheads: tuple[TransportOverhead, ...] = ()
    engines: tuple[EngineEnvironment, ...]
    packages: dict[str, str] = {}
    timings: dict[str, float] = {}
    notes: tuple[str, ...] = ()


class Results(Model):
    """The whole run."""

    schema_version: Literal["1"] = Field(default=SCHEMA_VERSION, alias="schemaVersion")
    target: str
    command: str
    environment: Environment
    checks: tuple[CheckResult, ...] = ()
    benchmarks: tuple[Benchmark, ...] = ()
    loads: tuple[LoadResult, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    scalings: tuple[Scaling, ...] = ()
    slo: tuple[SloResult, ...] = ()
    verdict: Verdict
    summary: str = ""

    def to_json(self) -> str:
        """The document as it is written."""
        return self.model_dump_json(by_alias=True, indent=1) + "\n"


def json_schema() -> str:
    """JSON Schema (2020-12) of the document, as kept in ``results.schema.json``."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Results.model_json_schema(by_alias=True),
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
