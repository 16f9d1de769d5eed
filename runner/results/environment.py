"""Where a run took place, in the results document."""

from __future__ import annotations

from runner.results.base import Model


class EngineEnvironment(Model):
    """One engine as it was measured."""

    kind: str
    title: str
    version: str
    address: str


class Spread(Model):
    """A median with its quartiles and the largest value, in seconds."""

    median: float
    low: float
    high: float
    largest: float


class TransportOverhead(Model):
    """What the way to one engine takes, measured when the target was opened.

    Both hold the engine's own share of answering its health endpoint, so they bound the transport's from above.

    Attributes:
        engine: its kind.
        rounds: requests of each sort.
        connect: a request over a connection of its own: TCP, TLS where the engine has it, first bytes of the answer.
        round_trip: a request over a connection that is open.
    """

    engine: str
    rounds: int
    connect: Spread
    round_trip: Spread


class Environment(Model):
    """Where the run took place: machine, versions, transport. Nothing secret, no user names, no paths."""

    started_at: float
    duration_seconds: float
    runner_version: str
    seed: int
    scale_factor: float
    platform: str
    python: str
    cpus: int
    memory_bytes: int
    transport: str
    transport_overheads: tuple[TransportOverhead, ...] = ()
    engines: tuple[EngineEnvironment, ...]
    packages: dict[str, str] = {}
    timings: dict[str, float] = {}
    notes: tuple[str, ...] = ()
