"""The run as Prometheus reads it: documented names, one sample a series, hostile texts escaped."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from runner.report.metrics import FAMILIES, render_metrics
from runner.results import Verdict
from tests.unit.monitoring import promtool
from tests.unit.report.sample import empty_results, sample_results

ROOT = Path(__file__).parents[3]
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? (-?[\d.e+-]+)')


def samples(text: str) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        key = (match[1], match[2] or "")
        assert key not in found, line
        found[key] = float(match[3])
    return found


def of(name: str, text: str) -> dict[str, float]:
    return {labels: value for (family, labels), value in samples(text).items() if family == name}


def test_every_family_is_there_in_a_run_of_everything() -> None:
    assert {name for name, _ in samples(render_metrics(sample_results()))} == {family.name for family in FAMILIES}


def test_a_run_of_nothing_still_says_what_it_was() -> None:
    found = {name for name, _ in samples(render_metrics(empty_results()))}
    assert found == {family.name for family in FAMILIES if family.name.startswith("qer_run_")}


def test_a_verdict_is_one_of_all() -> None:
    results = sample_results()
    verdicts = of("qer_run_verdict", render_metrics(results))
    assert verdicts == {f'verdict="{one}"': float(one is results.verdict) for one in Verdict}


def test_measures_are_those_of_the_results() -> None:
    results = sample_results()
    text = render_metrics(results)
    known = {one.name: one.rto_seconds for one in results.experiments if one.rto_seconds is not None}
    shown = of("qer_experiment_rto_seconds", text)
    for name, seconds in known.items():
        assert seconds in [value for labels, value in shown.items() if f'experiment="{name}"' in labels]
    assert len(shown) == len(known)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_family_is_documented_with_its_unit(family: object) -> None:
    rows = [line for line in (ROOT / "docs" / "monitoring.md").read_text().splitlines() if line.startswith("| `qer_")]
    assert [row for row in rows if f"`{family.name}`" in row and family.unit in row]  # type: ignore[attr-defined]


def test_promtool_takes_it() -> None:
    done = subprocess.run(
        [promtool.tool(), "check", "metrics"],
        input=render_metrics(sample_results()),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
