"""``python -m benchmarks.recovery``: the same faults on a stack and on the official chart's settings, side by side."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.recovery.compare import CASES, Case, Comparison, Measured, compare, measured
from benchmarks.recovery.deploy import Deployed, deployed
from runner.comparison.console import plain_console
from targets.base import MeansError, TargetError
from targets.contract import Outputs
from targets.document import load_outputs
from targets.kubernetes.calls import ClusterCalls
from targets.kubernetes.cluster import Cluster

RUN_SECONDS = 1500
SCALE_FACTOR = 0.01
COULD_NOT_RUN = 3
SIDES = ("stack", "reference")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--target", required=True, type=click.Path(path_type=Path), help="Outputs document of the stack.")
@click.option("--runs", default=5, show_default=True, type=click.IntRange(1, 100), help="Runs of each fault and side.")
@click.option("--output", default="report/recovery", show_default=True, type=click.Path(path_type=Path))
@click.option("--case", "only", multiple=True, metavar="LABEL", help="Only these: trino/coordinator/delete-now ...")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(target: Path, runs: int, output: Path, only: tuple[str, ...], options: tuple[str, ...]) -> None:
    """Compare recovery. OPTIONS after ``--`` go to the runner: the commands that stop and start a node, for example."""
    console = plain_console()
    bench = Bench(_cases(only), runs, output, options, console)
    try:
        comparisons = bench.run(load_outputs(target))
    except (MeansError, TargetError) as error:
        console.print(f"Error: {error}", style="red", markup=False)
        sys.exit(COULD_NOT_RUN)
    (output / "recovery.json").write_text(json.dumps([one.to_json() for one in comparisons], indent=1) + "\n")
    console.print(_table(comparisons))
    for one, side in product(comparisons, SIDES):
        if one.helped(side):
            console.print(
                f"{one.case.label}, {side}: recovered after the fault's end at {one.case.held(side):g} s only"
            )
    sys.exit(int(any(one.met is False for one in comparisons)))


def _cases(only: Sequence[str]) -> list[Case]:
    known = {case.label: case for case in CASES}
    for label in only:
        if label not in known:
            raise click.BadParameter(f"no case {label}; choose from {', '.join(known)}", param_hint="--case")
    return [known[label] for label in only or known]


@dataclass(frozen=True, slots=True)
class Bench:
    """Which cases, how often, where to, with which further options of the runner."""

    cases: Sequence[Case]
    runs: int
    output: Path
    options: Sequence[str]
    console: Console

    def run(self, outputs: Outputs) -> list[Comparison]:
        """Deploy the reference, run every case on both sides, take the reference away.

        Raises:
            TargetError, MeansError: the cluster cannot be reached, or does not take the reference.
        """
        self.output.mkdir(parents=True, exist_ok=True)
        cluster = Cluster(outputs.kube_context)
        cluster.open()
        try:
            with deployed(ClusterCalls(cluster), outputs, self.console.print) as reference:
                for side, document in zip(SIDES, (outputs, reference.outputs), strict=True):
                    self._document(side).write_text(document.to_json() + "\n")
                return [self._case(case, reference) for case in self.cases]
        finally:
            cluster.close()

    def _document(self, side: str) -> Path:
        return self.output / f"{side}.outputs.json"

    def _case(self, case: Case, reference: Deployed) -> Comparison:
        """Side by side in turn, so that what else the machines do strikes both alike.

        Where nothing is compared, the reference sleeps: it would keep the nodes of its only coordinator from harm.
        """
        found: dict[str, list[Measured]] = {side: [] for side in SIDES}
        if case.no_failures:
            reference.sleep()
        for run in range(1, self.runs + 1):
            for side in SIDES[:1] if case.no_failures else SIDES:
                if case.parted:
                    reference.part()
                if case.no_failures:
                    reference.spread()
                one = self._experiment(case, side, run)
                found[side].append(one)
                recovery = one.reason if one.rto is None else f"{'>' * one.censored}{one.rto:.1f} s"
                line = f"{case.label} {run}/{self.runs} {side}: {recovery}, {one.failed} failed"
                self.console.print(line, highlight=False, markup=False)
        if case.no_failures:
            reference.wake()
        return compare(case, found["stack"], found["reference"])

    def _experiment(self, case: Case, side: str, run: int) -> Measured:
        report = self.output / f"{case.label.replace('/', '-')}-{side}-{run}"
        command = [sys.executable, "-m", "runner", "fault", case.fault, "--engine", "trino"]
        # The one way that leads to both: the reference has no node ports.
        # So little data that the workers which stay can carry the load.
        command += ["--scale-factor", f"{SCALE_FACTOR:g}"]
        command += ["--component", case.component, "--target", str(self._document(side)), "--transport", "port-forward"]
        if (hold := case.held(side)) is not None:
            command += ["--hold", f"{hold:g}"]
        if case.deadline is not None:
            command += ["--deadline", f"{case.deadline:g}"]
        command += ["--output", str(report), "--seed", str(run), "--yes", *self.options]
        # An earlier run's results must not pass for this one's.
        (report / "results.json").unlink(missing_ok=True)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return Measured(None, False, 0, 0, f"no end within {RUN_SECONDS} s")
        try:
            return measured(json.loads((report / "results.json").read_text()))
        except (OSError, ValueError):
            lines = (done.stderr or done.stdout).strip().splitlines()
            return Measured(None, False, 0, 0, lines[-1] if lines else f"the runner ended with {done.returncode}")


def _table(comparisons: Sequence[Comparison]) -> Table:
    table = Table("fault", "stack, s", "reference, s", "ratio (95 %)", "failed answers", "goal", "met")
    for one in comparisons:
        ratio = "not measured" if one.ratio is None else f"{one.ratio:.2f} ({one.low:.2f}-{one.high:.2f})"
        goal = "no failed answer" if one.case.no_failures else ("" if one.case.goal is None else f"<= {one.case.goal}")
        failed = " / ".join(str(sum(run.failed for run in side)) for side in (one.stack, one.reference))
        met = {None: "", True: "yes", False: "no"}[one.met]
        table.add_row(one.case.label, _spread(one.stack), _spread(one.reference), ratio, failed, goal, met)
    return table


def _spread(side: Sequence[Measured]) -> str:
    return ", ".join("-" if one.rto is None else f"{'>' * one.censored}{one.rto:.1f}" for one in side)


if __name__ == "__main__":
    main()
