"""Options that name the commands by which nodes are broken and mended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from runner.errors import BadInput
from targets.kubernetes.node_means import NodeAction
from targets.kubernetes.nodecommands import KUBELET, LOSS, NETWORK

F = TypeVar("F", bound=Callable[..., Any])

# Parameter to (action, whether it begins it, help).
NODE_COMMANDS = {
    "node_stop": (LOSS, True, "Powers a node off"),
    "node_start": (LOSS, False, "Powers it on"),
    "kubelet_stop": (KUBELET, True, "Stops a node's kubelet"),
    "kubelet_start": (KUBELET, False, "Starts it"),
    "node_cut": (NETWORK, True, "Cuts a node off from the network"),
    "node_heal": (NETWORK, False, "Connects it again"),
}


def node_actions(commands: Mapping[str, str | None]) -> tuple[NodeAction, ...]:
    """The actions that the options of ``NODE_COMMANDS`` make.

    Raises:
        BadInput: a command has no place for the node, or breaks what none mends.
    """
    found: dict[str, dict[bool, str]] = {}
    for parameter, (action, begins, _) in NODE_COMMANDS.items():
        if command := commands.get(parameter):
            if "{node}" not in command:
                raise BadInput(
                    f"{_option(parameter)} {command!r} does not say which node: put {{node}} where its name goes"
                )
            found.setdefault(action, {})[begins] = command
    for action, both in found.items():
        if False not in both:
            mends = next(name for name, (of, begins, _) in NODE_COMMANDS.items() if of == action and not begins)
            raise BadInput(f"what breaks a node needs what mends it: give {_option(mends)}, too")
    return tuple(NodeAction(name, both.get(True, ""), both[False]) for name, both in found.items())


def _option(parameter: str) -> str:
    return f"--{parameter.replace('_', '-')}"


def node_command_options(*, mending_only: bool = False) -> Callable[[F], F]:
    """Add the options of ``NODE_COMMANDS`` to a verb."""

    def add(function: F) -> F:
        for parameter, (_, begins, text) in reversed(NODE_COMMANDS.items()):
            if not (begins and mending_only):
                function = click.option(
                    _option(parameter),
                    default=None,
                    metavar="COMMAND",
                    help=f"{text}; {{node}} stands for its name.",
                )(function)
        return function

    return add
