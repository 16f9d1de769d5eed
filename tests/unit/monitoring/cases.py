"""Every case of every rule."""

from __future__ import annotations

from tests.unit.monitoring import cases_clickhouse, cases_stack, cases_trino
from tests.unit.monitoring.model import AlertCase, Case, RecordedCase

ALL: tuple[Case, ...] = (*cases_trino.CASES, *cases_clickhouse.CASES, *cases_stack.CASES)
ALERTING = tuple(case for case in ALL if isinstance(case, AlertCase))
RECORDING = tuple(case for case in ALL if isinstance(case, RecordedCase))


def described(case: Case) -> str:
    """A name for the test of a case."""
    engine = f" ({case.engine})" if isinstance(case, RecordedCase) else ""
    return f"{case.rule}{engine}: {case.says}"
