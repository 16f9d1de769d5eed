"""``--target stack``: what Pulumi says becomes a document or one line that helps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.errors import BadInput
from runner.targets import open_target, read_outputs
from targets.base import BadOutputs, TargetError
from targets.kubernetes import stack
from targets.kubernetes.stack import CliError, stack_outputs
from tests.unit.kubernetes.test_monitoring_checks import OUTPUTS

DOCUMENT = OUTPUTS.to_json()


class FakeCli:
    """Answers, or fails, with the same text always."""

    def __init__(self, text: str = DOCUMENT, *, fails: bool = False) -> None:
        self.text, self.fails = text, fails
        self.calls: list[list[str]] = []

    def __call__(self, arguments: list[str]) -> str:
        self.calls.append(arguments)
        if self.fails:
            raise CliError(self.text)
        return self.text


def test_the_output_of_the_named_stack_is_the_document() -> None:
    cli = FakeCli()
    assert stack_outputs("dev", cli) == OUTPUTS
    assert cli.calls == [["stack", "output", "outputs", "--json", "--stack", "dev"]]


def test_without_a_name_it_is_the_selected_stack_and_no_secret_is_asked_for() -> None:
    cli = FakeCli()
    assert stack_outputs(cli=cli) == OUTPUTS
    assert cli.calls == [["stack", "output", "outputs", "--json"]]


@pytest.mark.parametrize(
    ("said", "error", "told"),
    [
        ("error: no stack named 'dev' found", BadOutputs, "stack dev does not exist; list the stacks"),
        ("error: no stack selected; please use `pulumi stack select`", BadOutputs, "no stack is selected; name one"),
        ("error: current stack does not have output property 'outputs'", TargetError, "stack dev is not up"),
        ("error: passphrase must be set with PULUMI_CONFIG_PASSPHRASE", TargetError, "needs the right passphrase"),
        ("error: getting secrets manager: incorrect passphrase", TargetError, "(getting secrets manager: incorrect"),
        ("error: PULUMI_ACCESS_TOKEN must be set for login", TargetError, "is not logged in"),
        ("warning: x\nerror: unable to open\n  state", TargetError, "cannot read it (unable to open)"),
        ("", TargetError, "cannot read it (no reason given)"),
    ],
)
def test_every_complaint_is_one_line(said: str, error: type[Exception], told: str) -> None:
    with pytest.raises(error) as caught:
        stack_outputs("dev", FakeCli(said, fails=True))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_outputs_of_another_version_are_refused() -> None:
    old = json.dumps({**json.loads(DOCUMENT), "schemaVersion": "0"})
    with pytest.raises(
        BadOutputs, match=r"outputs of stack dev has schemaVersion '0'.*run pulumi up with this version"
    ):
        stack_outputs("dev", FakeCli(old))


def test_outputs_that_are_no_json_are_refused() -> None:
    with pytest.raises(TargetError, match="printed no JSON"):
        stack_outputs("dev", FakeCli("Please choose a stack"))


def test_no_pulumi_on_the_path_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TargetError, match="there is no pulumi on the PATH"):
        stack_outputs("dev")


def _fake_pulumi(directory: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    script = directory / "pulumi"
    script.write_text(f'#!/bin/sh\nif [ "$1" = version ]; then echo v3.259.0; exit 0; fi\n{body}\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")


def test_the_cli_is_asked_in_the_projects_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_pulumi(tmp_path, monkeypatch, 'pwd >&2; echo "error: no stack named $* found" >&2; exit 6')
    with pytest.raises(BadOutputs, match="stack dev does not exist"):
        stack_outputs("dev")
    _fake_pulumi(tmp_path, monkeypatch, 'echo "error: $PWD $*" >&2; exit 1')
    with pytest.raises(TargetError, match=r"--non-interactive stack output outputs --json --stack dev") as caught:
        stack_outputs("dev")
    assert str(stack.PROJECT) in str(caught.value)


def test_a_cli_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = tmp_path / "gate"
    _fake_pulumi(tmp_path, monkeypatch, f"n=0; while [ ! -e {gate} ] && [ $n -lt 100 ]; do n=$((n+1)); sleep 0.1; done")
    monkeypatch.setattr(stack, "CLI_SECONDS", 0.3)
    try:
        with pytest.raises(TargetError, match=r"did not answer within 0\.3 s"):
            stack_outputs("dev")
    finally:
        gate.touch()


def test_the_target_is_a_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []

    def outputs(name: str | None) -> object:
        asked.append(name)
        return OUTPUTS

    monkeypatch.setattr("runner.targets.stack_outputs", outputs)
    assert open_target("stack:dev", engines=None).name == OUTPUTS.stack
    assert read_outputs("stack") is OUTPUTS
    assert asked == ["dev", None]


def test_a_transport_for_the_embedded_target_is_refused() -> None:
    with pytest.raises(BadInput, match="--transport node-port is for engines on Kubernetes"):
        open_target("embedded", engines=None, transport="node-port")
