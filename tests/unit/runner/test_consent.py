"""Before a stack on a cluster is changed: what is shown, who is asked, what is refused."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import click
import pytest
from typing_extensions import override

from faults.base import Fault, Kind, NotPossible, Tuning
from faults.catalogue import Impossible
from runner.cli import main
from runner.consent import ask, dry_run, require_somebody_to_ask
from runner.errors import BadInput, CouldNotRun
from runner.nodeoptions import node_actions
from targets.base import Target
from targets.kubernetes import KubernetesTarget
from targets.kubernetes.node_means import NodeAction
from tests.unit.fakes import FakeTarget, Script, ScriptedEngine
from tests.unit.kubernetes.api import OUTPUTS


class Planned(Fault):
    """A fault that only says what it would do; not registered, having no name of its own."""

    kind: ClassVar[Kind] = Kind.POD
    summary: ClassVar[str] = "broken"
    possible: ClassVar[bool] = True

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        return ["worker"]

    @override
    def preflight(self) -> None:
        if not self.possible:
            raise NotPossible("there is no worker")

    @override
    def inject(self) -> None:
        raise AssertionError

    @override
    def proof(self) -> str:
        raise AssertionError

    @override
    def revert(self) -> None:
        raise AssertionError

    @override
    def revert_proof(self) -> str:
        raise AssertionError

    @override
    def plan(self) -> str:
        return "node/node1: emptied\npod/w-1: moved"


class Unplanned(Planned):
    possible: ClassVar[bool] = False
    plan = Fault.plan


Planned.name = Unplanned.name = "planned"  # afterwards, so that they are not registered among the real ones


@pytest.fixture
def stack() -> KubernetesTarget:
    return KubernetesTarget(OUTPUTS)


def planned(target: Target) -> Planned:
    return Planned(target, "trino", "worker", Tuning(hold=5, ttl=35))


def test_a_dry_run_names_every_object_and_what_is_skipped(stack: KubernetesTarget) -> None:
    cases: list[Fault | Impossible] = [
        planned(stack),
        Unplanned(stack, "trino", "worker", Tuning()),
        Impossible(Planned, "clickhouse", "it has no workers"),
    ]
    assert dry_run(cases) == [
        "trino/worker/planned for 5 s, at most 35 s (dry run)",
        "  node/node1: emptied",
        "  pod/w-1: moved",
        "trino/worker/planned: SKIPPED: there is no worker",
        "clickhouse/planned: SKIPPED: it has no workers",
    ]


def test_a_fault_without_a_plan_of_its_own_says_what_it_does(stack: KubernetesTarget) -> None:
    assert Unplanned(stack, "trino", "worker", Tuning()).plan() == "trino/worker: broken"


def answer(monkeypatch: pytest.MonkeyPatch, reply: bool) -> list[str]:
    asked: list[str] = []

    def confirm(text: str, **_: object) -> bool:
        asked.append(text)
        return reply

    monkeypatch.setattr(click, "confirm", confirm)
    return asked


def test_the_question_names_context_stack_number_nodes_and_objects(
    stack: KubernetesTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answer(monkeypatch, reply=True)
    ask(stack, [planned(stack), planned(stack), Impossible(Planned, "trino", "no")], yes=False)
    (question,) = asked
    for line in ("context: the current one", "Stack: qer-one", "Experiments: 2", "Nodes touched: node/node1"):
        assert line in question
    assert "Objects touched: pod/w-1\n" in question


def test_no_means_no(stack: KubernetesTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, reply=False)
    with pytest.raises(CouldNotRun, match="not agreed to: nothing was injected"):
        ask(stack, [planned(stack)], yes=False)


def test_nobody_is_asked_with_yes_or_about_engines_of_our_own(
    stack: KubernetesTarget, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = answer(monkeypatch, reply=False)
    ask(stack, [planned(stack)], yes=True)
    mine = FakeTarget(tmp_path, [ScriptedEngine(Script())])
    ask(mine, [planned(mine)], yes=False)
    require_somebody_to_ask(mine, yes=False)
    assert asked == []


def test_without_a_terminal_yes_is_needed(stack: KubernetesTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    require_somebody_to_ask(stack, yes=True)
    with pytest.raises(BadInput, match=r"changes stack qer-one on a cluster.*give --yes"):
        require_somebody_to_ask(stack, yes=False)


@pytest.mark.parametrize("verb", [["fault", "delete"], ["all"]])
def test_the_command_line_refuses_before_anything_is_opened(
    verb: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    document = tmp_path / "outputs.json"
    document.write_text(OUTPUTS.to_json())
    assert main([*verb, "--target", str(document), "--output", str(tmp_path)]) == 2
    assert "give --yes" in capsys.readouterr().err


def test_node_commands_come_in_pairs_that_name_the_node() -> None:
    given = {"node_stop": "off {node}", "node_start": "on {node}", "node_heal": "plug {node}"}
    assert node_actions(given) == (
        NodeAction("loss", "off {node}", "on {node}"),
        NodeAction("network", "", "plug {node}"),
    )
    with pytest.raises(BadInput, match=r"--node-stop 'off node2' does not say which node: put \{node\}"):
        node_actions({"node_stop": "off node2"})
    with pytest.raises(BadInput, match="needs what mends it: give --kubelet-start, too"):
        node_actions({"kubelet_stop": "stop {node}"})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["fault", "--node-stop", "a {node}", "--node-start", "b {node}"], "commands for nodes are for engines on"),
        (["fault", "--node-stop", "a"], "does not say which node"),
        (["recover", "--node-start", "a"], "does not say which node"),
        (["fault", "--dry-run", "--in-cluster"], "leave --in-cluster out"),
        (
            ["fault", "--in-cluster", "--node-stop", "a {node}", "--node-start", "b {node}"],
            "--in-cluster needs a cluster",
        ),
        (["check", "--transport", "node-port"], "is for engines on Kubernetes"),
        (["check", "--transport", "carrier-pigeon"], "carrier-pigeon"),
    ],
)
def test_what_does_not_fit_together_is_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    output = [] if arguments[0] == "recover" else ["--output", str(tmp_path)]
    assert main([*arguments, *output]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert told in lines[-1]
    assert sum(line.startswith("error:") for line in lines) == 1
