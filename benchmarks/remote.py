"""What a generator on another machine is told, and what it answers.

It is told in pickled form, judges of answers included: whoever tells it has started it. What it answers is JSON and is
never unpickled; histograms keep HdrHistogram's own encoding, so that nothing is lost when they are added up. No moment
of one machine's clock is sent to another: only durations are.
"""

from __future__ import annotations

import base64
import binascii
import json
import pickle
import zlib
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Self, TypeVar

from hdrh.codec import HdrCookieException, HdrHistogramSettingsException, HdrLengthException
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmarks.latency import Latencies
from benchmarks.tally import PROBLEMS_SHOWN, Tally
from engines import Outcome

LARGEST_PACKED = 200_000  # characters; the annotations of a pod hold 256 KiB in all
LARGEST_UNPACKED = 64 * 1024**2
LARGEST_TALLY = 32 * 1024**2  # characters
LONGEST_PROBLEM = 500

_MARK = "\N{SYMBOL FOR START OF TEXT} generator "
_BROKEN = (
    binascii.Error,
    zlib.error,
    HdrCookieException,
    HdrLengthException,
    HdrHistogramSettingsException,
    IndexError,
    RuntimeError,
    TypeError,
    ValueError,
)

T = TypeVar("T")
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class RemoteError(Exception):
    """What came from the other side cannot be used, or is too much to send: one line."""


def packed(thing: object) -> str:
    """Something for a generator, as a text.

    Raises:
        RemoteError: it is longer than ``LARGEST_PACKED``.
    """
    text = base64.b64encode(zlib.compress(pickle.dumps(thing), 9)).decode("ascii")
    if len(text) > LARGEST_PACKED:
        raise RemoteError(
            f"the statements with their right answers take {len(text):,} characters packed, and a Job carries "
            f"{LARGEST_PACKED:,}; use fewer statements, or judge those with long answers by expect: any"
        )
    return text


def unpacked(text: str, kind: type[T]) -> T:
    """What ``packed`` made, in the generator; only for what has come from whoever has started it.

    Raises:
        RemoteError: it is none, or of another version of this code.
    """
    try:
        content = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), LARGEST_UNPACKED)
        found = pickle.loads(content)  # noqa: S301 - told by whoever has started this process
    except Exception as error:  # noqa: BLE001 - unpickling may raise anything
        raise RemoteError(
            f"the work cannot be read ({type(error).__name__}: {error}); the image must hold this version of the runner"
        ) from None
    if not isinstance(found, kind):
        raise RemoteError(f"the work holds a {type(found).__name__} instead of a {kind.__name__}")
    return found


class State(StrEnum):
    """Where a generator is in a run."""

    IDLE = "idle"  # waits for the order of its first run
    READY = "ready"  # its processes wait for the moment to begin
    GOING = "going"
    DONE = "done"  # its tally can be taken
    FAILED = "failed"  # it has ended


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Status(_Model):
    """One line of a generator's log: the run it is at, where in it, and how far."""

    run: Count
    state: State
    offered: Count = 0
    done: Count = 0
    over: Count = 0
    problem: str = ""

    def line(self) -> str:
        """As it is logged."""
        return f"{_MARK}{self.model_dump_json()}"

    @classmethod
    def last(cls, lines: Iterable[str]) -> Self | None:
        """The last one in a piece of a log, other lines and torn ones left out."""
        for line in reversed(list(lines)):
            if line.startswith(_MARK):
                try:
                    return cls.model_validate_json(line.removeprefix(_MARK))
                except ValidationError:
                    continue
        return None


class _Counted(_Model):
    """A tally as JSON. ``elapsed``: seconds from the beginning to the last answer; ``None`` without one."""

    limit: Seconds | None
    offered: Count
    late: Count
    waited: Count
    dropped: Count
    over: Count
    outcomes: dict[Outcome, Count]
    errors: dict[str, Count]
    operations: dict[str, Count]
    problems: Annotated[list[str], Field(max_length=PROBLEMS_SHOWN)]
    lag: str
    corrected: str
    uncorrected: str
    by_operation: dict[str, str]
    cpu_seconds: Seconds
    elapsed: Seconds | None


def tally_text(tally: Tally, began: float) -> str:
    """A tally for another machine; ``began``: the moment its schedule counted from."""
    return _Counted(
        limit=tally.limit,
        offered=tally.offered,
        late=tally.late,
        waited=tally.waited,
        dropped=tally.dropped,
        over=tally.over,
        outcomes=dict(tally.outcomes),
        errors=dict(tally.errors),
        operations=dict(tally.operations),
        problems=tally.problems,
        lag=tally.lag.encoded(),
        corrected=tally.corrected.encoded(),
        uncorrected=tally.uncorrected.encoded(),
        by_operation={name: latencies.encoded() for name, latencies in tally.by_operation.items()},
        cpu_seconds=tally.cpu_seconds,
        elapsed=max(0.0, tally.last - began) if tally.last else None,
    ).model_dump_json()


def tally_from(text: str, began: float) -> Tally:
    """The tally of another machine, as if it had begun at this moment of our clock.

    Raises:
        RemoteError: it is none, or its histograms do not hold what it has counted.
    """
    if len(text) > LARGEST_TALLY:
        raise RemoteError(f"the tally is longer than {LARGEST_TALLY // 1024**2} MiB")
    try:
        found = _Counted.model_validate(json.loads(text))
        tally = _tally(found, began)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise RemoteError(f"the tally is not one: {where}: {first['msg']}") from None
    except _BROKEN as error:
        raise RemoteError(f"the tally is not whole ({type(error).__name__}: {error})") from None
    _require_whole(tally)
    return tally


def _tally(found: _Counted, began: float) -> Tally:
    return Tally(
        limit=found.limit,
        offered=found.offered,
        late=found.late,
        waited=found.waited,
        dropped=found.dropped,
        over=found.over,
        outcomes=Counter(found.outcomes),
        errors=Counter(found.errors),
        operations=Counter(found.operations),
        problems=list(found.problems),
        lag=Latencies.decoded(found.lag),
        corrected=Latencies.decoded(found.corrected),
        uncorrected=Latencies.decoded(found.uncorrected),
        by_operation={name: Latencies.decoded(text) for name, text in found.by_operation.items()},
        cpu_seconds=found.cpu_seconds,
        last=0.0 if found.elapsed is None else began + found.elapsed,
    )


def _require_whole(tally: Tally) -> None:
    """Every count has its latency, so none was lost on the way."""
    right = tally.outcomes[Outcome.OK]
    held = {
        "lag": (tally.lag.count, tally.offered),
        "corrected": (tally.corrected.count, right),
        "uncorrected": (tally.uncorrected.count, right),
        "by_operation": (sum(latencies.count for latencies in tally.by_operation.values()), right),
        "operations": (tally.operations.total(), tally.sent),
    }
    for name, (holds, counted) in held.items():
        if holds != counted:
            raise RemoteError(f"the tally is not whole: {name} holds {holds} of {counted}")
