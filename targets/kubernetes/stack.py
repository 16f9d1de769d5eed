"""The outputs document of a Pulumi stack of this repository, through the Automation API.

Only the output ``outputs`` is read, which holds no secret, and without ``--show-secrets``: neither the passphrase nor
any password of the stack's state is needed, and nothing is selected or changed.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from targets.base import BadOutputs, TargetError
from targets.contract import Outputs
from targets.document import parse_outputs

PROJECT = Path(__file__).resolve().parents[2]
OUTPUT = "outputs"
CLI_SECONDS = 60.0


class Cli(Protocol):
    """The Pulumi CLI on the project directory."""

    def __call__(self, arguments: list[str]) -> str:
        """Run it and return its standard output.

        Raises:
            CliError: it ended with an error.
            TargetError: it cannot be run.
        """
        ...


class CliError(Exception):
    """The CLI ended with an error; the message is what it said."""


def stack_outputs(name: str | None = None, cli: Cli | None = None) -> Outputs:
    """The document that a stack exports.

    Args:
        name: of the stack; the one that is selected in the project directory without it.
        cli: runs Pulumi; the CLI on the PATH without it.

    Raises:
        BadOutputs: there is no such stack, it is not up, or its document is of another version.
        TargetError: Pulumi cannot be run or its state cannot be read.
    """
    which = f"stack {name}" if name else "the selected stack"
    arguments = ["stack", "output", OUTPUT, "--json", *(["--stack", name] if name else [])]
    try:
        text = (cli or _Pulumi())(arguments)
    except CliError as error:
        raise _refusal(which, str(error)) from None
    try:
        document = json.loads(text)
    except ValueError:
        raise TargetError(
            f"{which}: Pulumi printed no JSON for the output {OUTPUT}; try: pulumi stack output"
        ) from None
    return parse_outputs(document, f"outputs of {which}", remedy="run pulumi up with this version")


def _refusal(which: str, said: str) -> BadOutputs | TargetError:
    """What the CLI's complaint means here."""
    line = " ".join(_complaint(said).split())
    if "no stack named" in said:
        return BadOutputs(f"{which} does not exist; list the stacks with: pulumi stack ls")
    if "no stack selected" in said:
        return BadOutputs("no stack is selected; name one (stack:NAME), or: pulumi stack select NAME")
    if "does not have output property" in said:
        return TargetError(f"{which} is not up: it has no output {OUTPUT}; run: pulumi up --yes")
    if "passphrase" in said.lower():
        return TargetError(f"{which}: Pulumi needs the right passphrase; set PULUMI_CONFIG_PASSPHRASE ({line})")
    if "PULUMI_ACCESS_TOKEN" in said or "not logged in" in said or "credentials" in said:
        return TargetError(f"{which}: Pulumi is not logged in; run: pulumi login (--local for local state)")
    return TargetError(f"{which}: Pulumi cannot read it ({line})")


def _complaint(said: str) -> str:
    """The CLI's own error line."""
    errors = [line for line in said.splitlines() if line.strip().startswith("error:")]
    return (errors or said.strip().splitlines() or ["no reason given"])[0].strip().removeprefix("error:").strip()


class _Pulumi:
    """The CLI by way of the Automation API."""

    def __call__(self, arguments: list[str]) -> str:
        from pulumi import automation  # noqa: PLC0415 - takes a second, and only this target needs it

        try:
            workspace = automation.LocalWorkspace(work_dir=str(PROJECT))
        except FileNotFoundError:
            raise TargetError(
                "there is no pulumi on the PATH; install the Pulumi CLI, or give an outputs document with --target FILE"
            ) from None
        except (automation.InvalidVersionError, OSError, ValueError) as error:
            raise TargetError(f"the pulumi on the PATH cannot be used ({error}); install a newer one") from None

        def run() -> str:
            return workspace.pulumi_command.run(arguments, workspace.work_dir, {}).stdout

        try:
            return _bounded(run)
        except automation.CommandError as error:
            raise CliError(str(error).partition("\n stderr: ")[2] or str(error)) from None


def _bounded(call: Callable[[], str]) -> str:
    """The call's result; the Automation API itself would wait for ever for a backend that does not answer."""
    results: list[str] = []
    errors: list[Exception] = []

    def work() -> None:
        try:
            results.append(call())
        except Exception as error:  # noqa: BLE001 - handed to the caller below
            errors.append(error)

    thread = threading.Thread(target=work, name="pulumi", daemon=True)
    thread.start()
    thread.join(CLI_SECONDS)
    if errors:
        raise errors[0]
    if not results:
        raise TargetError(f"Pulumi did not answer within {CLI_SECONDS:g} s; see whether its state can be reached")
    return results[0]
