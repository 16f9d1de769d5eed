"""One connection to a cluster's API, for code with and without an event loop."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import httpx
import kr8s
import kr8s.asyncio
import yaml

from targets.base import TargetError
from targets.contract import SecretRef

CALL_SECONDS = 15.0
FAILURES = (kr8s.ServerError, kr8s.NotFoundError, kr8s.APITimeoutError, httpx.HTTPError, OSError)
# What the client lets through when a kubeconfig makes no sense or its credentials' command fails.
_BAD_CONFIGURATION = (ValueError, KeyError, TypeError, RuntimeError, yaml.YAMLError)

T = TypeVar("T")


class Cluster:
    """The cluster of one kubeconfig context, on an event loop in a thread of its own.

    Args:
        context: name in the kubeconfig; the current one without it.
    """

    def __init__(self, context: str | None = None) -> None:
        self._context = context
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._api: kr8s.asyncio.Api | None = None

    def open(self) -> None:
        """Connect.

        Raises:
            TargetError: no such context, credentials that cannot be used, or no answer.
        """
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cluster", daemon=True)
        self._thread.start()
        try:
            self.run(self._connect())
        except (*FAILURES, *_BAD_CONFIGURATION, TimeoutError) as error:
            raise TargetError(_refusal(error, self._context)) from None

    async def _connect(self) -> None:
        self._api = await kr8s.asyncio.api(context=self._context)
        await self._api.async_version()

    async def _disconnect(self) -> None:
        # The client has no public way to close its connections, and leaves them to the garbage collector otherwise.
        session: httpx.AsyncClient | None = getattr(self._api, "_session", None)
        if session is not None:
            await session.aclose()

    @property
    def api(self) -> kr8s.asyncio.Api:
        """The API client; only for code that runs in this cluster's loop."""
        if self._api is None:
            raise TargetError("the cluster is not connected")
        return self._api

    def run(self, work: Coroutine[Any, Any, T], timeout: float = CALL_SECONDS) -> T:
        """Run something in the loop and wait for it (seconds).

        Raises:
            TimeoutError: it took longer; it is cancelled.
        """
        if self._loop is None:
            work.close()
            raise TargetError("the cluster is not connected")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise TimeoutError(f"no answer within {timeout:g} s") from None
        except BaseException:  # a signal, or what the work itself has raised
            future.cancel()
            raise

    def secret(self, reference: SecretRef, what: str) -> str:
        """The value that a reference to a Secret stands for.

        Raises:
            TargetError: it is not there, or we may not read it.
        """
        place = f"Secret {reference.namespace}/{reference.name}"
        try:
            found = self.run(self._read(reference))
        except FAILURES as error:
            raise TargetError(f"{what}: {place} cannot be read ({_first_line(error)})") from None
        except TimeoutError as error:
            raise TargetError(f"{what}: {place} cannot be read ({error})") from None
        if found is None:
            raise TargetError(f"{what}: {place} has no key {reference.key}")
        return base64.b64decode(found).decode()

    async def _read(self, reference: SecretRef) -> str | None:
        # By its own address: the client would list Secrets, which the runner's account may not.
        async with self.api.call_api(
            "GET", version="v1", namespace=reference.namespace, url=f"secrets/{reference.name}"
        ) as response:
            manifest: dict[str, Any] = response.json()
        value = manifest.get("data", {}).get(reference.key)
        return None if value is None else str(value)

    def close(self) -> None:
        """Stop the loop; harmless when it does not run."""
        if self._loop is None or self._thread is None:
            return
        with contextlib.suppress(*FAILURES, TimeoutError):  # a connection that is broken needs no closing
            self.run(self._disconnect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_SECONDS)
        self._loop.close()
        self._loop = self._thread = self._api = None


def _refusal(error: BaseException, context: str | None) -> str:
    """Why there is no connection, and what helps: credentials, or the way there."""
    where = f"context {context}" if context else "the current kubeconfig context"
    why = _first_line(error)
    status = error.response.status_code if isinstance(error, kr8s.ServerError) and error.response is not None else None
    if status == 401:
        return f"the cluster of {where} refuses our credentials ({why}): expired, or of another cluster; renew them"
    if status == 403:
        return f"the cluster of {where} does not let us in ({why}); use credentials that may read it"
    if isinstance(error, ssl.SSLError) or "CERTIFICATE_VERIFY_FAILED" in why:
        return f"the cluster of {where} cannot be trusted ({why}); correct its certificates in KUBECONFIG"
    unusable = _unusable(error)
    if unusable:
        return f"the credentials of {where} cannot be used ({unusable}); correct KUBECONFIG, or log in again"
    return f"the cluster of {where} cannot be reached ({why}); start it, or correct KUBECONFIG"


def _unusable(error: BaseException) -> str:
    """What is wrong with the kubeconfig or what it refers to; empty when it is something else."""
    if isinstance(error, (FileNotFoundError, PermissionError)):
        return f"{error.filename or 'its certificate or key file'}: {(error.strerror or 'unreadable').lower()}"
    if isinstance(error, RuntimeError):  # the command that gives credentials has failed
        return " ".join(str(error).split())[:300]
    if isinstance(error, yaml.YAMLError):
        return "not YAML"
    return f"{_first_line(error)} is missing" if isinstance(error, (KeyError, TypeError)) else ""


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
