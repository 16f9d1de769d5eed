"""Both views of an outage, on timelines written down by hand."""

from __future__ import annotations

import random

import pytest

from faults.grayfailure import GrayFailure, compare
from faults.timeline import measure
from targets.base import AvailabilityTimeline, Stretch
from targets.stretches import joined
from tests.unit.faults.test_timeline import PERIOD, timeline


def kubernetes(text: str) -> AvailabilityTimeline:
    """A stretch each 0.1 s: ``R`` ready, ``n`` not ready, ``?`` not observed; pods are as ready as endpoints."""

    def of(letter: str) -> tuple[Stretch, ...]:
        # By the very same edges, as every judgement ends where the next one begins.
        return joined((i * PERIOD, (i + 1) * PERIOD) for i, found in enumerate(text) if found == letter)

    return AvailabilityTimeline(0.0, len(text) * PERIOD, of("R"), of("R"), of("?"))


def compared(clients: str, said: str, *, confirmed: float = 0.95) -> GrayFailure:
    attempts, until = timeline(clients), len(clients) * PERIOD
    measures = measure(attempts, confirmed=confirmed, until=until, period=PERIOD)
    found = compare(attempts, measures, kubernetes(said), injected=0.9, confirmed=confirmed, until=until, period=PERIOD)
    assert found.failing <= measures.unavailable + 1e-5
    return found


def test_nothing_happened() -> None:
    found = compared("." * 30, "R" * 30)
    assert (found.failing, found.longest, found.longest_at) == (0.0, 0.0, None)
    assert (found.unready, found.served, found.ready_gap, found.all_ready) == (0.0, 0.0, None, None)
    assert found.unobserved == pytest.approx(0.0, abs=1e-6)


def test_kubernetes_never_noticed() -> None:
    found = compared("." * 10 + "x" * 7 + "." * 10, "R" * 27)
    assert found.failing == found.longest == pytest.approx(0.7)
    assert found.longest_at == pytest.approx(1.0 - 0.95)
    assert (found.unready, found.served, found.ready_gap, found.all_ready) == (0.0, 0.0, None, None)


def test_kubernetes_was_late_both_ways() -> None:
    found = compared("." * 10 + "x" * 7 + "." * 10, "R" * 13 + "n" * 8 + "R" * 6)
    assert found.failing == pytest.approx(0.3)
    assert found.unready == pytest.approx(0.8)
    assert found.served == pytest.approx(0.4), "clients were back four periods before Kubernetes"
    assert found.ready_gap == pytest.approx(2.1 - 1.71)
    assert found.all_ready == pytest.approx(2.1 - 0.95)


def test_kubernetes_said_ready_before_clients_were_served() -> None:
    found = compared("." * 10 + "x" * 9 + "." * 10, "R" * 10 + "n" * 5 + "R" * 14)
    assert found.failing == pytest.approx(0.4)
    assert found.longest_at == pytest.approx(1.5 - 0.95)
    assert found.ready_gap == pytest.approx(1.5 - 1.91), "negative: Kubernetes was first"
    assert found.served == 0.0


def test_the_longest_of_several_windows() -> None:
    found = compared("." * 10 + "xx.xxxx.x" + "." * 10, "R" * 29)
    assert found.failing == pytest.approx(0.7)
    assert found.longest == pytest.approx(0.4)
    assert found.longest_at == pytest.approx(1.3 - 0.95)


def test_a_window_ends_where_kubernetes_notices_for_a_while() -> None:
    found = compared("." * 10 + "x" * 9 + "." * 10, "R" * 12 + "nn" + "R" * 15)
    assert found.failing == pytest.approx(0.7)
    assert found.longest == pytest.approx(0.5)


def test_what_was_not_observed_is_neither() -> None:
    found = compared("." * 10 + "x" * 7 + "." * 10, "R" * 12 + "???" + "R" * 12)
    assert found.unobserved == pytest.approx(0.3)
    assert found.failing == pytest.approx(0.4)
    assert (found.unready, found.ready_gap) == (0.0, None), "it may never have been unready"


def test_the_return_was_not_observed() -> None:
    found = compared("." * 10 + "x" * 7 + "." * 10, "R" * 10 + "nnnn" + "??" + "R" * 11)
    assert found.unready == pytest.approx(0.4)
    assert found.ready_gap is None


def test_the_watch_ended_before_the_experiment() -> None:
    found = compared("." * 10 + "x" * 7 + "." * 10, "R" * 13)
    assert found.unobserved == pytest.approx(2.7 - 1.3)
    assert found.failing == pytest.approx(0.3)


def test_who_is_not_back_has_no_gap() -> None:
    assert compared("." * 10 + "x" * 17, "R" * 10 + "n" * 8 + "R" * 9).ready_gap is None
    assert compared("." * 10 + "x" * 7 + "." * 10, "R" * 10 + "n" * 17).ready_gap is None


def test_clients_that_never_failed_have_no_gap() -> None:
    found = compared("." * 27, "R" * 10 + "n" * 8 + "R" * 9)
    assert (found.failing, found.ready_gap) == (0.0, None)
    assert found.served == found.unready == pytest.approx(0.8), "the reverse: said to be down, and served"


def test_what_was_before_the_injection_does_not_count() -> None:
    found = compared("." * 10 + "x" * 7 + "." * 10, "RnnR" + "R" * 23)
    assert (found.unready, found.ready_gap) == (0.0, None)


def test_probes_that_were_never_sent_say_nothing() -> None:
    found = compared("." * 10 + "xx--xx" + "." * 10, "R" * 26)
    assert found.failing == pytest.approx(0.4)
    assert found.longest == pytest.approx(0.2)


@pytest.mark.parametrize("seed", range(100))
def test_every_failing_moment_is_in_one_class(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    clients = "." * 10 + "".join(rng.choices(".x", k=40))
    said = "R" * 10 + "".join(rng.choices("Rn?", k=40))
    found = compared(clients, said)
    pairs = list(zip(clients, said, strict=True))[10:]
    assert found.failing == pytest.approx(PERIOD * pairs.count(("x", "R")), abs=1e-4)
    assert found.served == pytest.approx(PERIOD * pairs.count((".", "n")), abs=1e-4)
    assert found.unready == pytest.approx(PERIOD * said.count("n"), abs=1e-4)
    assert found.unobserved == pytest.approx(PERIOD * said.count("?"), abs=1e-4)
    assert 0 <= found.longest <= found.failing
