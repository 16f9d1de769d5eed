"""Faults on a volume that has a limit and can move: nothing acknowledged is lost when it is full, or goes elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.clean import left_as_found
from tests.e2e.experiment import experiment
from tests.e2e.kills import assert_nothing_is_left_of_killed_runners
from tests.e2e.pulumi_stack import PulumiStack, objects
from tests.e2e.shared_volume import SIZE_MIB, STORAGE_CLASS, shared_volume

ENGINE = "clickhouse"


@pytest.fixture(scope="module")
def stack(
    sandbox: Path | None, new_stack: Callable[[str], PulumiStack], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PulumiStack]:
    """The only stack meanwhile: a node with another one's only pod of a kind may not be closed."""
    if sandbox is None:
        pytest.skip("it is not known which of this cluster's volumes have a limit and can move")
    with shared_volume(sandbox, tmp_path_factory.mktemp("volume")):
        made = new_stack("storage")
        made.settings |= {
            "monitoringEnabled": False,
            "faultsNode": True,
            "clickhouseStorageClass": STORAGE_CLASS,
            "clickhouseStorageSize": f"{SIZE_MIB}Mi",
        }
        made.must_up()
        yield made
        made.destroy()


@pytest.fixture(autouse=True)
def clean(stack: PulumiStack) -> Iterator[None]:
    """Every test leaves the cluster as it found it."""
    with left_as_found(stack):
        yield


def node(stack: PulumiStack) -> str:
    (pod,) = objects("pods", stack.namespace(ENGINE))
    name: str = pod["spec"]["nodeName"]
    return name


def assert_every_insert_is_there_once(result: dict[str, Any]) -> None:
    kept = result["durability"]
    assert kept["acknowledged"] > 0
    assert (kept["lost"], kept["duplicated"], kept["unexpected"]) == (0, 0, 0)


def test_a_full_volume(document: Path, tmp_path: Path) -> None:
    result = experiment("volume-full", ENGINE, document, tmp_path / "report")
    assert "bytes are free in" in result["injection"]["proof"]
    assert_every_insert_is_there_once(result)
    assert result["durability"]["refused"] > 0, "there was no room for them"
    assert result["durability"]["interrupted_seconds"] > 0


def test_a_pod_that_moves_with_its_volume(stack: PulumiStack, document: Path, tmp_path: Path) -> None:
    was = node(stack)
    result = experiment("pod-moved", ENGINE, document, tmp_path / "report")
    assert node(stack) != was
    assert f"it was on {was}" in result["injection"]["proof"]
    assert_every_insert_is_there_once(result)


@pytest.mark.full
@pytest.mark.parametrize("fault", ["volume-full", "pod-moved"])
def test_nothing_is_left_of_a_killed_runner(stack: PulumiStack, document: Path, tmp_path: Path, fault: str) -> None:
    assert_nothing_is_left_of_killed_runners(stack, document, (), tmp_path, ENGINE, fault)
