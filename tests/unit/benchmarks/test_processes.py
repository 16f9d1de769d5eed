"""Several generator processes: one schedule, one sum, and no process left behind."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.arrivals import Poisson
from benchmarks.calibration.endpoint import scripted_endpoint
from benchmarks.calibration.script import Script, Window
from benchmarks.load import ClientKind, LoadSpec, run_load
from benchmarks.mixture import Mixture
from benchmarks.processes import GeneratorError, Job, in_processes
from benchmarks.statements import probe_statement
from engines import Endpoint, Outcome, engine_class

ROOT = Path(__file__).parents[3]
ENDPOINT = Endpoint("clickhouse", "127.0.0.1", 9, user="me", password="very secret")


def test_clients_are_shared_out() -> None:
    engine = engine_class("clickhouse")(ENDPOINT)
    mixture = Mixture([probe_statement(engine.probe)])
    spec = LoadSpec(Poisson(rate=1, duration=1), max_in_flight=10, processes=3)
    assert [Job(ENDPOINT, mixture, spec, number).max_in_flight for number in range(3)] == [4, 3, 3]
    in_jobs = LoadSpec(Poisson(rate=1, duration=1), max_in_flight=10, processes=2, jobs=2)
    assert [Job(ENDPOINT, mixture, in_jobs, number).max_in_flight for number in range(in_jobs.parts)] == [3, 3, 2, 2]


@pytest.mark.parametrize("client", list(ClientKind))
def test_processes_add_up_to_the_whole_schedule(client: ClientKind) -> None:
    schedule = Poisson(rate=150, duration=1.0, seed=5)
    with scripted_endpoint() as served:
        engine = engine_class("clickhouse")(served.endpoint)
        served.play(Script(stalls=(Window(0.3, 0.3),)))
        spec = LoadSpec(schedule, processes=2, max_in_flight=200, client=client, limit=0.25)
        run = run_load(engine, Mixture([probe_statement(engine.probe)]), spec, in_processes)
        log = served.log()
    assert run.offered == run.sent == log.requests == len(list(schedule.starts()))
    assert run.outcomes[Outcome.OK] == run.corrected.count == run.lag.count == run.offered, run.problems
    assert run.corrected.quantiles["max"] > 0.2, "what came in the stall waited for its end"
    assert 0 < run.over < run.offered
    assert run.cpu_seconds > 0
    assert not multiprocessing.active_children()


def test_a_generator_that_cannot_work_says_why() -> None:
    engine = engine_class("trino")(Endpoint("trino", "127.0.0.1", 9, user="me"))
    spec = LoadSpec(Poisson(rate=5, duration=1), client=ClientKind.WIRE)
    with pytest.raises(GeneratorError, match="no protocol of one request per statement"):
        run_load(engine, Mixture([probe_statement(engine.probe)]), spec, in_processes)
    assert not multiprocessing.active_children()


LONE = """
import sys
from benchmarks.arrivals import Constant
from benchmarks.load import ClientKind, LoadSpec, run_load
from benchmarks.mixture import Mixture
from benchmarks.processes import in_processes
from benchmarks.statements import probe_statement
from engines import Endpoint, engine_class

engine = engine_class("clickhouse")(Endpoint("clickhouse", "127.0.0.1", int(sys.argv[1])))
spec = LoadSpec(Constant(rate=50, duration=600), client=ClientKind.WIRE, processes=2)
run_load(engine, Mixture([probe_statement(engine.probe)]), spec, in_processes)
"""


def test_generators_end_with_a_parent_that_was_killed() -> None:
    with scripted_endpoint() as served:
        served.play(Script())
        parent = subprocess.Popen([sys.executable, "-c", LONE, str(served.port)], cwd=ROOT)
        try:
            ends = time.monotonic() + 60
            while not served.log().requests and time.monotonic() < ends:
                time.sleep(0.05)
            children = psutil.Process(parent.pid).children()
            assert len(children) >= 2
        finally:
            parent.kill()
            parent.wait()
        _, alive = psutil.wait_procs(children, timeout=30)
        assert not alive


def test_a_watch_ends_all_processes() -> None:
    with scripted_endpoint() as served:
        engine = engine_class("clickhouse")(served.endpoint)
        spec = LoadSpec(Poisson(rate=100, duration=600), processes=2, client=ClientKind.WIRE)
        mixture = Mixture([probe_statement(engine.probe)])
        run = run_load(engine, mixture, spec, in_processes, lambda sofar: sofar.done >= 20)
    assert 20 <= run.offered < 60_000
    assert run.sent + run.dropped == run.offered
