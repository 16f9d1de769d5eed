"""One embedded target for all tests of this folder: starting it takes longer than most of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from targets.embedded.target import EmbeddedTarget


@pytest.fixture(scope="session")
def embedded() -> Iterator[EmbeddedTarget]:
    """Trino and ClickHouse, started once; a kept instance is used where there is one."""
    with EmbeddedTarget() as target:
        yield target
