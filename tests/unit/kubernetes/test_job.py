"""The runner as a Job: what is made, what is said when it cannot start, and that it always goes again."""

from __future__ import annotations

import base64
import datetime
import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from targets.base import MeansError
from targets.kubernetes.calls import JSON, CallError
from targets.kubernetes.job import START_SECONDS, RunnerJob, unpack
from targets.kubernetes.job_manifest import JobSpec, manifest
from targets.kubernetes.jobgroup import JobGroup
from targets.kubernetes.joblog import _key
from targets.kubernetes.means import ObjectRef

SPEC = JobSpec(
    image="registry.example/runner:1",
    stack="qer-test",
    namespace="qer-test-runner",
    account="runner",
    command=("python", "-m", "runner.pod", "run", "check"),
    environment={"QER_REPORT_DIR": "/report"},
    files={"outputs.json": "{}"},
)
RUNNING: dict[str, Any] = {"containerStatuses": [{"state": {"running": {}}}]}
PULLING: dict[str, Any] = {"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}


class FakeCalls:
    """An API with one Job, whose pod shows one status after another."""

    def __init__(self, *statuses: dict[str, Any], refuse: str = "") -> None:
        self.statuses = list(statuses)
        self.refuse = refuse
        self.jobs: dict[str, Any] = {}
        self.calls: list[tuple[str, str]] = []
        self.failures = 0
        self.report = ""
        self.code = 0

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        content: str = JSON,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        self.calls.append((method, path.rsplit("/", 1)[-1]))
        if self.failures:
            self.failures -= 1
            raise CallError("the cluster's API does not answer")
        if method == "POST":
            if self.refuse:
                raise CallError(self.refuse, 403)
            assert isinstance(body, dict)
            self.jobs[body["metadata"]["name"]] = body
            return {}
        if method == "DELETE":
            assert params == {"propagationPolicy": "Background"}
            self.jobs.pop(path.rsplit("/", 1)[-1], None)
            return {}
        if path.endswith("/events"):
            return {"items": [{"message": "exceeded\n quota"}]}
        if not self.jobs or not self.statuses:
            return {"items": []}
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return {"items": [{"metadata": {"name": "qer-run-pod"}, "status": status}]}

    def exec(self, pod: ObjectRef, container: str, command: Sequence[str], timeout: float) -> tuple[int, str, str]:
        assert (pod.name, container, tuple(command)) == ("qer-run-pod", "runner", ("fetch",))
        return self.code, self.report, "went\nwrong"

    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC)


class FakeLogs:
    def __init__(self, *lines: str) -> None:
        self.lines = lines

    def follow(self, namespace: str, pod: str, listen: Callable[[str], bool]) -> None:
        assert (namespace, pod) == ("qer-test-runner", "qer-run-pod")
        for line in self.lines:
            if listen(line):
                return

    def tail(self, namespace: str, pod: str, lines: int) -> list[str]:
        assert (namespace, pod) == ("qer-test-runner", "qer-run-pod")
        return list(self.lines[-lines:])


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def job(calls: FakeCalls, *lines: str) -> tuple[RunnerJob, Clock]:
    clock = Clock()
    return RunnerJob(SPEC, calls, FakeLogs(*lines), clock=clock, sleep=clock.sleep), clock


def archive(files: Mapping[str, bytes]) -> str:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as made:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
    return base64.b64encode(buffer.getvalue()).decode()


def test_a_job_is_made_followed_asked_for_its_report_and_deleted(tmp_path: Path) -> None:
    calls = FakeCalls(PULLING, RUNNING)
    calls.report = archive({"results.json": b"{}"})
    made, _ = job(calls, "one", "two", "three")
    heard: list[str] = []

    def listen(line: str) -> bool:
        heard.append(line)
        return line == "two"

    with made:
        assert list(calls.jobs) == [made.name]
        assert made.start() == "qer-run-pod"
        made.follow(listen)
        assert made.fetch(("fetch",), tmp_path) == [tmp_path / "results.json"]
    assert heard == ["one", "two"]
    assert (tmp_path / "results.json").read_bytes() == b"{}"
    assert calls.jobs == {}


def test_the_pod_is_restricted_bounded_and_holds_no_secret() -> None:
    made = manifest(SPEC, "qer-run-1")
    spec, pod = made["spec"], made["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert made["metadata"]["labels"]["app.kubernetes.io/instance"] == "qer-test"
    assert spec["backoffLimit"] == 0
    assert spec["activeDeadlineSeconds"] > 0 and spec["ttlSecondsAfterFinished"] > 0
    assert pod["securityContext"]["runAsNonRoot"] and container["securityContext"]["readOnlyRootFilesystem"]
    assert pod["serviceAccountName"] == "runner"
    assert container["command"] == list(SPEC.command)
    (item,) = pod["volumes"][0]["downwardAPI"]["items"]
    field = item["fieldRef"]["fieldPath"].removeprefix("metadata.annotations['").removesuffix("']")
    assert spec["template"]["metadata"]["annotations"][field] == "{}"
    assert "secretKeyRef" not in json.dumps(made)


def test_a_job_that_is_refused_is_one_line_and_not_left() -> None:
    calls = FakeCalls(refuse='jobs.batch is forbidden: User "x" cannot create resource "jobs"')
    made, _ = job(calls)
    with pytest.raises(MeansError, match=r"Job cannot be made in qer-test-runner: jobs\.batch is forbidden"), made:
        pytest.fail("it was made")
    assert ("DELETE", made.name) in calls.calls


def test_an_image_that_is_nowhere_is_said_at_once() -> None:
    waiting = {"reason": "ErrImagePull", "message": "not found:\n registry.example"}
    calls = FakeCalls(PULLING, {"containerStatuses": [{"state": {"waiting": waiting}}]})
    made, clock = job(calls)
    with (
        pytest.raises(
            MeansError, match=r"image registry\.example/runner:1 \(ErrImagePull: not found: registry"
        ) as caught,
        made,
    ):
        made.start()
    assert "--image" in str(caught.value)
    assert clock.now < START_SECONDS
    assert calls.jobs == {}


@pytest.mark.parametrize(
    ("statuses", "told"),
    [
        (
            [
                {
                    "phase": "Pending",
                    "conditions": [{"status": "False", "message": "0/2 nodes are available:\n no memory"}],
                }
            ],
            "0/2 nodes are available: no memory",
        ),
        ([{"phase": "Pending"}], "Pending"),
        ([], "exceeded quota"),
    ],
)
def test_a_pod_that_does_not_start_says_why(statuses: list[dict[str, Any]], told: str) -> None:
    calls = FakeCalls(*statuses)
    made, _ = job(calls)
    with pytest.raises(MeansError, match=f"did not start within 180 s: {told}"), made:
        made.start()
    assert calls.jobs == {}


def test_an_api_that_is_away_for_a_while_is_waited_for() -> None:
    calls = FakeCalls(RUNNING)
    made, _ = job(calls)
    with made:
        calls.failures = 5
        assert made.start() == "qer-run-pod"


def test_a_job_goes_when_the_run_is_interrupted() -> None:
    calls = FakeCalls(RUNNING)
    made, _ = job(calls)
    with pytest.raises(KeyboardInterrupt), made:
        raise KeyboardInterrupt
    assert calls.jobs == {}


def test_why_the_pod_has_ended_is_told() -> None:
    calls = FakeCalls({"containerStatuses": [{"state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]})
    made, _ = job(calls)
    with made:
        made.start()
        assert made.end() == "OOMKilled, exit code 137"


def test_a_report_that_cannot_be_fetched_is_one_line(tmp_path: Path) -> None:
    calls = FakeCalls(RUNNING)
    calls.code = 1
    made, _ = job(calls)
    with made:
        made.start()
        with pytest.raises(MeansError, match="report cannot be fetched: went\nwrong"):
            made.fetch(("fetch",), tmp_path)


def test_a_command_in_the_pod_says_what_it_prints_or_why_it_failed() -> None:
    calls = FakeCalls(RUNNING)
    calls.report = "printed"
    made, _ = job(calls, "one", "two", "three")
    with made:
        made.start()
        assert made.run(("fetch",), 1.0) == "printed"
        assert made.tail(2) == ["two", "three"]
        calls.code = 1
        with pytest.raises(MeansError, match=r"^went wrong$"):
            made.run(("fetch",), 1.0)


def test_jobs_of_a_group_come_and_go_together() -> None:
    calls = FakeCalls(RUNNING)
    jobs = [job(calls)[0] for _ in range(3)]
    with JobGroup(jobs) as group:
        assert sorted(calls.jobs) == sorted(one.name for one in jobs)
        group.start()
        calls.calls.clear()
    assert calls.jobs == {}
    assert [method for method, _ in calls.calls][:3] == ["DELETE"] * 3, "no pod is waited for while another still runs"


def test_a_group_that_cannot_be_made_whole_is_not_left_in_part() -> None:
    calls = FakeCalls(RUNNING)
    first, second = job(calls)[0], job(calls)[0]
    made: list[str] = []
    create = second.create

    def refused() -> None:
        made.extend(calls.jobs)
        calls.refuse = "exceeded quota"
        create()

    second.create = refused  # type: ignore[method-assign]
    with pytest.raises(MeansError, match="exceeded quota"), JobGroup([first, second]):
        pytest.fail("it was made")
    assert made == [first.name]
    assert calls.jobs == {}


def test_nothing_leads_out_of_the_directory(tmp_path: Path) -> None:
    inner = tmp_path / "report"
    inner.mkdir()
    with pytest.raises(MeansError, match="not whole"):
        unpack(archive({"../evil": b"x"}), inner)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("text", ["", "not base64!", base64.b64encode(b"not a tar").decode()])
def test_a_report_that_is_cut_short_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(MeansError, match="not whole"):
        unpack(text, tmp_path)


def test_log_times_are_ordered_whatever_zeros_are_cut_off() -> None:
    times = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.09Z", "2026-01-01T00:00:00.1Z", "2026-01-01T00:00:01.05Z"]
    assert sorted(times, key=_key) == times
