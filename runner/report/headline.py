"""What a run comes to in numbers and in one sentence; the same words in every report and on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runner.report.durability import broken_promises, durability
from runner.report.tpch import judgement
from runner.report.units import count, plural
from runner.results import Answers, Results, Verdict

SEVERITY = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2, Verdict.SKIPPED: 3}
NAMED = 3


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of each verdict."""

    passed: int = 0
    failed: int = 0
    inconclusive: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.passed + self.failed + self.inconclusive + self.skipped

    @property
    def rest(self) -> str:
        """What did not pass, in words; empty when everything passed."""
        parts = ((self.failed, "failed"), (self.inconclusive, "inconclusive"), (self.skipped, "skipped"))
        return ", ".join(f"{count(number)} {word}" for number, word in parts if number)

    @property
    def verdict(self) -> Verdict:
        """The worst that happened; SKIPPED when nothing was carried out."""
        if self.failed:
            return Verdict.FAIL
        if self.inconclusive:
            return Verdict.INCONCLUSIVE
        return Verdict.PASS if self.passed else Verdict.SKIPPED


def tally(verdicts: Iterable[Verdict]) -> Tally:
    """Count verdicts."""
    numbers = dict.fromkeys(Verdict, 0)
    for verdict in verdicts:
        numbers[verdict] += 1
    return Tally(*(numbers[key] for key in (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.SKIPPED)))


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the run: its tally and what its items are called."""

    key: str
    title: str
    noun: str
    good: str
    tally: Tally
    names: tuple[str, ...] = ()


def parts(results: Results) -> tuple[Part, ...]:
    """The parts of a run, in the order of the report; a part that was not run has an empty tally."""
    answered = _tpch(results)
    return (
        Part(
            "checks",
            "Functionality",
            "check",
            "passed",
            tally(check.status for check in results.checks),
            _worst([(check.name, check.status) for check in results.checks]),
        ),
        Part(
            "benchmarks",
            "TPC-H answers",
            "TPC-H answer",
            "valid",
            tally(found for _, found in answered),
            _worst(answered),
        ),
        Part(
            "experiments",
            "Experiments",
            "experiment",
            "passed",
            tally(experiment.verdict for experiment in results.experiments),
            _worst([(experiment.name, experiment.verdict) for experiment in results.experiments]),
        ),
        Part(
            "scalings",
            "Scaling",
            "scaling",
            "passed",
            tally(scaling.verdict for scaling in results.scalings),
            _worst([(scaling.name, scaling.verdict) for scaling in results.scalings]),
        ),
        Part(
            "slo",
            "Objectives",
            "objective",
            "met",
            tally(slo.verdict for slo in results.slo),
            _worst([(f"{slo.objective}: {slo.subject}", slo.verdict) for slo in results.slo]),
        ),
    )


def _tpch(results: Results) -> list[tuple[str, Verdict]]:
    """Each query of power runs and streams; a test that did not come to its streams is one that failed."""
    power = [
        (f"Q{query.query} on {query.engine}", Verdict.PASS if query.valid else Verdict.FAIL)
        for benchmark in results.benchmarks
        for query in benchmark.queries
    ]
    streams = [
        (f"Q{query.query} on {item.engine}, stream {stream.stream}", judgement(query))
        for item in results.throughputs
        for stream in item.streams
        for query in stream.queries
    ]
    broken = [(f"throughput on {item.engine}", Verdict.FAIL) for item in results.throughputs if item.problem]
    return power + streams + broken


def _worst(named: Sequence[tuple[str, Verdict]]) -> tuple[str, ...]:
    """Names of what failed; of what was inconclusive when nothing failed."""
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        if names := tuple(name for name, value in named if value is verdict):
            return names
    return ()


def answers(results: Results) -> Answers:
    """Every checked answer of the run outside the benchmarks: load, experiments and scaling."""
    every = [item.answers for part in (results.loads, results.experiments) for item in part]
    every += [part for item in results.scalings for part in (item.answers_before, item.answers_out, item.answers_in)]
    return Answers(
        ok=sum(item.ok for item in every),
        failed=sum(item.failed for item in every),
        wrong=sum(item.wrong for item in every),
        unknown=sum(item.unknown for item in every),
    )


def headline(results: Results) -> str:
    """One sentence that says why the verdict is what it is."""
    return results.summary.strip() or _sentence(results)


def _sentence(results: Results) -> str:
    done = [part for part in parts(results) if part.tally.total]
    clauses = {
        Verdict.FAIL: [_trouble(part, "failed", part.tally.failed) for part in done],
        Verdict.INCONCLUSIVE: [_trouble(part, "inconclusive", part.tally.inconclusive) for part in done],
        Verdict.PASS: [_success(part) for part in done if part.tally.passed],
        Verdict.SKIPPED: [],
    }[results.verdict]
    wrong = answers(results).wrong
    if wrong and results.verdict is Verdict.FAIL:
        clauses.insert(0, plural(wrong, "wrong answer"))
    if promises := broken_promises(durability(results).sum):
        clauses.insert(0, f"inserts {promises}")
    text = "; ".join(clause for clause in clauses if clause)
    if not text:
        return "Nothing was measured." if results.verdict is Verdict.SKIPPED else "See the parts below."
    return f"{text[0].upper()}{text[1:]}."


def _trouble(part: Part, word: str, number: int) -> str:
    if not number:
        return ""
    shown = ", ".join(part.names[:NAMED])
    more = f" and {number - NAMED} more" if number > NAMED else ""
    return f"{plural(number, part.noun)} {word} ({shown}{more})"


def _success(part: Part) -> str:
    carried_out = part.tally.total - part.tally.skipped
    return f"{count(part.tally.passed)} of {plural(carried_out, part.noun)} {part.good}"
