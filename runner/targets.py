"""From ``--target`` to a target."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from targets.base import Target
from targets.document import ExternalTarget, load_outputs
from targets.embedded.config import ENGINES, EmbeddedConfig
from targets.embedded.target import EmbeddedTarget
from targets.kubernetes import KubernetesTarget

EMBEDDED = "embedded"


def open_target(spec: str, *, engines: tuple[str, ...] | None, config: EmbeddedConfig | None = None) -> Target:
    """The target that a specification names, not yet opened.

    Args:
        spec: ``embedded``, or the path of an outputs document.
        engines: kinds in use; all of the target's without it.
        config: of the embedded target; its engines are replaced by ``engines`` where given.

    Raises:
        BadOutputs: the document is not one, or lacks an engine.
        TargetError: the settings do not make a target.
    """
    if spec != EMBEDDED:
        outputs = load_outputs(Path(spec))
        return (KubernetesTarget if outputs.target == "kubernetes" else ExternalTarget)(outputs, engines)
    return EmbeddedTarget(replace(config or EmbeddedConfig(), engines=engines or ENGINES))
