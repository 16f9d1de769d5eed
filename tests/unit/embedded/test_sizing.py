from __future__ import annotations

from dataclasses import replace

import pytest

from targets.base import TargetError
from targets.embedded.config import GIBIBYTE, MEBIBYTE, EmbeddedConfig
from targets.embedded.sizing import Memory, memory_for

LARGE = 1000 * GIBIBYTE


@pytest.mark.parametrize("factor", [0.001, 0.1, 1])
def test_up_to_scale_factor_1_nothing_changes(factor: float) -> None:
    config = EmbeddedConfig()
    assert memory_for(factor, workers=3, physical=2 * GIBIBYTE) == Memory(
        config.coordinator_heap_bytes, config.worker_heap_bytes, config.clickhouse_bytes
    )


def test_larger_data_get_more_as_far_as_the_machine_has_it() -> None:
    ten, hundred = memory_for(10, physical=LARGE), memory_for(100, physical=LARGE)
    assert Memory().worker < ten.worker < hundred.worker
    assert Memory().clickhouse < ten.clickhouse < hundred.clickhouse
    small = memory_for(100, physical=24 * GIBIBYTE)
    assert small.coordinator + small.worker + small.clickhouse <= 18 * GIBIBYTE
    assert memory_for(100, physical=2 * GIBIBYTE) == replace(Memory(), coordinator=GIBIBYTE)
    assert ten.worker % MEBIBYTE == ten.clickhouse % MEBIBYTE == 0


def test_workers_share() -> None:
    assert memory_for(100, workers=4, physical=LARGE).worker == memory_for(100, physical=LARGE).worker // 4


def test_an_instance_with_other_memory_does_not_serve() -> None:
    wanted = EmbeddedConfig(clickhouse_bytes=GIBIBYTE)
    assert wanted.fits(wanted)
    assert not wanted.fits(EmbeddedConfig())
    assert replace(wanted, engines=("trino",)).fits(EmbeddedConfig())
    with pytest.raises(TargetError, match="ClickHouse's memory must be at least 256 MiB"):
        EmbeddedConfig(clickhouse_bytes=MEBIBYTE)
