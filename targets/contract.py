"""The outputs document: the one contract between the stack that provisions and the runner that measures.

The Pulumi program exports it, the embedded target writes it, people may write it by hand for engines that
something else runs. Both sides validate against this model; ``outputs.schema.json`` beside it is generated.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

SCHEMA_VERSION: Literal["1"] = "1"
SCHEMA_FILE = Path(__file__).with_name("outputs.schema.json")

TEST_ALERT = "QueryEngineReliabilityTest"
"""Name of the alert that is sent to see whether alerts arrive; Alertmanager routes it to ``RECEIVER`` alone."""
RECEIVER, RECEIVER_PORT = "alert-receiver", 9095
"""Name of Alertmanager's receiver for it, and of the Service in ``runner_namespace`` that is sent to, with its port."""

Name = Annotated[str, Field(min_length=1, max_length=253)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Model(BaseModel):
    """Frozen, closed, camelCase on the wire."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        alias_generator=lambda name: name.split("_")[0] + "".join(p.title() for p in name.split("_")[1:]),
    )


class SecretRef(Model):
    """Where a secret is kept; never the secret itself. Exactly one of the three places.

    ``namespace``/``name``/``key`` name a key of a Kubernetes Secret, ``file`` a file that holds only the value,
    ``env`` an environment variable of the runner.
    """

    namespace: Name | None = None
    name: Name | None = None
    key: Name | None = None
    file: Name | None = None
    env: Name | None = None

    @model_validator(mode="after")
    def _one_place(self) -> SecretRef:
        kubernetes = (self.namespace, self.name, self.key)
        places = [all(kubernetes), self.file is not None, self.env is not None]
        if places.count(True) != 1 or (any(kubernetes) and not all(kubernetes)):
            raise ValueError("give either namespace, name and key (a Kubernetes Secret), or file, or env")
        return self


class Workload(Model):
    """What runs an engine, for faults: a Kubernetes controller, or the local processes standing in for one."""

    role: Name  # coordinator, worker, server
    kind: Literal["Deployment", "StatefulSet", "Process"]
    name: Name
    replicas: Annotated[int, Field(ge=0)]
    labels: dict[str, str] = {}


class EngineOutput(Model):
    """One engine: what it is, where it answers, as whom, and what runs it.

    ``host`` is an address the runner can connect to directly; without it the runner reaches ``service`` in
    ``namespace`` through its transport (port-forward, NodePort or cluster DNS).
    """

    kind: Name
    title: Name
    version: Name
    namespace: Name
    service: Name
    port: Port
    scheme: Literal["http", "https"]
    user: Name
    password: SecretRef | None = None
    ca: SecretRef | None = None
    host: Name | None = None
    node_port: Port | None = None
    catalogs: tuple[Name, ...] = ()
    data_directory: Name | None = None
    workloads: tuple[Workload, ...] = ()


class MonitoringOutput(Model):
    """One part of the monitoring stack (prometheus, alertmanager, grafana, ...)."""

    part: Name
    namespace: Name
    service: Name
    port: Port
    scheme: Literal["http", "https"] = "http"
    user: Name | None = None
    password: SecretRef | None = None


class Outputs(Model):
    """The whole document.

    ``kube_context`` is the kubeconfig context that the stack was made in, where its configuration names one: the runner
    then uses no other. ``runner_namespace`` holds ``runner_service_account`` and the lock against a second runner.
    ``runner_image`` is the image of the runner when it runs in the cluster.
    """

    schema_version: Literal["1"] = SCHEMA_VERSION
    target: Literal["embedded", "kubernetes", "external"]
    stack: Name
    namespaces: tuple[Name, ...] = ()
    engines: tuple[EngineOutput, ...] = Field(min_length=1)
    monitoring: tuple[MonitoringOutput, ...] = ()
    faults_namespace: Name | None = None
    faults_image: Name | None = None
    runner_namespace: Name | None = None
    runner_service_account: Name | None = None
    runner_image: Name | None = None
    kube_context: Name | None = None

    @model_validator(mode="after")
    def _engines_are_distinct(self) -> Outputs:
        kinds = [engine.kind for engine in self.engines]
        if len(kinds) != len(set(kinds)):
            raise ValueError("an engine kind is listed twice")
        return self

    def to_json(self) -> str:
        """The document as it is exported."""
        return self.model_dump_json(by_alias=True, exclude_none=True, indent=2)


def json_schema() -> str:
    """JSON Schema (2020-12) of the document, as kept in ``outputs.schema.json``."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Outputs.model_json_schema(by_alias=True),
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
