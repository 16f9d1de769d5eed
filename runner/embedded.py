"""``python -m runner embedded up|down|status``: engines that keep running between runs, for development."""

from __future__ import annotations

import json as json_format
import time

import click

from runner.console import Console
from runner.errors import ExitCode
from runner.help import ExampleCommand
from runner.options import BY_FACTOR, EngineKind, Heap, ScaleFactor
from runner.report.units import duration, size
from targets.embedded.config import ENGINES, EmbeddedConfig, Listener
from targets.embedded.lifecycle import KeptInstance
from targets.embedded.lifecycle import down as end_kept
from targets.embedded.lifecycle import status as kept_instances
from targets.embedded.lifecycle import up as start_kept
from targets.embedded.sizing import memory_for


@click.group()
def embedded() -> None:
    """Keep the engines running between runs."""


@embedded.command(
    cls=ExampleCommand, examples=("python -m runner embedded up", "python -m runner embedded up --engine clickhouse")
)
@click.option("--engine", "engines", type=EngineKind(), multiple=True, metavar="KIND", help="Only this engine.")
@click.option("--trino-workers", type=click.IntRange(1, 8), default=1, show_default=True, help="Worker processes.")
@click.option("--scale-factor", type=ScaleFactor(), default=1.0, show_default=True, help="Of the runs it is for.")
@click.option("--coordinator-heap", type=Heap(), default=None, help=f"Coordinator's heap. {BY_FACTOR}")
@click.option("--worker-heap", type=Heap(), default=None, help=f"Each worker's heap. {BY_FACTOR}")
@click.option("--clickhouse-memory", type=Heap(), default=None, help=f"ClickHouse's memory. {BY_FACTOR}")
def up(
    *,
    engines: tuple[str, ...],
    trino_workers: int,
    scale_factor: float,
    coordinator_heap: int | None,
    worker_heap: int | None,
    clickhouse_memory: int | None,
) -> int:
    """Start the engines and leave them running; later runs use them."""
    fitting = memory_for(scale_factor, trino_workers)
    with Console() as console:
        config = EmbeddedConfig(
            engines=engines or ENGINES,
            trino_workers=trino_workers,
            coordinator_heap_bytes=coordinator_heap or fitting.coordinator,
            worker_heap_bytes=worker_heap or fitting.worker,
            clickhouse_bytes=clickhouse_memory or fitting.clickhouse,
            listener=Listener(phase=console.step, transfer=console.transfer),
        )
        with console.phase("Starting the embedded engines"):
            instance = start_kept(config)
    click.echo(f"Outputs document: {instance.document}")
    click.echo("End it with: python -m runner embedded down")
    return ExitCode.MET


@embedded.command()
def down() -> int:
    """End what "embedded up" started, and wait until nothing of it is left."""
    count = end_kept()
    click.echo(f"Ended {count} instance{'' if count == 1 else 's'}." if count else "Nothing was running.")
    return ExitCode.MET


@embedded.command(
    cls=ExampleCommand, examples=("python -m runner embedded status", "python -m runner embedded status --json")
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def status(as_json: bool) -> int:
    """Engines, processes, ports and memory of what keeps running; exit code 3 when nothing does."""
    found = kept_instances()
    if as_json:
        click.echo(json_format.dumps([_document(instance) for instance in found], indent=2))
    elif not found:
        click.echo("Nothing is running; start it with: python -m runner embedded up")
    else:
        for instance in found:
            _show(instance)
    return ExitCode.MET if found else ExitCode.COULD_NOT_RUN


def _document(instance: KeptInstance) -> dict[str, object]:
    return {
        "name": instance.name,
        "outputs": str(instance.document),
        "status": instance.status.model_dump(mode="json"),
    }


def _show(instance: KeptInstance) -> None:
    now = time.time()
    click.echo(f"{instance.name}  {instance.document}")
    for process in instance.status.processes:
        up_for = duration(now - process.started) if process.started else "–"
        memory = size(process.rss_bytes) if process.rss_bytes else "–"
        click.echo(
            f"  {process.name:<20} {process.state:<9} pid {process.pid or '–':<8} up {up_for:<10} "
            f"memory {memory:<10} restarts {process.restarts}"
        )
    for proxy in instance.status.proxies:
        disturbed = proxy.active.kind if proxy.active else "forwards"
        click.echo(f"  {proxy.engine + ' proxy':<20} {disturbed:<9} 127.0.0.1:{proxy.port}")
