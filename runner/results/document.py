"""The whole document of a run, and its JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import Field

from benchmarks.calibration.document import Calibration
from runner.results.base import Model, Verdict
from runner.results.checks import CheckResult
from runner.results.environment import Environment
from runner.results.experiments import Experiment
from runner.results.load import LoadResult, SaturationResult
from runner.results.scaling import Scaling
from runner.results.tpch import Benchmark, Throughput

SCHEMA_VERSION: Literal["1"] = "1"
SCHEMA_FILE = Path(__file__).parent.with_name("results.schema.json")


class SloResult(Model):
    """One objective against what was measured."""

    objective: str
    subject: str
    limit: str
    measured: str
    verdict: Verdict


class Results(Model):
    """The whole run."""

    schema_version: Literal["1"] = Field(default=SCHEMA_VERSION, alias="schemaVersion")
    target: str
    command: str
    environment: Environment
    checks: tuple[CheckResult, ...] = ()
    benchmarks: tuple[Benchmark, ...] = ()
    throughputs: tuple[Throughput, ...] = ()
    loads: tuple[LoadResult, ...] = ()
    saturations: tuple[SaturationResult, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    scalings: tuple[Scaling, ...] = ()
    calibration: Calibration | None = None
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
