"""Load in Jobs: the whole way, with subprocesses for pods and a scripted endpoint for the engine."""

from __future__ import annotations

import base64
import random
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks.arrivals import Constant, Poisson
from benchmarks.calibration.endpoint import ScriptedEndpoint, scripted_endpoint
from benchmarks.calibration.script import Script
from benchmarks.load import ClientKind, LoadSpec, Sofar, run_load
from benchmarks.mixture import Mixture
from benchmarks.processes import GeneratorError, in_processes
from benchmarks.remote import LARGEST_PACKED
from benchmarks.statements import ExactRows, Statement, probe_statement
from engines import Endpoint, Engine, Outcome, engine_class
from runner import fleet
from runner.errors import BadInput
from runner.jobs import InJobs, check_jobs, conducting, generator_spec, require_rights, work_files
from runner.loads import load_result
from targets.base import BadOutputs
from targets.contract import Outputs
from targets.kubernetes.job_manifest import GROUP_LABEL, JobSpec, manifest
from targets.kubernetes.rights import Rights
from tests.unit.runner.pods import Machine
from tests.unit.runner.test_incluster import STACK, settings

PLACE = JobSpec("runner:1", "qer-test", "qer-runner", "runner", (), {"QER_REPORT_DIR": "/report"})


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cluster lies between the two halves here."""
    monkeypatch.setattr(fleet, "LEAD_SECONDS", 0.6)


@pytest.fixture(scope="module")
def served() -> Iterator[ScriptedEndpoint]:
    with scripted_endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.close()


def outputs(port: int, kind: str = "clickhouse") -> Outputs:
    """A stack whose engine is the scripted endpoint; ``external``, so that no cluster is looked for."""
    engine = {
        "kind": kind,
        "title": "ClickHouse",
        "version": "1",
        "namespace": "n",
        "service": "s",
        "port": port,
        "host": "127.0.0.1",
        "scheme": "http",
        "user": "calibration",
    }
    return Outputs.model_validate({"target": "external", "stack": "qer-test", "engines": [engine]})


def engine_of(served: ScriptedEndpoint) -> Engine:
    return engine_class("clickhouse")(served.endpoint)


def probing(engine: Engine, *more: Statement) -> Mixture:
    probe = probe_statement(engine.probe)
    return Mixture([probe, replace(probe, name="again"), *more])


def test_two_jobs_make_the_whole_schedule_and_are_kept_for_the_next_run(
    served: ScriptedEndpoint, machine: Machine
) -> None:
    engine = engine_of(served)
    schedule = Poisson(rate=120, duration=1.0, seed=5)
    spec = LoadSpec(schedule, jobs=2, processes=2, max_in_flight=80, client=ClientKind.WIRE, limit=5.0)
    served.play(Script())
    told: list[Sofar] = []

    def watch(sofar: Sofar) -> bool:
        told.append(sofar)
        return len(told) > 1 and endless and sofar.done >= 20

    mixture = probing(engine)
    with InJobs(PLACE, outputs(served.port), machine, machine) as conduct:
        endless = False
        entered = time.monotonic()
        run = run_load(engine, mixture, spec, conduct, watch)
        took = time.monotonic() - entered
        log = served.log()
        pods = list(machine.pods)
        endless = True
        longer = replace(spec, arrivals=Constant(rate=50, duration=600), processes=1)
        stopped = run_load(engine, mixture, longer, conduct, watch)
        assert list(machine.pods) == pods, "the Jobs of the first run made the second one too"
        children = [child for pod in machine.pods.values() for child in psutil.Process(pod.process.pid).children(True)]
    expected = list(schedule.starts())
    assert run.offered == run.sent == log.requests == len(expected)
    assert run.outcomes[Outcome.OK] == run.corrected.count == run.lag.count == run.offered, run.problems
    assert {name: found.count for name, found in run.by_operation.items()} == run.operations
    assert sum(run.operations.values()) == run.offered and set(run.operations) == {"probe", "again"}
    assert told[-1].done > 0 and run.cpu_seconds > 0 and run.spread > 0
    assert expected[-1] < run.elapsed < took - fleet.LEAD_SECONDS, "what the generators took, not the way to them"
    assert 20 <= stopped.offered < 30_000
    assert stopped.sent + stopped.dropped == stopped.offered
    assert sorted(machine.deleted) == sorted(pods) and len(pods) == 2
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    generator = load_result("clickhouse", run).generator
    assert generator is not None
    assert (generator.jobs, generator.processes, generator.begin_spread_seconds) == (2, 2, round(run.spread, 6))


def test_a_generator_that_cannot_work_says_why_and_no_job_is_left(served: ScriptedEndpoint, machine: Machine) -> None:
    engine = engine_class("trino")(Endpoint("trino", "127.0.0.1", served.port, user="me"))
    spec = LoadSpec(Constant(rate=1, duration=1), jobs=1, client=ClientKind.WIRE)
    document = outputs(served.port, kind="trino")
    with (
        pytest.raises(GeneratorError, match=r"generator qer-load-\w+ has failed: .* one request per statement"),
        InJobs(PLACE, document, machine, machine) as conduct,
    ):
        run_load(engine, probing(engine), spec, conduct)
    assert len(machine.deleted) == 1 and not machine.pods


def test_a_container_that_is_ended_from_outside_is_noticed(served: ScriptedEndpoint, machine: Machine) -> None:
    engine = engine_of(served)
    served.play(Script())
    spec = LoadSpec(Constant(rate=20, duration=600), jobs=1, client=ClientKind.WIRE)

    def kill(sofar: Sofar) -> bool:
        if sofar.done:
            for pod in machine.pods.values():
                pod.process.kill()
        return False

    with (
        pytest.raises(GeneratorError, match=r"qer-load-\w+ has ended without a result \(Error, exit code -9\)"),
        InJobs(PLACE, outputs(served.port), machine, machine) as conduct,
    ):
        run_load(engine, probing(engine), spec, conduct, kill)


def test_jobs_are_gone_when_the_run_is_interrupted(served: ScriptedEndpoint, machine: Machine) -> None:
    engine = engine_of(served)
    served.play(Script())

    def interrupt(sofar: Sofar) -> bool:
        if sofar.done:
            raise KeyboardInterrupt
        return False

    spec = LoadSpec(Constant(rate=20, duration=600), jobs=2, client=ClientKind.WIRE)
    with pytest.raises(KeyboardInterrupt), InJobs(PLACE, outputs(served.port), machine, machine) as conduct:
        run_load(engine, probing(engine), spec, conduct, interrupt)
    assert len(machine.manifests) == len(machine.deleted) == 2
    assert not machine.pods


def test_what_a_pod_is_given_holds_no_secret_and_only_its_engine() -> None:
    engine = engine_class("trino")(Endpoint("trino", "127.0.0.1", 9, user="me", password="very secret"))
    stack = STACK.model_copy(update={"kube_context": "mine"})
    files = work_files(stack, "trino", probing(engine))
    assert set(files) == {"outputs.json", "work"}
    document = Outputs.model_validate_json(files["outputs.json"])
    assert ([one.kind for one in document.engines], document.monitoring) == (["trino"], ())
    assert b"very secret" not in zlib.decompress(base64.b64decode(files["work"]))


def test_the_jobs_of_a_group_are_spread_over_the_nodes_and_end_soon() -> None:
    made = manifest(generator_spec(PLACE, {"work": "x"}, 3, "abc"), "qer-load-1")
    pod = made["spec"]["template"]["spec"]
    assert pod["containers"][0]["command"][-2:] == ["--job", "3"]
    assert pod["terminationGracePeriodSeconds"] < 60
    assert made["spec"]["activeDeadlineSeconds"] >= 25 * 3600, "a day of load, and what was under way"
    (spread,) = pod["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == {GROUP_LABEL: "abc"}
    assert made["spec"]["template"]["metadata"]["labels"][GROUP_LABEL] == "abc"


def test_statements_that_no_job_can_carry_are_refused_in_one_line() -> None:
    engine = engine_class("trino")(Endpoint("trino", "127.0.0.1", 9))
    draw = random.Random(3)  # noqa: S311 - values, not secrets
    rows = tuple((draw.random(), draw.random()) for _ in range(LARGEST_PACKED // 8))
    with pytest.raises(BadInput, match="a Job carries 200,000; use fewer statements") as caught:
        work_files(STACK, "trino", probing(engine, Statement("large", "SELECT 1", ExactRows(rows))))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"in_cluster": True}, "leave --in-cluster out"),
        ({"in_cluster": False, "target": "embedded"}, "--jobs needs a cluster: name one with --target stack"),
    ],
)
def test_jobs_need_a_cluster(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        check_jobs(settings(**changes))


def test_jobs_need_a_stack_with_a_place_and_an_image_for_them() -> None:
    def use(document: Outputs, image: str | None = "runner:1") -> None:
        with conducting(document, settings(in_cluster=False, image=image), 2, lambda _: None):
            pytest.fail("it was not refused")

    with pytest.raises(BadInput, match="--jobs needs a cluster, and stack is about external engines"):
        use(outputs(9))
    with pytest.raises(BadInput, match="no image for the runner: build one"):
        use(STACK, None)
    with pytest.raises(BadOutputs, match="names no runnerNamespace"):
        use(STACK.model_copy(update={"runner_namespace": None}))


def test_without_jobs_the_generators_are_processes_here() -> None:
    with conducting(outputs(9), settings(in_cluster=False), 0, lambda _: None) as conduct:
        assert conduct is in_processes


class Reviews:
    """An API that says what our credentials may do."""

    def __init__(self, *denied: tuple[str, str]) -> None:
        self.denied = denied
        self.asked: list[tuple[str, str, str]] = []

    def call(self, method: str, path: str, *, body: Any = None, **_: object) -> dict[str, Any]:
        given = body["spec"]["resourceAttributes"]
        resource = "/".join(filter(None, (given["resource"], given.get("subresource"))))
        self.asked.append((given["verb"], resource, given["namespace"]))
        return {"status": {"allowed": (given["verb"], resource) not in self.denied}}


def test_every_right_that_is_needed_is_asked_for() -> None:
    reviews = Reviews()
    require_rights(Rights(reviews), "qer-runner")  # type: ignore[arg-type]  # asks nothing else
    asked = {(verb, resource) for verb, resource, _ in reviews.asked}
    assert asked >= {("create", "jobs"), ("delete", "jobs"), ("create", "pods/exec"), ("get", "pods/log")}
    assert {namespace for *_, namespace in reviews.asked} == {"qer-runner"}


def test_a_missing_right_is_one_line_with_the_rule_to_add() -> None:
    with pytest.raises(BadInput) as caught:
        require_rights(Rights(Reviews(("get", "pods/log"))), "qer-runner")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "--jobs: no right to get pods/log in namespace qer-runner; add to a Role in qer-runner of our account: "
        '{apiGroups: [""], resources: ["pods/log"], verbs: ["get"]}'
    )
