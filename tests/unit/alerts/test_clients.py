"""The clients of Prometheus, Alertmanager and Grafana, against a server that follows a script."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from targets.base import MonitoringEndpoint
from targets.monitoring import MonitoringError, Part
from targets.monitoring.alertmanager import Alertmanager
from targets.monitoring.clock import measure_clock
from targets.monitoring.grafana import TAGS, Grafana
from targets.monitoring.prometheus import Prometheus, seconds
from tests.unit.alerts.server import Monitoring, rule


def prometheus(monitoring: Monitoring) -> Prometheus:
    return Prometheus(Part(monitoring.endpoint("prometheus")))


@pytest.mark.parametrize("ahead", [0.0, 40.0, -3600.0])
def test_a_clock_is_measured_to_within_the_round_trip(monitoring: Monitoring, ahead: float) -> None:
    monitoring.ahead = ahead
    clock = prometheus(monitoring).clock()
    assert clock.ahead == pytest.approx(ahead, abs=clock.uncertainty + 0.001)  # it tells milliseconds
    moment = time.monotonic()
    assert clock.ours(clock.theirs(moment)) == pytest.approx(moment)
    assert clock.theirs(moment) == pytest.approx(time.time() + ahead, abs=clock.uncertainty + 0.1)


def test_the_quickest_exchange_counts() -> None:
    delays = iter([0.4, 0.0, 0.4])

    def ask() -> float:
        delay = next(delays)
        time.sleep(delay)
        return time.time() - delay  # told before the way back

    clock = measure_clock(ask, exchanges=3)
    assert clock.uncertainty < 0.2
    assert abs(clock.ahead) <= clock.uncertainty + 0.001


def test_history_brings_the_states_of_an_alert_together(monitoring: Monitoring) -> None:
    monitoring.on("TrinoDown", "pending", -60, -30)
    monitoring.on("TrinoDown", "firing", -30, -10)
    now = monitoring.now()
    (found,) = prometheus(monitoring).history(['namespace="x"'], now - 100, now)
    assert found.name == "TrinoDown"
    assert "alertstate" not in found.labels and "__name__" not in found.labels
    (pending,), (firing,) = found.pending, found.firing
    assert pending == pytest.approx((now - 60, now - 30), abs=1)
    assert firing == pytest.approx((now - 30, now - 10), abs=1)


def test_an_alert_that_comes_twice_has_two_stretches_and_one_that_stays_ends_with_the_history(
    monitoring: Monitoring,
) -> None:
    monitoring.spoilt["/api/v1/query_range"] = {
        "data": {
            "result": [
                {
                    "metric": {"alertname": "A", "alertstate": "firing"},
                    "values": [[at, "1"] for at in (10, 11, 12, 20, 21)],
                }
            ]
        }
    }
    (found,) = prometheus(monitoring).history(["x"], 0, 21.5)
    assert found.firing == ((10, 13), (20, 21.5))


def test_a_long_history_is_asked_for_in_larger_steps(monitoring: Monitoring) -> None:
    now = monitoring.now()
    monitoring.on("TrinoDown", "firing", -40_000, 0)
    (found,) = prometheus(monitoring).history(["x"], now - 50_000, now)
    assert found.firing[0][1] - found.firing[0][0] == pytest.approx(40_000, abs=10)


@pytest.mark.parametrize(("text", "value"), [("15s", 15), ("1m30s", 90), ("500ms", 0.5), ("1h", 3600)])
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "15", "s", "15s x", "-1s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        seconds(text)


def test_rules_and_scrapes(monitoring: Monitoring) -> None:
    monitoring.groups = [rule("TrinoDown", 30, interval=15)]
    monitoring.scrapes = [{"labels": {"namespace": "x"}, "scrapeInterval": "30s", "scrapeTimeout": "20s"}]
    (found,) = prometheus(monitoring).rules()
    assert (found.name, found.hold, found.interval, found.health) == ("TrinoDown", 30, 15, "ok")
    (scrape,) = prometheus(monitoring).scrapes()
    assert (scrape.namespace, scrape.interval, scrape.timeout) == ("x", 30, 20)


ASKED: list[Callable[[Prometheus], object]] = [
    Prometheus.alerts,
    Prometheus.rules,
    Prometheus.scrapes,
    Prometheus.clock,
    lambda one: one.history(["x"], 0, 1),
]


@pytest.mark.parametrize("ask", ASKED)
def test_an_answer_of_another_form_is_one_line(monitoring: Monitoring, ask: Callable[[Prometheus], object]) -> None:
    for path in ("alerts", "rules", "targets", "query", "query_range"):
        monitoring.spoilt[f"/api/v1/{path}"] = {"data": "nothing of the kind"}
    with pytest.raises(MonitoringError, match="not of the form expected"):
        ask(prometheus(monitoring))
    monitoring.spoilt = dict.fromkeys(monitoring.spoilt, "an error page")
    with pytest.raises(MonitoringError, match="not of the form expected"):
        ask(prometheus(monitoring))


def test_nobody_answers(monitoring: Monitoring) -> None:
    monitoring.gone = True
    with pytest.raises(MonitoringError, match=r"^prometheus does not answer \(ConnectionError\)$"):
        prometheus(monitoring).alerts()


def test_a_refusal_says_what_to_do_and_no_password(monitoring: Monitoring) -> None:
    monitoring.refused.add("/api/annotations")
    with pytest.raises(MonitoringError) as caught:
        Grafana(Part(monitoring.endpoint("grafana"))).annotate("x", [], starts=1, ends=2)
    message = str(caught.value)
    assert "grafana refuses POST /api/annotations: 403" in message
    assert "Permissions needed" in message
    assert "give admin that right" in message
    assert "grafanas-own" not in message
    assert "grafanas-own" not in repr(caught.value)


def test_a_proxy_of_the_environment_is_not_used(monitoring: Monitoring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert prometheus(monitoring).alerts() == []


def test_annotations(monitoring: Monitoring) -> None:
    grafana = Grafana(Part(monitoring.endpoint("grafana")))
    made = grafana.annotate("a fault", ["trino"], starts=10.5, ends=40)
    assert monitoring.annotations[made] == {
        "time": 10_500,
        "timeEnd": 40_000,
        "tags": [*TAGS, "trino"],
        "text": "a fault",
    }
    grafana.move_end(made, 20)
    assert monitoring.annotations[made]["timeEnd"] == 20_000
    grafana.remove(made)
    assert monitoring.annotations == {}


def test_silences(monitoring: Monitoring) -> None:
    alertmanager = Alertmanager(Part(monitoring.endpoint("alertmanager")))
    made = alertmanager.silence(["a", "b"], starts=0, ends=60, stack="one")
    alertmanager.silence(["c"], starts=0, ends=60, stack="another")
    assert alertmanager.silence(["a", "b"], starts=30, ends=90, stack="one", replacing=made) == made
    assert monitoring.silences[made]["endsAt"] == "1970-01-01T00:01:30.000+00:00"
    assert monitoring.silences[made]["matchers"] == [
        {"name": "namespace", "value": "a|b", "isRegex": True, "isEqual": True}
    ]
    assert alertmanager.end_silences("one") == 1
    assert [one.comment for one in alertmanager.silences()] == ["planned reliability run on another"]
    assert alertmanager.end_silences("one") == 0


def test_an_endpoint_without_a_login(monitoring: Monitoring) -> None:
    part = Part(MonitoringEndpoint("prometheus", monitoring.url))
    assert Prometheus(part).alerts() == []
