"""From an engine in the outputs document to something that answers."""

from __future__ import annotations

import os
from pathlib import Path

from engines import Endpoint, Engine, engine_class
from targets.base import TargetError
from targets.contract import EngineOutput, SecretRef


def adapter(output: EngineOutput) -> Engine:
    """The adapter for one engine of the document, connected to its ``host`` and ``port``.

    Raises:
        TargetError: a secret cannot be read, the engine has no direct address, or nothing here speaks to that kind.
    """
    try:
        engine = engine_class(output.kind)
    except KeyError:
        raise TargetError(f"engine kind {output.kind} is not one this runner knows") from None
    return engine(endpoint(output))


def endpoint(output: EngineOutput) -> Endpoint:
    """Where and as whom to connect, secrets read."""
    if output.host is None:
        raise TargetError(
            f"{output.kind}: the document names no host that can be reached directly; add one (port {output.port})"
        )
    password = None if output.password is None else secret(output.password, f"{output.kind} password")
    ca_file = None if output.ca is None else _file(output.ca, f"{output.kind} CA certificate")
    return described(output, output.host, output.port, password, ca_file)


def described(output: EngineOutput, host: str, port: int, password: str | None, ca_file: Path | None) -> Endpoint:
    """An engine of the document at an address, with secrets that were read already."""
    return Endpoint(
        kind=output.kind,
        host=host,
        port=port,
        scheme=output.scheme,
        user=output.user,
        password=password,
        ca_file=ca_file,
        catalogs=output.catalogs,
        data_directory=None if output.data_directory is None else Path(output.data_directory),
        expected_nodes=sum(workload.replicas for workload in output.workloads) or 1,
    )


def secret(reference: SecretRef, what: str) -> str:
    """The secret's value.

    Raises:
        TargetError: it is not there, or kept where it cannot be read from here.
    """
    if reference.env is not None:
        value = os.environ.get(reference.env)
        if not value:
            raise TargetError(f"{what}: environment variable {reference.env} is not set")
        return value
    path = _file(reference, what)
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError):
        raise TargetError(f"{what}: cannot read {path}; check that it exists and is yours") from None


def _file(reference: SecretRef, what: str) -> Path:
    if reference.file is None:
        place = f"Secret {reference.namespace}/{reference.name}" if reference.name else f"variable {reference.env}"
        raise TargetError(f"{what}: it is kept in {place}; put it in a file and name that in the document")
    path = Path(reference.file)
    if not path.is_file():
        raise TargetError(f"{what}: no file {path}")
    return path
