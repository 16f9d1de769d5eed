"""What goes to a generator on another machine and what comes back: nothing is lost, and nothing broken is believed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.arrivals import Ramp
from benchmarks.load import ClientKind, LoadSpec
from benchmarks.mixture import Mixture
from benchmarks.openloop import Reply
from benchmarks.remote import LARGEST_PACKED, RemoteError, State, Status, packed, tally_from, tally_text, unpacked
from benchmarks.statements import ExactRows, Statement
from benchmarks.tally import Tally, merged
from engines import Outcome

BEGAN = 100.0


def tally(seed: int, answers: int = 400) -> Tally:
    """A part of a run that began at ``BEGAN``, of right and failed answers of two statements."""
    draw = random.Random(seed)  # noqa: S311 - values, not secrets
    made = Tally(limit=0.5, waited=seed, late=0, cpu_seconds=0.25)
    for number in range(answers):
        intended = BEGAN + number / 100
        made.arrived(draw.random() / 100)
        name = draw.choice(["Q1", "Q6"])
        failed = draw.random() < 0.1
        reply = Reply(name, Outcome.FAILED, "refused", "nothing listens") if failed else Reply(name, Outcome.OK)
        made.answered(reply, intended, intended + 0.001, intended + draw.lognormvariate(-3, 1))
    made.drop()
    made.offered += 1
    made.lag.record(0.0001)
    return made


def test_a_tally_comes_back_as_it_was_but_on_our_clock() -> None:
    sent = tally(1)
    back = tally_from(tally_text(sent, BEGAN), began=5000.0)
    for name in ("limit", "offered", "late", "waited", "dropped", "over", "cpu_seconds", "problems"):
        assert getattr(back, name) == getattr(sent, name), name
    assert (back.outcomes, back.errors, back.operations) == (sent.outcomes, sent.errors, sent.operations)
    for name in ("lag", "corrected", "uncorrected"):
        assert getattr(back, name).encoded() == getattr(sent, name).encoded(), name
    assert back.by_operation.keys() == sent.by_operation.keys()
    assert all(back.by_operation[name].encoded() == sent.by_operation[name].encoded() for name in sent.by_operation)
    assert back.last - 5000.0 == pytest.approx(sent.last - BEGAN)


def test_parts_from_other_machines_add_up_to_what_one_machine_would_have_counted() -> None:
    parts = [tally(seed) for seed in (1, 2, 3)]
    here = merged(parts)
    there = merged(tally_from(tally_text(part, BEGAN), BEGAN) for part in parts)
    assert there.corrected.encoded() == here.corrected.encoded()
    assert {name: found.encoded() for name, found in there.by_operation.items()} == {
        name: found.encoded() for name, found in here.by_operation.items()
    }
    assert (there.offered, there.outcomes, there.over) == (here.offered, here.outcomes, here.over)
    assert there.corrected.count == there.outcomes[Outcome.OK] > 1000


def test_a_tally_of_nothing_has_no_last_answer() -> None:
    assert tally_from(tally_text(Tally(), BEGAN), 7.0).last == 0.0


def lose(found: dict[str, Any]) -> None:
    found["corrected"] = found["uncorrected"] = Tally().corrected.encoded()


def lose_a_statement(found: dict[str, Any]) -> None:
    found["by_operation"].popitem()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda found: found.update(offered=-1), "offered: "),
        (lambda found: found.update(offered=3), "lag holds 401 of 3"),
        (lambda found: found.update(cpu_seconds=float("inf")), "cpu_seconds"),
        (lambda found: found.update(surprise=1), "surprise"),
        (lambda found: found["outcomes"].update(maybe=1), "outcomes"),
        (lambda found: found.update(lag="no histogram"), "not whole"),
        (lambda found: found.update(lag=found["lag"][:-8]), "not whole"),
        (lose, "corrected holds 0 of"),
        (lose_a_statement, "by_operation holds"),
    ],
)
def test_a_tally_that_is_broken_is_refused_in_one_line(
    change: Callable[[dict[str, Any]], None], complaint: str
) -> None:
    found = json.loads(tally_text(tally(1), BEGAN))
    change(found)
    with pytest.raises(RemoteError, match=complaint) as caught:
        tally_from(json.dumps(found), BEGAN)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"offered": 1', "cos\nsystem\n(S'true'\ntR."])
def test_what_is_no_tally_is_refused(text: str) -> None:
    with pytest.raises(RemoteError, match="tally"):
        tally_from(text, BEGAN)


def test_the_work_survives_the_way() -> None:
    spec = LoadSpec(Ramp(rate=1, to_rate=9, duration=3), jobs=3, client=ClientKind.WIRE, limit=0.1)
    assert unpacked(packed(spec), LoadSpec) == spec
    mixture = Mixture([Statement("a", "SELECT 1", ExactRows(((1,),))), Statement("b", "SELECT 2", ExactRows(((2,),)))])
    back = unpacked(packed(mixture), Mixture)
    assert back.statements == mixture.statements
    assert [back.choose(n) for n in range(50)] == [mixture.choose(n) for n in range(50)]


def test_work_that_is_too_much_or_broken_or_something_else_is_refused() -> None:
    with pytest.raises(RemoteError, match="use fewer statements"):
        packed(random.Random(1).randbytes(LARGEST_PACKED))  # noqa: S311 - filling
    with pytest.raises(RemoteError, match="the image must hold this version"):
        unpacked("bm90aGluZw==", LoadSpec)
    with pytest.raises(RemoteError, match="a str instead of a LoadSpec"):
        unpacked(packed("text"), LoadSpec)


def test_the_last_status_of_a_log_counts_whatever_else_is_in_it() -> None:
    first = Status(run=1, state=State.GOING, offered=5)
    last = Status(run=1, state=State.DONE, offered=9, done=9, over=1)
    lines = ["a warning", first.line(), last.line(), last.line()[:-4], "Traceback"]
    assert Status.last(lines) == last
    assert Status.last(["a warning"]) is None
