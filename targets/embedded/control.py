"""The control socket: a Unix domain socket only its owner may open."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from pydantic import ValidationError

from targets.base import MeansError
from targets.embedded.messages import LINE_LIMIT, REQUEST, Message, Reply, Request

Handler = Callable[[Request], Awaitable[Reply]]
REQUEST_SECONDS = 30.0


class ControlServer:
    """Serves typed requests until closed."""

    def __init__(self, path: Path, handler: Handler) -> None:
        self._path = path
        self._handler = handler
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        listener = _listener(self._path)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=LINE_LIMIT)

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await asyncio.wait_for(reader.readline(), REQUEST_SECONDS)
            if line:
                reply = await self._answer(line)
                writer.write(reply.model_dump_json().encode() + b"\n")
                await writer.drain()
        except (OSError, TimeoutError, ValueError):  # the client went away, or sends no end of line
            return
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> Reply:
        try:
            return await self._handler(REQUEST.validate_json(line))
        except ValidationError as problem:
            return Reply(error=f"not a request: {problem.errors()[0]['msg']}")
        except MeansError as problem:
            return Reply(error=str(problem))


def _listener(path: Path) -> socket.socket:
    """Bind by a relative name, since a Unix socket's address may have 107 bytes at most."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        listener.bind(path.name)
        path.chmod(0o600)
    except OSError:
        listener.close()
        raise
    finally:
        os.chdir(here)
    return listener


def ask(path: Path, request: Message, *, timeout: float = REQUEST_SECONDS) -> Reply:
    """Send one request and wait for its reply.

    Args:
        path: the control socket.
        request: what to ask.
        timeout: seconds for each step.

    Raises:
        MeansError: the supervisor refuses, does not answer or is gone.
    """
    try:
        with _connected(path, timeout) as connection, connection.makefile("rb") as answers:
            connection.sendall(request.model_dump_json().encode() + b"\n")
            line = answers.readline(LINE_LIMIT)
    except OSError as problem:
        raise MeansError(f"the supervisor does not answer: {problem.strerror or type(problem).__name__}") from problem
    try:
        reply = Reply.model_validate_json(line)
    except ValidationError:
        raise MeansError("the supervisor ended before it answered") from None
    if reply.error:
        raise MeansError(reply.error)
    return reply


def _connected(path: Path, timeout: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        connection.connect(_address(path, directory))
    except OSError:
        connection.close()
        raise
    finally:
        os.close(directory)
    return connection


def _address(path: Path, directory: int) -> str:
    """An address of the socket within the 107 bytes allowed, also for a deep state directory (Linux)."""
    short = f"/proc/self/fd/{directory}/{path.name}"
    return short if Path(f"/proc/self/fd/{directory}").exists() else str(path)
