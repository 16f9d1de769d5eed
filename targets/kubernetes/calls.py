"""Single requests to the cluster's API: every failure is one line, and nothing is repeated behind our back."""

from __future__ import annotations

import datetime
import email.utils
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import httpx
import kr8s
from kr8s.asyncio.objects import Pod

from targets.base import MeansError, TargetError, Unreachable
from targets.kubernetes.cluster import FAILURES, Cluster
from targets.kubernetes.means import ObjectRef

JSON, MERGE_PATCH, JSON_PATCH = (
    "application/json",
    "application/merge-patch+json",
    "application/json-patch+json",
)
_EXEC_GRACE = 2.0


class CallError(MeansError):
    """The API refused, or did not answer.

    Attributes:
        status: HTTP status; ``None`` when there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class NoAnswer(CallError, Unreachable):
    """There was no answer at all."""


class Calls(Protocol):
    """One API server, as the credentials in use see it."""

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        content: str = JSON,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """One request; returns what the answer's JSON holds.

        Args:
            method: of HTTP.
            path: from the root.
            body: for JSON.
            content: type of the body.
            params: of the query.

        Raises:
            CallError: refused, or no answer.
        """
        ...

    def exec(self, pod: ObjectRef, container: str, command: Sequence[str], timeout: float) -> tuple[int, str, str]:
        """Run a command in a container; returns exit status, standard output and error output.

        Raises:
            CallError: it could not be run, or did not end in time (seconds).
        """
        ...

    def now(self) -> datetime.datetime:
        """The API server's clock (to a second or so): runners on several machines have one time."""
        ...


class ClusterCalls:
    """Implements ``Calls`` over the connection that the target has."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._ahead = datetime.timedelta()

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        content: str = JSON,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """See ``Calls.call``."""
        try:
            return self._cluster.run(self.ask(method, path, body=body, content=content, params=params))
        except (TimeoutError, TargetError) as error:
            raise NoAnswer(unreachable(error)) from None

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        content: str = JSON,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """The same for code in the cluster's own loop, without a limit of time."""
        try:
            response = await self._send(method, path, body, content, params)
        except kr8s.ServerError as error:  # only after new credentials were tried
            raise CallError(f"the cluster refuses our credentials ({_first_line(error)}); renew them", 401) from None
        except FAILURES as error:
            raise NoAnswer(unreachable(error)) from None
        self._compare_clocks(response)
        if response.is_error:
            raise CallError(refusal(response), response.status_code)
        answer: dict[str, Any] = response.json()
        return answer

    def exec(self, pod: ObjectRef, container: str, command: Sequence[str], timeout: float) -> tuple[int, str, str]:
        """See ``Calls.exec``."""
        what = f"{command[0]} in {pod}"
        try:
            return self._cluster.run(self._exec(pod, container, command), timeout + _EXEC_GRACE)
        except TimeoutError:
            raise CallError(f"{what}: not ended within {timeout:g} s") from None
        except Exception as error:  # noqa: BLE001 - the websocket's libraries raise each its own
            raise CallError(f"{what}: {_first_line(error)}") from None

    def now(self) -> datetime.datetime:
        """See ``Calls.now``."""
        return datetime.datetime.now(datetime.UTC) + self._ahead

    async def _send(
        self, method: str, path: str, body: object, content: str, params: Mapping[str, str] | None
    ) -> httpx.Response:
        data = None if body is None else json.dumps(body)
        base, rest = in_parts(path)
        # The client's own answer to 401 and 403 is a new session, which ends every port-forward of the old one.
        # Credentials that have expired need it, others must not have it.
        for renew in (False, True):
            async with self._cluster.api.call_api(
                method,
                version="",
                base=base,
                url=rest,
                raise_for_status=renew,
                content=data,
                headers={"content-type": content},
                params=dict(params or {}),
            ) as response:
                if response.status_code != 401:
                    break
        return response

    async def _exec(self, pod: ObjectRef, container: str, command: Sequence[str]) -> tuple[int, str, str]:
        manifest = {
            "metadata": {"name": pod.name, "namespace": pod.namespace},
            "spec": {"containers": [{"name": container}]},
        }
        done = await Pod(manifest, api=self._cluster.api).exec(list(command), container=container, check=False)
        return done.returncode, _text(done.stdout), _text(done.stderr)

    def _compare_clocks(self, response: httpx.Response) -> None:
        if date := response.headers.get("Date"):
            theirs = email.utils.parsedate_to_datetime(date)
            self._ahead = theirs - datetime.datetime.now(datetime.UTC)


def in_parts(path: str) -> tuple[str, str]:
    """A path from the root as the client wants it: its first part, and the rest."""
    base, _, rest = path.removeprefix("/").partition("/")
    return f"/{base}", rest


def _text(output: bytes | str) -> str:
    return output if isinstance(output, str) else output.decode(errors="replace")


def refusal(response: httpx.Response) -> str:
    """Why the API has refused, on one line."""
    try:
        message = str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        message = response.text or response.reason_phrase
    return " ".join(message.split())[:400]


def unreachable(error: BaseException) -> str:
    """That the API does not answer, why, and what to do."""
    return f"the cluster's API does not answer ({_first_line(error)}); see that it is up and reachable, then try again"


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
