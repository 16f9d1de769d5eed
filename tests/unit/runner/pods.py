"""A cluster of subprocesses: a Job's pod is its command run here, its log a file, a command in it one more process."""

from __future__ import annotations

import datetime
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.mailbox import DIRECTORY_VARIABLE
from targets.base import MeansError
from targets.kubernetes.calls import JSON, CallError
from targets.kubernetes.job_manifest import FILES, REPORT
from targets.kubernetes.means import ObjectRef

ROOT = Path(__file__).parents[3]


@dataclass
class Pod:
    """One Job's pod."""

    process: subprocess.Popen[bytes]
    directory: Path

    @property
    def status(self) -> dict[str, Any]:
        code = self.process.poll()
        ended = {"terminated": {"reason": "Completed" if code == 0 else "Error", "exitCode": code}}
        return {"containerStatuses": [{"state": {"running": {}} if code is None else ended}]}

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.here(command), cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, DIRECTORY_VARIABLE: str(self.directory / "report")}

    def here(self, command: Sequence[str]) -> list[str]:
        """The command with what is this machine's in place of what is the pod's."""
        places = {FILES: str(self.directory / "files"), REPORT: str(self.directory / "report")}
        made = [sys.executable if word == "python" else word for word in command]
        for theirs, ours in places.items():
            made = [word.replace(f"{theirs}/", f"{ours}/") if word.startswith(theirs) else word for word in made]
        return made


@dataclass
class Machine:
    """Implements ``Calls`` and ``Logs``."""

    directory: Path
    pods: dict[str, Pod] = field(default_factory=dict)
    manifests: list[dict[str, Any]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    told: list[tuple[str, ...]] = field(default_factory=list)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        content: str = JSON,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        if method == "POST":
            assert isinstance(body, dict)
            self._start(body)
            return {}
        if method == "DELETE":
            self._end(path.rsplit("/", 1)[-1])
            return {}
        assert params is not None
        name = params["labelSelector"].partition("=")[2]
        found = [self.pods[name]] if name in self.pods else []
        return {"items": [{"metadata": {"name": name}, "status": pod.status} for pod in found]}

    def exec(self, pod: ObjectRef, container: str, command: Sequence[str], timeout: float) -> tuple[int, str, str]:
        self.told.append((pod.name, *command))
        if pod.name not in self.pods:
            raise CallError(f"{pod} is not there", 404)
        done = self.pods[pod.name].run(command)
        return done.returncode, done.stdout, done.stderr

    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC)

    def follow(self, namespace: str, pod: str, listen: Callable[[str], bool]) -> None:
        raise MeansError("nobody follows here")

    def tail(self, namespace: str, pod: str, lines: int) -> list[str]:
        if pod not in self.pods:
            raise MeansError(f"{pod} is not there")
        return (self.pods[pod].directory / "log").read_text(encoding="utf-8").splitlines()[-lines:]

    def close(self) -> None:
        for name in list(self.pods):
            self._end(name)

    def _start(self, manifest: dict[str, Any]) -> None:
        self.manifests.append(manifest)
        name, template = manifest["metadata"]["name"], manifest["spec"]["template"]
        directory = self.directory / name
        for part in ("files", "report"):
            (directory / part).mkdir(parents=True)
        for key, text in template["metadata"]["annotations"].items():
            (directory / "files" / key.rpartition("/file-")[2]).write_text(text)
        (container,) = template["spec"]["containers"]
        with (directory / "log").open("wb") as log:
            pod = Pod(None, directory)  # type: ignore[arg-type]  # the process is made from it
            pod.process = subprocess.Popen(
                pod.here(container["command"]), cwd=ROOT, env=pod.environment, stdout=log, stderr=log
            )
        self.pods[name] = pod

    def _end(self, name: str) -> None:
        self.deleted.append(name)
        if pod := self.pods.pop(name, None):
            pod.process.send_signal(signal.SIGTERM)
            try:
                pod.process.wait(15)
            except subprocess.TimeoutExpired:
                pod.process.kill()
                pod.process.wait()
                raise
