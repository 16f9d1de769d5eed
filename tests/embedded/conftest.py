"""The embedded target for tests of this folder, on the engines that the whole session shares."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from targets.embedded.lifecycle import KeptInstance
from targets.embedded.target import EmbeddedTarget


@pytest.fixture(scope="module")
def embedded(kept_instance: KeptInstance) -> Iterator[EmbeddedTarget]:
    """Trino and ClickHouse, attached to for one module."""
    with EmbeddedTarget() as target:
        assert target.state_directory == kept_instance.document.parent, "not the engines of this session"
        yield target
