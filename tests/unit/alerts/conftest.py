from collections.abc import Iterator

import pytest

from tests.unit.alerts.server import Monitoring, serving


@pytest.fixture
def monitoring() -> Iterator[Monitoring]:
    with serving() as made:
        yield made
