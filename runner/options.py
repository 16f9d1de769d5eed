"""Command-line options that several verbs share, and the parsing of their values."""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from typing_extensions import override

from benchmarks.tpch.data import scale_factor
from engines import engine_kinds
from runner.errors import BadInput
from runner.nodeoptions import NODE_COMMANDS, node_actions
from targets.embedded.config import CLICKHOUSE_BYTES
from targets.embedded.sizing import memory_for
from targets.kubernetes.node_means import NodeAction
from targets.kubernetes.transport import AUTO, CHOICES

F = TypeVar("F", bound=Callable[..., Any])

MEBIBYTE = 1024**2
QUERIES = 22


class Positive(click.ParamType[float]):
    """A number greater than 0, at most ``largest``."""

    name = "number"

    def __init__(self, what: str, *, largest: float, example: str) -> None:
        self._what, self._largest, self._example = what, largest, example

    @override
    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = float(str(value))
        except ValueError:
            number = math.nan
        if not (0 < number <= self._largest and math.isfinite(number)):
            limit = f" and at most {self._largest:g}" if math.isfinite(self._largest) else ""
            self.fail(
                f"{self._what} must be a number greater than 0{limit}, not {value!r}; for example {self._example}"
            )
        return number


class ScaleFactor(click.ParamType[float]):
    """A TPC-H scale factor."""

    name = "number"

    @override
    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return scale_factor(str(value))
        except ValueError as error:
            self.fail(str(error))


class QueryNumbers(click.ParamType[tuple[int, ...]]):
    """TPC-H query numbers: ``1,3,6-10`` or ``all``."""

    name = "numbers"

    @override
    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        try:
            return parse_queries(str(value))
        except ValueError as error:
            self.fail(str(error))


class Heap(click.ParamType[int]):
    """A size in MiB or GiB: ``768M``, ``1G``; in bytes."""

    name = "size"

    @override
    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"([1-9]\d*)([MG])i?B?", str(value), re.IGNORECASE)
        if not match:
            self.fail(f"a heap size is a whole number with M or G, not {value!r}; for example 768M or 2G")
        return int(match[1]) * (MEBIBYTE if match[2].upper() == "M" else 1024 * MEBIBYTE)


class EngineKind(click.ParamType[str]):
    """A registered engine kind."""

    name = "engine"

    @override
    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        kinds = engine_kinds()
        if value not in kinds:
            self.fail(f"unknown engine {value!r}; choose from {', '.join(kinds)}")
        return str(value)


def parse_queries(text: str) -> tuple[int, ...]:
    """Query numbers in ascending order, each once.

    Raises:
        ValueError: not a list of numbers and ranges from 1 to 22.
    """
    if text.strip() == "all":
        return tuple(range(1, QUERIES + 1))
    numbers: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,3})(?:\s*-\s*(\d{1,3}))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last <= QUERIES:
            raise ValueError(f"TPC-H queries are numbered 1 to {QUERIES}, not {part.strip()!r}; for example 1,3,6-10")
        numbers.update(range(first, last + 1))
    return tuple(sorted(numbers))


@dataclass(frozen=True, slots=True)
class Settings:
    """What every verb that measures needs to know."""

    target: str
    engines: tuple[str, ...] | None
    scale_factor: float
    output: Path
    slo: Path | None
    seed: int
    json: bool
    trino_workers: int
    coordinator_heap: int
    worker_heap: int
    clickhouse_memory: int = CLICKHOUSE_BYTES
    transport: str = AUTO
    in_cluster: bool = False
    image: str | None = None
    arguments: tuple[str, ...] = ()  # of the command line, from the verb on
    yes: bool = False
    alerts: bool = False
    silence: bool = False
    node_actions: tuple[NodeAction, ...] = ()
    workload: Path | None = None


def settings_from(options: Mapping[str, Any]) -> Settings:
    """The settings that ``common_options`` collected."""
    values = dict(options)
    context = click.get_current_context(silent=True)
    arguments = tuple(context.find_root().obj or ()) if context else ()
    actions = node_actions({name: values.pop(name, None) for name in NODE_COMMANDS})
    values |= {"engines": tuple(dict.fromkeys(values["engines"])) or None, "arguments": arguments}
    return Settings(**values | _memory(values), node_actions=actions)


def _memory(values: Mapping[str, Any]) -> dict[str, int]:
    """Memory of the embedded engines, where it was not chosen."""
    fitting = memory_for(values["scale_factor"], values["trino_workers"])
    defaults = {
        "coordinator_heap": fitting.coordinator,
        "worker_heap": fitting.worker,
        "clickhouse_memory": fitting.clickhouse,
    }
    return {name: size if values.get(name) is None else values[name] for name, size in defaults.items()}


yes_option = click.option("--yes", is_flag=True, help="Do not ask before a stack on a cluster is changed.")

BY_FACTOR = "[default: what the scale factor needs]"
TARGET_HELP = "embedded (local processes), stack or stack:NAME (Pulumi), or the path of an outputs document."

transport_option = click.option(
    "--transport",
    type=click.Choice(CHOICES),
    default=AUTO,
    show_default=True,
    help="How engines on Kubernetes are reached.",
)


def common_options(function: F) -> F:
    """Add the options of ``Settings`` to a verb; it receives them as keyword arguments."""
    options = [
        click.option("--target", default="embedded", show_default=True, metavar="WHERE", help=TARGET_HELP),
        transport_option,
        click.option("--in-cluster", is_flag=True, help="Run in a Job of the stack and fetch the report."),
        click.option("--image", default=None, metavar="IMAGE", help="Of that Job. [default: the stack's runnerImage]"),
        click.option(
            "--engine",
            "engines",
            type=EngineKind(),
            multiple=True,
            metavar="KIND",
            help="Only this engine; may be given several times. [default: all of the target]",
        ),
        click.option(
            "--scale-factor",
            type=ScaleFactor(),
            default=0.1,
            show_default=True,
            metavar="SF",
            help="TPC-H scale factor; 1 is about 1 GB of raw data.",
        ),
        click.option(
            "--output",
            type=click.Path(path_type=Path),
            default=Path("report"),
            show_default=True,
            metavar="DIR",
            help="Where the report is written.",
        ),
        click.option(
            "--slo",
            type=click.Path(path_type=Path),
            default=None,
            metavar="FILE",
            help="Objectives that decide the verdict (YAML). [default: the shipped ones]",
        ),
        click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of arrivals and orders."),
        click.option("--json", is_flag=True, help="Print the results document to standard output, progress to stderr."),
        click.option(
            "--trino-workers", type=click.IntRange(1, 8), default=1, show_default=True, help="Embedded Trino workers."
        ),
        click.option("--coordinator-heap", type=Heap(), default=None, help=f"Embedded coordinator's heap. {BY_FACTOR}"),
        click.option("--worker-heap", type=Heap(), default=None, help=f"Embedded workers' heap. {BY_FACTOR}"),
        click.option("--clickhouse-memory", type=Heap(), default=None, help=f"Embedded ClickHouse's. {BY_FACTOR}"),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def check_output(directory: Path) -> None:
    """Make the output directory and write to it, before anything is started.

    Raises:
        BadInput: it cannot be used.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadInput(f"cannot write to --output {directory}: {reason}; choose another directory") from error
