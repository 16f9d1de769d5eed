"""A runner killed at random moments of every fault: whatever it left, ``recover`` removes, and the cluster is clean."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.base import Kind, fault_classes
from targets.base import NetworkControl, ProcessControl
from tests.e2e.kills import assert_nothing_is_left_of_killed_runners
from tests.e2e.pulumi_stack import PulumiStack

pytestmark = pytest.mark.full

FAULTS = [
    name
    for name, fault in fault_classes().items()
    # Those on volumes have a stack of their own.
    if fault.means not in (ProcessControl, NetworkControl) and fault.kind is not Kind.STORAGE
]


@pytest.fixture(scope="module")
def stack(struck: PulumiStack) -> PulumiStack:
    return struck


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("engine", ["clickhouse", "trino"])
def test_nothing_is_left_of_a_killed_runner(  # noqa: PLR0917 - fixtures
    stack: PulumiStack,
    document: Path,
    commands: tuple[str, ...],
    tmp_path: Path,
    engine: str,
    fault: str,
) -> None:
    assert_nothing_is_left_of_killed_runners(stack, document, commands, tmp_path, engine, fault)
