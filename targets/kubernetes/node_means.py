"""What a fault may do to a whole node: commands of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class NodeAction:
    """A pair of shell commands for one kind of node failure; ``{node}`` stands for the node's name.

    Attributes:
        name: ``loss``, ``kubelet``, ``network``.
        begin: command that breaks the node.
        end: command that mends it; run twice it must do no harm.
    """

    name: str
    begin: str
    end: str


@runtime_checkable
class NodeCommands(Protocol):
    """Means: break and mend a node by configured shell commands, for what the API cannot do."""

    def actions(self) -> Mapping[str, NodeAction]:
        """What is configured, by name."""
        ...

    def begin(self, action: str, node: str, *, ttl: float) -> None:
        """Break the node. A detached process of this machine mends it after ``ttl`` seconds.

        Raises:
            MeansError: the command failed (its last line is in the message), or a node is broken already.
        """
        ...

    def end(self, action: str, node: str) -> None:
        """Mend the node; harmless when it is whole."""
        ...
