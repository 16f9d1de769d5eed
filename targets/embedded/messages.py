"""What runner and supervisor say to each other: a JSON document per line, a request and a reply per connection."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from targets.base import Disturbance, ProcessInfo, ProxyStatus

LINE_LIMIT = 1 << 20


class Message(BaseModel):
    """Frozen and closed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StatusRequest(Message):
    """Everything the supervisor knows."""

    op: Literal["status"] = "status"


class CapacityRequest(Message):
    """Whether an engine has its full capacity now (asks the engine itself)."""

    op: Literal["capacity"] = "capacity"
    engine: str


class KillRequest(Message):
    """SIGKILL one process."""

    op: Literal["kill"] = "kill"
    name: str


class FreezeRequest(Message):
    """SIGSTOP one process for ``ttl`` seconds at most."""

    op: Literal["freeze"] = "freeze"
    name: str
    ttl: Annotated[float, Field(gt=0, le=3600)]


class ThawRequest(Message):
    """SIGCONT one process."""

    op: Literal["thaw"] = "thaw"
    name: str


class DisturbRequest(Message):
    """Disturb the connections to one engine."""

    op: Literal["disturb"] = "disturb"
    engine: str
    disturbance: Disturbance


class RestoreRequest(Message):
    """End any disturbance."""

    op: Literal["restore"] = "restore"
    engine: str


class ShutdownRequest(Message):
    """End every engine, then the supervisor."""

    op: Literal["shutdown"] = "shutdown"


Request = (
    StatusRequest
    | CapacityRequest
    | KillRequest
    | FreezeRequest
    | ThawRequest
    | DisturbRequest
    | RestoreRequest
    | ShutdownRequest
)

REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="op")])


class Status(Message):
    """State of one embedded instance.

    Attributes:
        pid: the supervisor's process id.
        started: when it started, seconds since the epoch.
        ready: engine kinds that have answered correctly with full capacity since the start.
        phase: what is being waited for, for people.
        failure: why the start was given up; empty otherwise. Ends with the tail of the log that matters.
        peak_rss_bytes: highest sum of resident memory over all processes, the supervisor included.
    """

    pid: int
    started: float
    ready: tuple[str, ...]
    phase: str
    failure: str
    processes: tuple[ProcessInfo, ...]
    proxies: tuple[ProxyStatus, ...]
    peak_rss_bytes: int


class Reply(Message):
    """Answer to any request: what it asked for, or ``error``."""

    error: str = ""
    status: Status | None = None
    process: ProcessInfo | None = None
    proxy: ProxyStatus | None = None
    full_capacity: bool | None = None
    detail: str = ""
