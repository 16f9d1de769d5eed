"""Engine metrics around faults: what is asked for, of which time, and what happens when nobody answers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.experiment import Record
from runner import measured
from runner.engine_metrics import AFTER, BEFORE, MEASURES, MOST_PODS, STEP, MetricsAround
from runner.results import EngineMetrics, Experiment, Results
from runner.results.engine_metrics import MOST_POINTS
from runner.slo import Slo
from targets.monitoring import MonitoringError, Part
from targets.monitoring.prometheus import Prometheus
from tests.unit.alerts.server import CLICKHOUSE, NAMESPACE, Monitoring, WatchedTarget
from tests.unit.alerts.struck import record, struck
from tests.unit.monitoring.exposed import SHOWN
from tests.unit.monitoring.model import RECORDED
from tests.unit.monitoring.promql import metrics as names
from tests.unit.report.sample import empty_results

MEMORY, RUNNING = "container_memory_working_set_bytes", "engine:queries_running:count"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def target(tmp_path: Path, monitoring: Monitoring) -> WatchedTarget:
    return WatchedTarget(tmp_path, monitoring)


def always(value: float) -> Callable[[float], float]:
    return lambda _: value


def taken(target: WatchedTarget, said: list[str], *records: Record) -> list[Experiment]:
    around = MetricsAround(target, said.append)
    for one in records:
        around.note(one)
    return around.added([measured.experiment(one, Slo()) for one in records])


def only(target: WatchedTarget, said: list[str], made: Record) -> EngineMetrics:
    (found,) = taken(target, said, made)
    assert found.metrics is not None
    return found.metrics


def values(found: EngineMetrics, words: str) -> list[tuple[float, float | None]]:
    """(seconds since the experiment's start, value) of the only series of a measure."""
    (series,) = (one for one in found.series if one.measure == words)
    return [(found.start_seconds + found.step_seconds * n, value) for n, value in enumerate(series.values)]


@pytest.mark.parametrize("ahead", [0.0, 7.5, -3600.0])
def test_moments_are_the_experiments_own_whatever_prometheus_clock_shows(
    ahead: float, monitoring: Monitoring, target: WatchedTarget, said: list[str]
) -> None:
    made = record(struck(target, "delete"), confirmed=-100, reverted=-60)
    monitoring.ahead = ahead
    struck_at = made.confirmed - time.monotonic() + monitoring.now()  # type: ignore[operator]
    monitoring.lines = [("workers_active", {}, lambda at: 2.0 if at < struck_at else 1.0)]
    found = values(only(target, said, made), "workers active")
    last_whole = max(at for at, value in found if value == 2.0)
    first_less = min(at for at, value in found if value == 1.0)
    assert last_whole <= 10.0 + 0.1  # confirmed ten seconds after the start
    assert first_less == pytest.approx(last_whole + STEP)
    assert first_less > 10.0 - 0.1


def test_they_reach_from_before_the_injection_to_after_the_end(
    monitoring: Monitoring, target: WatchedTarget, said: list[str]
) -> None:
    monitoring.lines = [("queries_running", {}, always(3))]
    made = record(struck(target, "delete"), confirmed=-30)
    found = values(only(target, said, made), "queries running")
    assert found[0][0] == pytest.approx(10 - 0.5 - BEFORE, abs=0.1)
    assert found[-1][0] == pytest.approx(made.finished - made.started, abs=STEP + 1)
    assert {value for _, value in found} == {3.0}


def test_the_next_injection_ends_them_and_what_was_recorded_since_counts(
    monitoring: Monitoring, target: WatchedTarget, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monitoring.lines = [("queries_running", {}, always(3))]
    first = record(struck(target, "delete"), confirmed=-300)
    second = record(struck(target, "delete"), confirmed=-100)
    around = MetricsAround(target, said.append)
    real = time.monotonic()
    for made, over in ((first, real - 150), (second, real - 60)):
        monkeypatch.setattr("runner.engine_metrics.time.monotonic", lambda over=over: over)
        around.note(made)
    monkeypatch.setattr("runner.engine_metrics.time.monotonic", lambda: real)
    around.added([measured.experiment(one, Slo()) for one in (first, second)])
    now = monitoring.now()
    ends = sorted({float(query["end"]) - now for query in monitoring.queries})
    assert ends == pytest.approx([-150 + AFTER, -60 + AFTER], abs=2)
    monitoring.queries.clear()
    monkeypatch.setattr("runner.engine_metrics.AFTER", 1000.0)
    around.added([])
    ends = sorted({float(query["end"]) - now for query in monitoring.queries})
    assert ends == pytest.approx([-100.5, 0], abs=2)  # the next injection, and now


def test_each_engine_has_its_own_measures(monitoring: Monitoring, target: WatchedTarget, said: list[str]) -> None:
    experiments = taken(target, said, record(struck(target, "a")), record(struck(target, "b", "clickhouse")))
    for item, namespace, words in zip(experiments, (NAMESPACE, CLICKHOUSE), ("workers active", "parts"), strict=True):
        assert item.metrics is not None
        assert item.metrics.missing == ("memory", "queries running", "queries failed", words)
        assert item.metrics.series == ()
        asked = [query["query"] for query in monitoring.queries if namespace in query["query"]]
        assert len(asked) == 4
    assert not any("NAMESPACE" in query["query"] for query in monitoring.queries)
    assert said == []


def test_what_is_asked_for_is_recorded_or_shown_and_documented() -> None:
    documented = (Path(__file__).parents[3] / "docs" / "monitoring.md").read_text()
    for measure in MEASURES:
        (name,) = names(measure.query)
        assert name in SHOWN | set(RECORDED)
        assert name in documented


def test_pods_have_a_series_each_but_not_without_bound(
    monitoring: Monitoring, target: WatchedTarget, said: list[str]
) -> None:
    monitoring.lines = [(MEMORY, {"pod": f"worker-{n:02}"}, always(1e9 + n + 0.4)) for n in range(20)]
    found = only(target, said, record(struck(target, "delete")))
    assert [one.of for one in found.series] == [f"worker-{n}" for n in range(20 - MOST_PODS, 20)]
    assert {one.unit for one in found.series} == {"bytes"}
    assert found.series[0].values[0] == 1_000_000_000 + 20 - MOST_PODS


def test_a_long_experiment_has_larger_steps_not_more_values(
    monitoring: Monitoring, target: WatchedTarget, said: list[str]
) -> None:
    monitoring.lines = [(RUNNING, {}, always(1))]
    found = only(target, said, record(struck(target, "delete"), confirmed=-20_000))
    (series,) = found.series
    assert MOST_POINTS / 2 < len(series.values) <= MOST_POINTS
    assert found.step_seconds > 100


def test_moments_without_a_number_are_holes(monitoring: Monitoring, target: WatchedTarget, said: list[str]) -> None:
    begun = monitoring.now() - 60

    def value(at: float) -> float | None:
        return None if at < begun else math.nan if at < begun + 20 else 0.123456

    monitoring.lines = [(RUNNING, {}, value), ("queries_failed", {}, always(math.inf))]
    item = taken(target, said, record(struck(target, "delete")))[0]
    assert item.metrics is not None
    assert item.metrics.missing == ("memory", "queries failed", "workers active")
    found = values(item.metrics, "queries running")
    assert {value for _, value in found} == {None, 0.1235}
    document = empty_results(experiments=(item,))
    assert Results.model_validate_json(document.to_json()) == document


def test_without_prometheus_nothing_is_said(tmp_path: Path, monitoring: Monitoring, said: list[str]) -> None:
    target = WatchedTarget(tmp_path, monitoring, parts=())
    assert [one.metrics for one in taken(target, said, record(struck(target, "delete")))] == [None]
    assert (said, monitoring.requests) == ([], [])


def test_where_nothing_was_injected_there_is_nothing_around_it(
    monitoring: Monitoring, target: WatchedTarget, said: list[str]
) -> None:
    made = record(struck(target, "delete"), injected=None, measures=None)
    made.confirmed = None
    assert [one.metrics for one in taken(target, said, made)] == [None]
    assert monitoring.requests == []


def test_when_prometheus_is_gone_it_is_one_line_and_the_run_goes_on(
    monitoring: Monitoring, target: WatchedTarget, said: list[str]
) -> None:
    monitoring.gone = True
    both = taken(target, said, record(struck(target, "a")), record(struck(target, "b")))
    reasons = [one.metrics.not_measured for one in both if one.metrics]
    assert len(reasons) == 2
    assert all(reason.startswith("prometheus does not answer") for reason in reasons)
    assert said == [f"engine metrics: not measured: {reasons[0]}; the run goes on without"]


def test_a_query_that_is_refused_is_one_line_too(
    monitoring: Monitoring, target: WatchedTarget, said: list[str]
) -> None:
    monitoring.refused.add("/api/v1/query_range")
    both = taken(target, said, record(struck(target, "a")), record(struck(target, "b")))
    assert all(one.metrics and "refuses GET /api/v1/query_range: 403" in one.metrics.not_measured for one in both)
    assert len(said) == 1


def test_an_answer_of_another_form_is_one_line(monitoring: Monitoring) -> None:
    monitoring.spoilt["/api/v1/query_range"] = {"status": "success", "data": {"result": [{"metric": {}}]}}
    with pytest.raises(MonitoringError, match="not of the form expected"):
        Prometheus(Part(monitoring.endpoint("prometheus"))).lines("up", 0, 10, 1)
