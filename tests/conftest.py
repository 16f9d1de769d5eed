"""Engines that all tests of a session share: started at the first use, in a state directory of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from targets.embedded import lifecycle
from targets.embedded.config import EmbeddedConfig
from targets.embedded.lifecycle import KeptInstance


@pytest.fixture(scope="session")
def kept_instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptInstance]:
    """Trino and ClickHouse as ``runner embedded up`` starts them; one test or command at a time may use them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QER_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        yield lifecycle.up(EmbeddedConfig())
        lifecycle.down()
