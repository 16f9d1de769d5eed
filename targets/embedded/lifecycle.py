"""An embedded instance that outlives its runner: what ``python -m runner embedded up|down|status`` does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from targets.base import MeansError, TargetError
from targets.embedded import instance as instances
from targets.embedded.config import EmbeddedConfig
from targets.embedded.messages import Status
from targets.embedded.plan import OUTPUTS_FILE

_started: dict[Path, instances.Instance] = {}
"""What this very process has started, by its directory: children that have to be waited for when they end first."""


@dataclass(frozen=True, slots=True)
class KeptInstance:
    """A running instance: its name, its outputs document (for ``--target``), what its supervisor says."""

    name: str
    document: Path
    status: Status


def up(config: EmbeddedConfig) -> KeptInstance:
    """Start an instance that keeps running, or find the one that already does.

    Raises:
        TargetError: it cannot be started, or one with other settings is running.
    """
    for there in status():
        instance = instances.find(there.name)
        if instance is not None and instance.serves(config):
            return there
        raise TargetError("an embedded instance with other settings is running; end it first: runner embedded down")
    instance = instances.start(replace(config, keep=True))
    _started[instance.run.directory] = instance
    return _described(instance)


def down() -> int:
    """End every kept instance and wait until nothing of it is left; returns how many there were.

    Raises:
        TargetError: one does not end.
    """
    kept = instances.kept()
    for instance in kept:
        instances.end(instance)
        child = _started.pop(instance.run.directory, None)
        if child is not None:
            child.release()
    return len(kept)


def status() -> list[KeptInstance]:
    """The kept instances that answer."""
    found = []
    for instance in instances.kept():
        try:
            found.append(_described(instance))
        except MeansError:  # it is just starting, or ending
            continue
    return found


def _described(instance: instances.Instance) -> KeptInstance:
    directory = instance.run.directory
    return KeptInstance(directory.name, directory / OUTPUTS_FILE, instance.status())
