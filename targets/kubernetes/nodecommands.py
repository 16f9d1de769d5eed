"""Nodes broken and mended by shell commands, for what the API cannot do: power, kubelet, network cable.

A command is a template in which ``{node}`` stands for the node's name. Before a node is broken, a detached process of
this machine is started that mends it after the TTL, whatever becomes of the runner; it ends as soon as the record of
the broken node, a file of this user's state directory, is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from targets.base import MeansError
from targets.kubernetes.node_means import NodeAction

LOSS, KUBELET, NETWORK = "loss", "kubelet", "network"
COMMAND_SECONDS = 120.0
WATCHDOG_SECONDS = 60.0  # until the watchdog has left this process
FORGOTTEN_SECONDS = 3600.0  # longer than a watchdog tries
RECORD = "broken-node.json"
_WATCHDOG = Path(__file__).with_name("nodewatch.py")
_TAIL = 300


@dataclass(frozen=True, slots=True)
class Broken:
    """The record of a node that is broken: by which action, what mends it, and when that is due at the latest."""

    action: str
    node: str
    end: str
    due: float  # seconds since the epoch


class ShellNodeCommands:
    """Implements ``NodeCommands``.

    Args:
        actions: what is configured; one without ``begin`` can only mend.
        directory: where the record is kept.
    """

    def __init__(self, actions: Iterable[NodeAction], directory: Path) -> None:
        self._actions = {action.name: action for action in actions}
        self._record = directory / RECORD

    def actions(self) -> Mapping[str, NodeAction]:
        """See ``NodeCommands.actions``."""
        return dict(self._actions)

    def begin(self, action: str, node: str, *, ttl: float) -> None:
        """See ``NodeCommands.begin``."""
        commands = self._actions.get(action)
        if commands is None or not commands.begin or not commands.end:
            raise MeansError(f"there are no commands for {action} of a node")
        end = _filled(commands.end, node)
        self._mend_forgotten()
        self._write(Broken(action, node, end, time.time() + ttl))
        try:
            self._watch()
            _run(_filled(commands.begin, node), f"the command that breaks {node}")
        except BaseException:
            # It may have done half of its work.
            with contextlib.suppress(MeansError):  # the watchdog goes on trying
                self.end(action, node)
            raise

    def end(self, action: str, node: str) -> None:
        """See ``NodeCommands.end``."""
        broken = self.broken()
        mine = broken is not None and (broken.action, broken.node) == (action, node)
        commands = self._actions.get(action)
        command = _filled(commands.end, node) if commands is not None and commands.end else ""
        if not command and broken is not None and mine:
            command = broken.end
        if not command:
            raise MeansError(f"there is no command that mends {node}; see the options that name one")
        _run(command, f"the command that mends {node}")
        if mine:
            self._record.unlink(missing_ok=True)

    def broken(self) -> Broken | None:
        """The node that is broken now, as far as this machine knows.

        Raises:
            MeansError: the record cannot be read.
        """
        try:
            return Broken(**json.loads(self._record.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise MeansError(
                f"{self._record} is no record of a broken node ({error}); see to it, then delete it"
            ) from None

    def _mend_forgotten(self) -> None:
        """Mend a node whose watchdog went with the machine."""
        broken = self.broken()
        if broken is not None and time.time() > broken.due + FORGOTTEN_SECONDS:
            _run(broken.end, f"the command that mends {broken.node}")
            self._record.unlink(missing_ok=True)

    def _write(self, broken: Broken) -> None:
        """Leave the record; it is taken by whoever makes it, so that one node is broken at a time."""
        try:
            self._record.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # A command may hold a token of a cloud's API.
            descriptor = os.open(self._record, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            other = self.broken()
            who = f"{other.node} ({other.action})" if other else "a node"
            raise MeansError(f"{who} is broken already, and one node at a time is enough; use recover first") from None
        except OSError as error:
            raise MeansError(f"cannot record the broken node in {self._record}: {error.strerror}") from None
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(
                {"action": broken.action, "node": broken.node, "end": broken.end, "due": broken.due},
                file,
            )
            file.flush()
            os.fsync(file.fileno())

    def _watch(self) -> None:
        """Start the process that mends the node when nobody else does."""
        try:
            subprocess.run(
                [sys.executable, "-I", str(_WATCHDOG), str(self._record)],
                cwd=self._record.parent,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                timeout=WATCHDOG_SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise MeansError(f"the process that would mend the node cannot be started ({error})") from None


def _filled(template: str, node: str) -> str:
    return template.replace("{node}", shlex.quote(node))


def _run(command: str, what: str) -> None:
    """Run a shell command to its end.

    Raises:
        MeansError: it failed or took too long; its last words are in the message.
    """
    try:
        done = subprocess.run(  # noqa: S602 - a command line of the user's own
            command,
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MeansError(f"{what} did not end within {COMMAND_SECONDS:g} s") from None
    if done.returncode:
        tail = " ".join(done.stdout.split())[-_TAIL:]
        raise MeansError(f"{what} exited with status {done.returncode}: {tail or 'no output'}")
