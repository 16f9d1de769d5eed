"""``report.html``: one file, no request to anywhere, readable without JavaScript."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from runner.comparison.model import Comparison
from runner.report import alerts, engine_metrics, kubernetes, tpch, units
from runner.report.comparison import COMPARISON_FILTERS, comparison_view
from runner.report.durability import durability, inserts
from runner.report.engines import EngineNames, engine_names
from runner.report.experiments import experiment_section
from runner.report.figures import latency_figure, saturation_figure
from runner.report.figures.latency import shared_scale
from runner.report.headline import SEVERITY, Tally, answers, headline, parts, tally
from runner.report.queries import query_section
from runner.report.streams import throughput_views
from runner.results import CheckResult, LoadResult, Results, SaturationResult, SloResult, Verdict

TEMPLATES = Path(__file__).with_name("templates")
EVIDENCE_LIMIT = 4_000  # characters of each side of an exchange; results.json has all of it
NAME_LIMIT = 80
SLO_LIMIT = 16  # rows; beyond that those that were met are folded away
SYMBOLS = {Verdict.PASS: "✓", Verdict.FAIL: "✕", Verdict.INCONCLUSIVE: "?", Verdict.SKIPPED: "–"}


@dataclass(frozen=True, slots=True)
class CheckGroup:
    """The checks of one engine."""

    title: str
    checks: tuple[CheckResult, ...]
    tally: Tally


@dataclass(frozen=True, slots=True)
class LoadView:
    """One load run with its figure; without a single answer there is none."""

    item: LoadResult
    engine: str
    series: str
    figure: Markup | None


@dataclass(frozen=True, slots=True)
class SaturationView:
    """One search for the saturation rate with its figure; without a single answer there is none."""

    item: SaturationResult
    engine: str
    series: str
    figure: Markup | None


def render_html(results: Results, comparison: Comparison | None = None) -> str:
    """The whole page; with a comparison it begins with what has changed since an earlier run."""
    names = engine_names(results)
    shown, folded = _objectives(results.slo)
    return (
        template_environment()
        .get_template("report.html")
        .render(
            results=results,
            environment=results.environment,
            names=names,
            headline=headline(results),
            parts=[part for part in parts(results) if part.tally.total],
            answers=answers(results),
            durability=durability(results),
            slo=shown,
            slo_folded=folded,
            slo_tally=tally(item.verdict for item in results.slo),
            checks=_checks(results.checks, names),
            queries=query_section(results.benchmarks, names),
            throughputs=throughput_views(results.throughputs, names),
            loads=_loads(results.loads, names),
            saturations=_saturations(results.saturations, names),
            experiments=experiment_section(results.experiments, names),
            comparison=comparison_view(comparison) if comparison else None,
            standalone=False,
        )
    )


def _checks(checks: Sequence[CheckResult], names: EngineNames) -> list[CheckGroup]:
    """Checks by engine, in their own order."""
    order = {kind: position for position, kind in enumerate(names.kinds)}
    ordered = sorted(checks, key=lambda check: order[check.engine])
    groups = [(kind, tuple(members)) for kind, members in groupby(ordered, key=lambda check: check.engine)]
    return [CheckGroup(names.title(kind), members, tally(c.status for c in members)) for kind, members in groups]


def _loads(loads: Sequence[LoadResult], names: EngineNames) -> list[LoadView]:
    scale = shared_scale(loads)
    views = []
    for number, load in enumerate(loads, start=1):
        engine = names.title(load.engine)
        title = f"Latency of {engine} at {units.rate(load.rate_per_second)}"
        figure = latency_figure(f"load-{number}", load, title, scale) if load.corrected.count else None
        views.append(LoadView(load, engine, names.series(load.engine), figure))
    return views


def _saturations(saturations: Sequence[SaturationResult], names: EngineNames) -> list[SaturationView]:
    views = []
    for number, found in enumerate(saturations, start=1):
        engine = names.title(found.engine)
        figure = saturation_figure(f"saturation-{number}", found, f"Saturation of {engine}")
        views.append(SaturationView(found, engine, names.series(found.engine), figure))
    return views


def _objectives(slo: Sequence[SloResult]) -> tuple[list[SloResult], list[SloResult]]:
    """(shown, folded): the worst first; in a long list those that were met are folded."""
    ordered = sorted(slo, key=lambda item: SEVERITY[item.verdict])
    if len(ordered) <= SLO_LIMIT:
        return ordered, []
    bad = [item for item in ordered if item.verdict in {Verdict.FAIL, Verdict.INCONCLUSIVE}]
    return bad, ordered[len(bad) :]


def template_environment() -> Environment:
    """What every page is rendered with: escaping on, undefined names refused."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    for name in ("count", "duration", "moment", "number", "percent", "rate", "ratio", "size"):
        environment.filters[name] = getattr(units, name)
    environment.filters |= {"cut": cut, "evidence": evidence, "amount": tpch.amount, **COMPARISON_FILTERS}
    environment.globals |= {
        "symbols": SYMBOLS,
        "inconclusive": Verdict.INCONCLUSIVE,
        "plural": units.plural,
        "inserts": inserts,
        "kubernetes": kubernetes,
        "alerts": alerts,
        "engine_metrics": engine_metrics,
        "tpch": tpch,
        "uncertain": units.with_uncertainty,
    }
    return environment


def _printable(value: object) -> object:
    return units.printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def cut(text: str, limit: int = NAME_LIMIT) -> str:
    """Shorten a name for a table cell."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def evidence(text: str) -> str:
    """Shorten one side of an exchange."""
    left_out = len(text) - EVIDENCE_LIMIT
    if left_out <= 0:
        return text
    return f"{text[:EVIDENCE_LIMIT]}\n… {left_out:,} more characters in results.json"
