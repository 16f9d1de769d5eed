"""From ``--target`` to a target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from runner.errors import BadInput
from targets.base import Target
from targets.contract import Outputs
from targets.document import ExternalTarget, load_outputs
from targets.embedded.config import ENGINES, EmbeddedConfig
from targets.embedded.paths import state_directory
from targets.embedded.target import EmbeddedTarget
from targets.kubernetes import KubernetesTarget
from targets.kubernetes.node_means import NodeAction
from targets.kubernetes.nodecommands import ShellNodeCommands
from targets.kubernetes.stack import stack_outputs
from targets.kubernetes.transport import AUTO

EMBEDDED = "embedded"
STACK = "stack"


def open_target(
    spec: str,
    *,
    engines: tuple[str, ...] | None,
    config: EmbeddedConfig | None = None,
    transport: str = AUTO,
    node_actions: Sequence[NodeAction] = (),
) -> Target:
    """The target that a specification names, not yet opened.

    Args:
        spec: ``embedded``, ``stack``, ``stack:NAME``, or the path of an outputs document.
        engines: kinds in use; all of the target's without it.
        config: of the embedded target; its engines are replaced by ``engines`` where given.
        transport: how a stack's engines are reached, one of ``targets.kubernetes.transport.CHOICES``.
        node_actions: commands that break and mend nodes of a stack's cluster.

    Raises:
        BadInput: a transport or a node command is given for a target that has none to choose.
        BadOutputs: the document is not one, or lacks an engine.
        TargetError: the settings do not make a target.
    """
    outputs = None if spec == EMBEDDED else read_outputs(spec)
    if outputs is not None and outputs.target == "kubernetes":
        commands = [ShellNodeCommands(node_actions, state_directory() / "nodes")] if node_actions else []
        return KubernetesTarget(outputs, engines, transport=transport, further=commands)
    if transport != AUTO:
        raise BadInput(f"--transport {transport} is for engines on Kubernetes, which --target {spec} does not name")
    if node_actions:
        raise BadInput(f"commands for nodes are for engines on Kubernetes, which --target {spec} does not name")
    if outputs is not None:
        return ExternalTarget(outputs, engines)
    return EmbeddedTarget(replace(config or EmbeddedConfig(), engines=engines or ENGINES))


def read_outputs(spec: str) -> Outputs:
    """The outputs document that a specification other than ``embedded`` names.

    Raises:
        BadOutputs, TargetError: there is none that this runner reads.
    """
    word, _, name = spec.partition(":")
    if word == STACK:
        return stack_outputs(name or None)
    return load_outputs(Path(spec))
