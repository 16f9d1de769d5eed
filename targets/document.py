"""A target over whatever endpoints an outputs document names, also ones this runner did not start."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from engines import Engine, engine_kinds
from targets.base import BadOutputs, Target, TargetError
from targets.contract import SCHEMA_VERSION, EngineOutput, Outputs, SecretRef
from targets.embedded import instance as instances
from targets.embedded.paths import target_directory
from targets.embedded.target import EmbeddedMeans
from targets.endpoints import adapter, endpoint

CONNECT_SECONDS = 5.0

M = TypeVar("M")


def load_outputs(path: Path) -> Outputs:
    """Read and check an outputs document. Files it refers to by a relative path lie beside it.

    Raises:
        BadOutputs: it is missing, not JSON, of another version, or not such a document.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise BadOutputs(f"outputs document {path}: {(problem.strerror or str(problem)).lower()}") from None
    except ValueError as problem:
        raise BadOutputs(f"outputs document {path} is not JSON: {problem}") from None
    return _anchored(parse_outputs(document, f"outputs document {path}"), path.absolute().parent)


def parse_outputs(document: object, what: str, *, remedy: str = "") -> Outputs:
    """Check a parsed outputs document.

    Args:
        document: what the JSON held.
        what: the document's name in complaints.
        remedy: what helps when it is of another version.

    Raises:
        BadOutputs: it is of another version, or not such a document.
    """
    if not isinstance(document, dict):
        raise BadOutputs(f"{what} is not a JSON object")
    version = document.get("schemaVersion")
    if version != SCHEMA_VERSION:
        given = "no schemaVersion" if version is None else f"schemaVersion {version!r}"
        advice = f"; {remedy}" if remedy else ""
        raise BadOutputs(f'{what} has {given}; this runner reads "{SCHEMA_VERSION}"{advice}')
    try:
        return Outputs.model_validate(document)
    except ValidationError as problem:
        raise BadOutputs(f"{what}: {_first(problem)}") from None


def _first(problem: ValidationError) -> str:
    """The first complaint in one line, without the value (it might be a password put in the wrong place)."""
    error = problem.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in error["loc"]) or "document"
    more = f" (and {problem.error_count() - 1} more)" if problem.error_count() > 1 else ""
    return f"{where}: {error['msg'].removeprefix('Value error, ')}{more}"


def _anchored(outputs: Outputs, directory: Path) -> Outputs:
    def anchor(reference: SecretRef | None) -> SecretRef | None:
        if reference is None or reference.file is None:
            return reference
        return SecretRef(file=str(directory / reference.file))

    engines = tuple(
        engine.model_copy(update={"password": anchor(engine.password), "ca": anchor(engine.ca)})
        for engine in outputs.engines
    )
    return outputs.model_copy(update={"engines": engines})


def only_engines(outputs: Outputs, engines: tuple[str, ...] | None) -> Outputs:
    """The document with these engine kinds alone, in this order; all of the document's without them.

    Raises:
        BadOutputs: an engine is not in the document, or of a kind that nothing here speaks to.
    """
    there = {engine.kind: engine for engine in outputs.engines}
    wanted = tuple(there) if engines is None else engines
    for kind in wanted:
        if kind not in there:
            raise BadOutputs(f"the outputs document has no engine {kind}; it has {', '.join(there)}")
        if kind not in engine_kinds():
            raise BadOutputs(f"the outputs document's engine {kind} is not one of {', '.join(engine_kinds())}")
    return outputs.model_copy(update={"engines": tuple(there[kind] for kind in wanted)})


class ExternalTarget(Target):
    """Engines that something else runs, reached directly.

    It has no means for faults, except when the document is that of an embedded instance of this user that runs.

    Args:
        outputs: the document.
        engines: kinds in use; all of the document's without it.

    Raises:
        BadOutputs: an engine is not in the document, or of a kind that nothing here speaks to.
    """

    def __init__(self, outputs: Outputs, engines: tuple[str, ...] | None = None) -> None:
        self.outputs = only_engines(outputs, engines)
        self._instance: instances.Instance | None = None

    @property
    def name(self) -> str:
        """See ``Target.name``."""
        return "embedded" if self.outputs.target == "embedded" else self.outputs.stack

    @property
    def transport(self) -> str:
        """See ``Target.transport``."""
        return "local TCP proxy" if self._instance else "direct"

    @property
    def state_directory(self) -> Path:
        """See ``Target.state_directory``: of the instance, or one of this user for this document's endpoints."""
        if self._instance is not None:
            return self._instance.run.directory
        addresses = " ".join(sorted(f"{engine.host}:{engine.port}" for engine in self.outputs.engines))
        return target_directory(self.outputs.target, addresses)

    def means(self, protocol: type[M]) -> M | None:
        """See ``Target.means``."""
        if self._instance is None:
            return None
        means = EmbeddedMeans(self._instance)
        return means if isinstance(means, protocol) else None

    def open(self) -> None:
        """Take the embedded instance if the document is that of one, else check that every endpoint answers.

        An instance's supervisor is asked instead of its endpoints: a fault that has to be reverted may close those.
        """
        if self.outputs.target == "embedded":
            self._instance = _taken(self.outputs.stack)
            return
        for output in self.outputs.engines:
            _require_reachable(output)

    def close(self) -> None:
        """Give the instance back; the engines go on."""
        if self._instance is not None:
            self._instance.release()
            self._instance = None

    def engines(self) -> Sequence[Engine]:
        """See ``Target.engines``."""
        return [adapter(output) for output in self.outputs.engines]


def _taken(stack: str) -> instances.Instance:
    instance = instances.find(stack)
    if instance is None:
        raise TargetError(
            f"the embedded instance {stack} does not run any more; start one with: python -m runner embedded up"
        )
    instance.use = instance.run.use()
    if instance.use is None:
        raise TargetError(f"the embedded instance {stack} is in use by another run; wait for it, or start your own")
    return instance


def _require_reachable(output: EngineOutput) -> None:
    where = endpoint(output)
    try:
        socket.create_connection((where.host, where.port), CONNECT_SECONDS).close()
    except OSError as problem:
        why = (problem.strerror or str(problem) or type(problem).__name__).lower()
        raise TargetError(
            f"{output.kind} at {where.host}:{where.port} cannot be reached ({why}); check that it runs and that host "
            "and port in the outputs document are right"
        ) from None
