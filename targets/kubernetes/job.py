"""The runner as a Kubernetes Job: started, listened to, asked for its report, deleted.

Whatever becomes of this process, the Job ends by itself (``activeDeadlineSeconds``) and goes
(``ttlSecondsAfterFinished``); a pod that is told to end has time to revert what it has injected.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import io
import secrets
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from targets.base import MeansError
from targets.kubernetes.calls import CallError, Calls
from targets.kubernetes.job_manifest import CONTAINER, JobSpec, manifest
from targets.kubernetes.means import ObjectRef

START_SECONDS = 180.0
FETCH_SECONDS = 60.0
GONE_SECONDS = 30.0  # beside the time that a pod has to end
LARGEST_REPORT = 256 * 1024**2
_POLL_SECONDS = 1.0
_HOPELESS = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError")


class Logs(Protocol):
    """The log of a container."""

    def follow(self, namespace: str, pod: str, listen: Callable[[str], bool]) -> None:
        """Hand each line over as it is written, until the container ends or ``listen`` returns true.

        Raises:
            MeansError: it cannot be read.
        """
        ...

    def tail(self, namespace: str, pod: str, lines: int) -> list[str]:
        """The last lines that were written so far; also of a container that has ended.

        Raises:
            MeansError: they cannot be read.
        """
        ...


class RunnerJob:
    """One Job. Entering creates it; leaving deletes it and waits until its pod is gone, also when interrupted.

    Args:
        spec: what to run.
        calls: to the API.
        logs: of its pod.
        clock: seconds, monotonic.
        sleep: waits some seconds.
    """

    def __init__(
        self,
        spec: JobSpec,
        calls: Calls,
        logs: Logs,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._spec, self._calls, self._logs = spec, calls, logs
        self._clock, self._sleep = clock, sleep
        self.name = f"{spec.prefix}-{secrets.token_hex(4)}"
        self._pod = ""

    def __enter__(self) -> Self:
        self.create()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.delete()
        self.wait_until_gone()

    def create(self) -> None:
        """Make the Job; one that cannot be made, or was interrupted there, is not left.

        Raises:
            MeansError: the API refuses it.
        """
        try:
            self._calls.call("POST", self._jobs(), body=manifest(self._spec, self.name))
        except CallError as error:
            self.delete()  # it may have been made although the answer was lost
            raise MeansError(f"the runner's Job cannot be made in {self._spec.namespace}: {error}") from None
        except BaseException:
            self.delete()
            raise

    def delete(self) -> None:
        """Have the Job and its pod end and go, and do not wait for it; harmless without one."""
        with contextlib.suppress(MeansError):  # it ends by itself then, and this is not the place to fail
            self._calls.call("DELETE", self._jobs(self.name), params={"propagationPolicy": "Background"})

    def wait_until_gone(self) -> None:
        """Wait until there is no pod of it any more, as long as one may take to end."""
        self._wait(lambda: not self._pods(), self._spec.grace_seconds + GONE_SECONDS)

    def start(self) -> str:
        """Wait until the container runs or has run; returns the pod's name.

        Raises:
            MeansError: it does not start; says why.
        """
        if not self._wait(self._has_started, START_SECONDS):
            raise MeansError(f"the runner's pod did not start within {START_SECONDS:g} s: {self._why_not()}")
        return self._pod

    def run(self, command: Sequence[str], seconds: float) -> str:
        """Run a command in the container; returns what it prints.

        Raises:
            MeansError: it could not be run, has failed, or did not end in time (seconds).
        """
        pod = ObjectRef("Pod", self._pod, self._spec.namespace)
        code, text, complaint = self._calls.exec(pod, CONTAINER, command, seconds)
        if code:
            raise MeansError(" ".join(complaint.split())[-300:] or f"exit code {code}")
        return text

    def tail(self, lines: int) -> list[str]:
        """The last lines of the log.

        Raises:
            MeansError: they cannot be read.
        """
        return self._logs.tail(self._spec.namespace, self._pod, lines)

    def follow(self, listen: Callable[[str], bool]) -> None:
        """Hand over the log line by line, until the container ends or ``listen`` returns true.

        Raises:
            MeansError: the log cannot be read.
        """
        self._logs.follow(self._spec.namespace, self._pod, listen)

    def fetch(self, command: tuple[str, ...], directory: Path) -> list[Path]:
        """Unpack the report, a compressed tar in base64, that a command in the container prints.

        Raises:
            MeansError: there is none, or it is not whole.
        """
        pod = ObjectRef("Pod", self._pod, self._spec.namespace)
        code, text, complaint = self._calls.exec(pod, CONTAINER, command, FETCH_SECONDS)
        if code:
            raise MeansError(f"the report cannot be fetched: {complaint.strip()[-300:] or f'exit code {code}'}")
        return unpack(text, directory)

    def end(self) -> str:
        """Why the container has ended, in Kubernetes' words; empty while it runs or when nobody knows."""
        for pod in self._pods():
            for status in pod["status"].get("containerStatuses") or []:
                if ended := status["state"].get("terminated"):
                    return f"{ended.get('reason') or 'ended'}, exit code {ended.get('exitCode')}"
            if reason := pod["status"].get("reason"):
                return str(reason)
        return ""

    def _jobs(self, name: str = "") -> str:
        path = f"/apis/batch/v1/namespaces/{self._spec.namespace}/jobs"
        return f"{path}/{name}" if name else path

    def _pods(self) -> list[dict[str, Any]]:
        selector = {"labelSelector": f"batch.kubernetes.io/job-name={self.name}"}
        found: list[dict[str, Any]] = self._calls.call(
            "GET", f"/api/v1/namespaces/{self._spec.namespace}/pods", params=selector
        )["items"]
        return found

    def _has_started(self) -> bool:
        for pod in self._pods():
            self._pod = pod["metadata"]["name"]
            for status in pod["status"].get("containerStatuses") or []:
                waiting = status["state"].get("waiting") or {}
                if waiting.get("reason") in _HOPELESS:
                    raise MeansError(self._hopeless(waiting))
                if not waiting:
                    return True
        return False

    def _hopeless(self, waiting: Mapping[str, str]) -> str:
        why = " ".join((waiting.get("message") or "").split())[:200]
        return (
            f"the runner's pod cannot start from image {self._spec.image} ({waiting['reason']}: {why}); build it from "
            "the Dockerfile, bring it to where the cluster's nodes find it, and name it with --image"
        )

    def _why_not(self) -> str:
        for pod in self._pods():
            for condition in pod["status"].get("conditions") or []:
                if condition["status"] == "False" and condition.get("message"):
                    return " ".join(condition["message"].split())
            return str(pod["status"].get("phase"))
        with contextlib.suppress(MeansError):  # events are a help to people, and may be hidden from us
            found = self._calls.call(
                "GET",
                f"/api/v1/namespaces/{self._spec.namespace}/events",
                params={"fieldSelector": f"involvedObject.name={self.name}"},
            )
            if messages := [" ".join(event["message"].split()) for event in found["items"]]:
                return messages[-1]
        return "it has no pod; see: kubectl describe job"

    def _wait(self, condition: Callable[[], bool], limit: float) -> bool:
        """Whether it came true in time; an API that does not answer for a while is waited for."""
        ends = self._clock() + limit
        while self._clock() < ends:
            with contextlib.suppress(CallError):
                if condition():
                    return True
            self._sleep(_POLL_SECONDS)
        return False


def unpack(text: str, directory: Path) -> list[Path]:
    """Write the plain files of a compressed tar in base64; nothing leads out of the directory.

    Raises:
        MeansError: it is not whole, or far too large.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(text, validate=True)), mode="r:gz") as archive:
            members = [member for member in archive.getmembers() if member.isfile()]
            if sum(member.size for member in members) > LARGEST_REPORT:
                raise MeansError(f"the report is larger than {LARGEST_REPORT // 1024**2} MiB")
            archive.extractall(directory, members=members, filter="data")
    except (binascii.Error, tarfile.TarError, EOFError, OSError) as error:
        raise MeansError(f"the report that came from the cluster is not whole ({error})") from None
    return [directory / member.name for member in members]
