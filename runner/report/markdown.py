"""``report.md``: the run in the length of a pull request comment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from benchmarks.calibration.document import Calibration
from runner.report import alerts, kubernetes
from runner.report.durability import inserts
from runner.report.engines import EngineNames, engine_names
from runner.report.headline import SEVERITY, headline, parts
from runner.report.queries import query_section
from runner.report.tpch import NOTE, caches, compared, hourly, interval, over, refreshed, trouble
from runner.report.units import count, duration, moment, plural, printable, rate, with_uncertainty
from runner.results import (
    Benchmark,
    CheckResult,
    Durability,
    Environment,
    Experiment,
    LoadResult,
    Results,
    SaturationResult,
    Scaling,
    SloResult,
    Throughput,
    Verdict,
)

SYMBOLS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "⚠️", Verdict.SKIPPED: "➖"}
ROWS = 40  # of any table; results.json has all
CELL = 120  # characters

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#@!&])")


def render_markdown(results: Results) -> str:
    """The run as GitHub-flavoured Markdown; everything measured is escaped."""
    names = engine_names(results)
    blocks = [
        _head(results),
        _tally(results),
        _objectives(results.slo),
        _checks(results.checks, names),
        _benchmarks(results.benchmarks, names),
        _throughputs(results.throughputs),
        _loads(results.loads, names),
        _saturations(results.saturations, names),
        _calibration(results.calibration),
        _experiments(results.experiments),
        _scalings(results.scalings),
        _foot(results),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def escaped(text: str, limit: int = CELL) -> str:
    """Text that Markdown and HTML take literally, on one line."""
    line = printable(" ".join(text.split()))
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    return _SPECIAL.sub(r"\\\1", line)


def _head(results: Results) -> str:
    return f"# {_verdict(results.verdict)}: query engine reliability\n\n{escaped(headline(results), 600)}"


def _verdict(verdict: Verdict) -> str:
    return f"{SYMBOLS[verdict]} {verdict.value}"


def markdown_table(columns: Sequence[str], rows: Sequence[Iterable[str]], most: int | None = ROWS) -> str:
    """A table of cells that are escaped already; columns that start with ``>`` are aligned right."""
    head = "| " + " | ".join(column.removeprefix(">") for column in columns) + " |"
    rule = "|" + "|".join(" ---: " if column.startswith(">") else " --- " for column in columns) + "|"
    body = ["| " + " | ".join(row) + " |" for row in rows[:most]]
    left = len(rows) - len(body)
    more = [f"\n{left} more rows in results.json."] if left else []
    return "\n".join([head, rule, *body, *more])


def _tally(results: Results) -> str:
    rows = [
        (part.title, f"{count(part.tally.passed)} of {count(part.tally.total)} {part.good}", part.tally.rest or "–")
        for part in parts(results)
        if part.tally.total
    ]
    return markdown_table(("Part", "Result", "Otherwise"), rows) if rows else ""


def _objectives(slo: Sequence[SloResult]) -> str:
    """What was missed in full view, the rest folded."""
    if not slo:
        return ""
    bad = [item for item in slo if item.verdict in {Verdict.FAIL, Verdict.INCONCLUSIVE}]
    rest = [item for item in slo if item not in bad]
    blocks = ["## Objectives"]
    if bad:
        blocks.append(_objective_table(bad))
    if rest:
        blocks.append(_folded(f"{plural(len(rest), 'objective')} without trouble", _objective_table(rest)))
    return "\n\n".join(blocks)


def _objective_table(slo: Sequence[SloResult]) -> str:
    rows = [
        (_verdict(item.verdict), *(escaped(text) for text in (item.objective, item.subject, item.limit, item.measured)))
        for item in sorted(slo, key=lambda item: SEVERITY[item.verdict])
    ]
    return markdown_table(("", "Objective", "Subject", ">Limit", ">Measured"), rows)


def _folded(summary: str, body: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def _checks(checks: Sequence[CheckResult], names: EngineNames) -> str:
    notable = sorted(
        (check for check in checks if check.status is not Verdict.PASS), key=lambda check: SEVERITY[check.status]
    )
    if not notable:
        return ""
    rows = [
        (_verdict(check.status), escaped(names.title(check.engine)), escaped(check.name), escaped(check.reason))
        for check in notable
    ]
    return "## Functionality, what did not pass\n\n" + markdown_table(("", "Engine", "Check", "Reason"), rows)


def _benchmarks(benchmarks: Sequence[Benchmark], names: EngineNames) -> str:
    section = query_section(benchmarks, names)
    if section is None:
        return ""
    rows = [
        (
            escaped(summary.benchmark.title),
            f"{summary.benchmark.scale_factor:g}",
            f"{summary.valid}/{len(summary.benchmark.queries)}",
            duration(summary.benchmark.geometric_mean_seconds),
            interval(summary.benchmark.geometric_mean_interval),
            duration(summary.total),
            interval(summary.benchmark.sum_interval),
            duration(summary.benchmark.loading.seconds if summary.benchmark.loading else None),
        )
        for summary in section.summaries
    ]
    columns = (
        "Engine",
        ">Scale factor",
        ">Valid answers",
        ">Geometric mean",
        ">Interval",
        ">Sum of hot medians",
        ">Interval",
        ">Loading",
    )
    problems = [
        f"- {escaped(title)} Q{query.query}: {escaped(query.problem, 300)}" for title, query in section.problems
    ]
    based = [f"- {escaped(b.title)}: intervals {over(b)}" for b in benchmarks if over(b)]
    started = [f"- {escaped(b.title)}: {escaped(caches(b), 600)}" for b in benchmarks if b.restarts]
    listed = "\n".join([*problems[:ROWS], *based, *started])
    return "\n\n".join(block for block in ("## TPC-H", markdown_table(columns, rows), listed, NOTE) if block)


def _throughputs(throughputs: Sequence[Throughput]) -> str:
    if not throughputs:
        return ""
    rows = [
        (
            escaped(item.title),
            count(len(item.streams)),
            " / ".join(count(number) for number in compared(item.streams)),
            duration(item.seconds),
            hourly(item.queries_per_hour),
            ", ".join(hourly(stream.queries_per_hour) for stream in item.streams) or "–",
            escaped(refreshed(item), 300),
        )
        for item in throughputs
    ]
    columns = (
        "Engine",
        ">Streams",
        ">Right / wrong or failed / not compared",
        ">Took",
        ">Queries per hour",
        ">Each stream",
        "Refresh",
    )
    problems = "\n".join(f"- {line}" for line in [escaped(line, 300) for line in _stream_problems(throughputs)][:ROWS])
    return "\n\n".join(
        block for block in ("## TPC-H throughput", markdown_table(columns, rows), problems, NOTE) if block
    )


def _stream_problems(throughputs: Sequence[Throughput]) -> list[str]:
    return [line for item in throughputs for line in trouble(item)]


def _loads(loads: Sequence[LoadResult], names: EngineNames) -> str:
    if not loads:
        return ""
    rows = [
        (
            escaped(names.title(load.engine)),
            rate(load.rate_per_second)
            + (f" → {rate(load.to_rate_per_second)}" if load.to_rate_per_second is not None else ""),
            f"{count(load.offered)} / {count(load.sent)} / {count(load.dropped)}",
            f"{count(load.answers.ok)} / {count(load.answers.failed)} / {count(load.answers.wrong)}",
            duration(load.corrected.p50),
            duration(load.corrected.p99),
            duration(load.uncorrected.p99),
        )
        for load in loads
    ]
    columns = (
        "Engine",
        ">Rate",
        ">Offered / sent / dropped",
        ">Ok / failed / wrong",
        ">p50",
        ">p99",
        ">p99 uncorrected",
    )
    open_ = _verdict(Verdict.INCONCLUSIVE)
    invalid = [
        f"- {open_} {escaped(names.title(load.engine))}: {escaped(load.generator.invalid, 300)}"
        for load in loads
        if load.generator and load.generator.invalid
    ]
    return "\n\n".join(block for block in ("## Load", markdown_table(columns, rows), "\n".join(invalid)) if block)


def _saturations(saturations: Sequence[SaturationResult], names: EngineNames) -> str:
    if not saturations:
        return ""
    rows = [
        (
            _verdict(found.verdict),
            escaped(names.title(found.engine)),
            f"p{found.percentile:g} ≤ {duration(found.limit_seconds)}",
            rate(found.rate_per_second),
            rate(found.above_per_second),
            count(len(found.steps)),
            escaped(found.reason, 300) or "–",
        )
        for found in saturations
    ]
    columns = ("", "Engine", "Limit", ">Highest rate that meets it", ">Lowest that does not", ">Steps", "Reason")
    return "## Saturation\n\n" + markdown_table(columns, rows)


def _calibration(found: Calibration | None) -> str:
    if found is None:
        return ""
    rows = [tuple(escaped(text) or "–" for text in row) for row in found.rows()]
    table = markdown_table(("What", ">Truth", ">Measured", ">Locust"), rows)
    return _folded(f"Calibration of {moment(found.measured_at)}", f"{table}\n\n{escaped(found.machine)}")


def _experiments(experiments: Sequence[Experiment]) -> str:
    if not experiments:
        return ""
    carried_out = [item for item in experiments if item.verdict is not Verdict.SKIPPED]
    skipped = [item for item in experiments if item.verdict is Verdict.SKIPPED]
    blocks = ["## Experiments"]
    if carried_out:
        blocks.append(_experiment_table(carried_out))
        blocks.append(_inserts(carried_out))
    if any(item.kubernetes for item in carried_out):
        blocks.append(escaped(kubernetes.EXPLANATION, 600))
    if any(item.alerts for item in carried_out):
        blocks.append(escaped(alerts.EXPLANATION, 600))
    if skipped:
        lines = "\n".join(f"- {escaped(item.name)}: {escaped(item.reason)}" for item in skipped[:ROWS])
        blocks.append(_folded(plural(len(skipped), "skipped experiment"), lines))
    return "\n\n".join(block for block in blocks if block)


def _inserts(experiments: Sequence[Experiment]) -> str:
    """A line for each experiment that wrote keys: those with trouble in full view, the rest folded."""
    checked = [(item, item.durability) for item in experiments if item.durability is not None]
    trouble = [_inserts_line(item, found) for item, found in checked if found.broken != 0]
    rest = [_inserts_line(item, found) for item, found in checked if found.broken == 0]
    blocks = ["\n".join(trouble[:ROWS])]
    if rest:
        summary = f"Inserts in {plural(len(rest), 'experiment')}: each acknowledged one is there exactly once"
        blocks.append(_folded(summary, "\n".join(rest[:ROWS])))
    return "\n\n".join(block for block in blocks if block)


def _inserts_line(item: Experiment, durability: Durability) -> str:
    """One item of a list."""
    return f"- {escaped(item.name)}, inserts: {escaped(inserts(durability), 300)}"


def _experiment_table(experiments: Sequence[Experiment]) -> str:
    ordered = sorted(experiments, key=lambda item: SEVERITY[item.verdict])
    watched = any(item.kubernetes for item in experiments)
    alerted = any(item.alerts for item in experiments)
    rows = [
        (
            _verdict(item.verdict),
            escaped(item.full_name),
            duration(item.detection_seconds),
            duration(item.unavailable_seconds),
            with_uncertainty(item.rto_seconds, item.rto_uncertainty_seconds, censored=item.rto_censored),
            duration(item.full_capacity_seconds),
            *((kubernetes.gray_failure(item.kubernetes), kubernetes.ready_gap(item.kubernetes)) * watched),
            f"{count(item.answers.ok)} / {count(item.answers.failed)} / {count(item.answers.wrong)}",
            *((escaped(alerts.cell(item.alerts)),) * alerted),
            escaped(item.reason) or "–",
        )
        for item in ordered
    ]
    columns = (
        "",
        "Experiment",
        ">Detection",
        ">Unavailable",
        ">RTO",
        ">Full capacity",
        *((">Gray failure", ">Ready gap") * watched),
        ">Ok / failed / wrong",
        *(("Alerts",) * alerted),
        "Reason",
    )
    return markdown_table(columns, rows)


def _scalings(scalings: Sequence[Scaling]) -> str:
    if not scalings:
        return ""
    rows = [
        (
            _verdict(item.verdict),
            escaped(item.name),
            escaped(f"{item.before} → {item.after}") if item.after else "–",
            _steps(item, "out"),
            _steps(item, "in"),
            f"{count(item.answers_out.ok)} / {count(item.answers_out.failed)} / {count(item.answers_out.wrong)}",
            f"{count(item.answers_in.ok)} / {count(item.answers_in.failed)} / {count(item.answers_in.wrong)}",
            escaped(item.reason) or "–",
        )
        for item in scalings
    ]
    columns = ("", "Scaling", "Size", "Out", "In", ">Ok / failed / wrong, out", ">Ok / failed / wrong, in", "Reason")
    return "## Scaling\n\n" + markdown_table(columns, rows)


def _steps(item: Scaling, way: str) -> str:
    shown = [f"{escaped(step.name)} {duration(step.seconds)}" for step in item.steps if step.way == way]
    return ", ".join(shown) or "–"


def _foot(results: Results) -> str:
    environment = results.environment
    engines = ", ".join(f"{escaped(engine.title)} {escaped(engine.version)}" for engine in environment.engines)
    return (
        f"{engines or 'No engine'} · target {escaped(results.target)} · {_transport(environment)} · "
        f"scale factor {environment.scale_factor:g} · seed {environment.seed} · {moment(environment.started_at)} · "
        f"took {duration(environment.duration_seconds)}"
    )


def _transport(environment: Environment) -> str:
    """The transport's name and what a round trip takes, engine by engine."""
    trips = [f"{escaped(way.engine)} {duration(way.round_trip.median)}" for way in environment.transport_overheads]
    took = f" (round trip {', '.join(trips)})" if trips else ""
    return f"{escaped(environment.transport)}{took}"
