"""The command: options in, table and document out, one line and an exit code for everything that goes wrong."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import click

from benchmarks.tpch.compare import problem
from benchmarks.tpch.data import dataset
from benchmarks.tpch.foreign import ForeignTables, ForeignTablesError, check_scale_factor, inspect
from benchmarks.tpch.model import Progress, Step
from benchmarks.tpch.oracle import DuckDbOracle
from benchmarks.tpch.power import Execution, Judge, describe, run_power, run_queries
from benchmarks.tpch.queries import query
from engines import Engine, EngineError, ErrorClass, engine_class
from runner.console import Console
from runner.errors import BadInput, CouldNotRun, ExitCode
from runner.help import ExampleCommand
from runner.options import Positive, QueryNumbers, ScaleFactor
from runner.presto.options import (
    PASSWORD_VARIABLE,
    STANDARD_OUTPUT,
    Place,
    Request,
    Server,
    check_output_file,
    place_and_factor,
    reason_not_to_validate,
)
from runner.presto.report import Measured, show, write
from runner.signals import Interrupted, ending_politely
from targets.base import TargetError
from targets.embedded.config import EmbeddedConfig, Listener
from targets.embedded.target import EmbeddedTarget

PROGRAM = "run_presto_benchmarks.py"
HEALTH_SECONDS = 10.0
_NOT_FOUND = frozenset({"CATALOG_NOT_FOUND", "SCHEMA_NOT_FOUND", "TABLE_NOT_FOUND"})


@click.command(
    cls=ExampleCommand,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    examples=(
        "python benchmarks/run_presto_benchmarks.py --host trino.example --catalog tpch --schema sf1",
        "TRINO_PASSWORD=... python benchmarks/run_presto_benchmarks.py --host trino.example --user ann --schema sf1",
        "python benchmarks/run_presto_benchmarks.py --scale-factor 0.1 --queries 1,3,6-10 --output results.json",
    ),
)
@click.option("--host", metavar="NAME", help="Trino coordinator. [default: start the embedded Trino]")
@click.option("--port", type=click.IntRange(1, 65535), help="[default: 8080, with https 8443]")
@click.option("--user", metavar="NAME", help=f"[default: benchmark] The password comes from ${PASSWORD_VARIABLE}.")
@click.option("--password-file", type=click.Path(path_type=Path), metavar="FILE", help="File that holds the password.")
@click.option("--ask-password", is_flag=True, help="Ask for the password.")
@click.option("--https/--http", default=None, help="[default: https with a password, --ca or port 443 or 8443]")
@click.option("--ca", type=click.Path(path_type=Path), metavar="FILE", help="PEM file of the authority to trust.")
@click.option("--catalog", metavar="NAME", help="[default: tpch]")
@click.option("--schema", metavar="NAME", help="Schema of the tables; sfN tells the scale factor.")
@click.option("--scale-factor", type=ScaleFactor(), metavar="SF", help="Of the tables; says the schema too.")
@click.option("--queries", type=QueryNumbers(), default="all", show_default=True, metavar="LIST", help="Like 1,3,6-10.")
@click.option("--iterations", type=click.IntRange(1, 1000), default=2, show_default=True, help="Timed executions.")
@click.option("--warmups", type=click.IntRange(0, 100), default=1, show_default=True, help="Executions before them.")
@click.option(
    "--deadline",
    type=Positive("a deadline in seconds", largest=86_400, example="300"),
    default=300.0,
    show_default=True,
    metavar="S",
    help="Seconds for one execution.",
)
@click.option(
    "--validate/--no-validate", default=None, help="Compare answers with DuckDB's. [default: up to scale factor 10]"
)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="JSON results; - is standard output.")
def command(
    *,
    catalog: str | None,
    schema: str | None,
    scale_factor: float | None,
    queries: tuple[int, ...],
    iterations: int,
    warmups: int,
    deadline: float,
    validate: bool | None,
    output: Path | None,
    **server: object,
) -> int:
    """Run TPC-H queries on a Trino (Presto) server, time them and compare every answer with an independent engine's.

    Exit codes: 0 every query ran and was right, 1 one failed or was wrong, 2 bad input, 3 could not run.
    """
    endpoint = Server(**server).endpoint()  # type: ignore[arg-type]
    place, factor = place_and_factor(host=server["host"], catalog=catalog, schema=schema, factor=scale_factor)  # type: ignore[arg-type]
    request = Request(
        endpoint=endpoint,
        place=place,
        factor=factor,
        queries=queries,
        execution=Execution(warmups, iterations, deadline),
        output=output,
        unvalidated=reason_not_to_validate(factor, validate=validate),
    )
    check_output_file(output)
    console = Console(json=output == STANDARD_OUTPUT)
    with _engine(request, console) as engine:
        measured = _measure(engine, request, console)
    return _conclude(measured)


def main(arguments: Sequence[str]) -> int:
    """Run the command; every known failure is one line on standard error and its exit code."""
    try:
        with ending_politely():
            return int(command.main(list(arguments), prog_name=PROGRAM, standalone_mode=False) or 0)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except (click.ClickException, click.Abort, BadInput, ForeignTablesError) as error:
        return _complain(error, ExitCode.BAD_INPUT)
    except (CouldNotRun, TargetError, EngineError) as error:
        return _complain(error, ExitCode.COULD_NOT_RUN)
    except Interrupted as interruption:
        return _complain(f"interrupted by {interruption}", ExitCode.COULD_NOT_RUN)


def _complain(error: BaseException | str, code: ExitCode) -> int:
    message = error.format_message() if isinstance(error, click.ClickException) else str(error) or "aborted"
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
    return code


@contextmanager
def _engine(request: Request, console: Console) -> Iterator[Engine]:
    if request.endpoint is not None:
        yield engine_class("trino")(request.endpoint)
        return
    config = EmbeddedConfig(engines=("trino",), listener=Listener(phase=console.step, transfer=console.transfer))
    with ExitStack() as stack:
        with console.phase("Starting the embedded Trino"):
            target = stack.enter_context(EmbeddedTarget(config))
        yield target.engines()[0]


def _measure(engine: Engine, request: Request, console: Console) -> Measured:
    health = engine.health(timeout=HEALTH_SECONDS)
    if not health.live:
        raise CouldNotRun(f"no Trino answers at {engine.endpoint.url}: {health.detail}; see --host, --port and --https")
    if health.starting:
        raise CouldNotRun(f"the Trino at {engine.endpoint.url} is still starting; try again in a minute")
    measured = Measured(request, engine.endpoint.url, health.version, time.time(), "", None, (), ())
    if request.place is None:
        return _measure_loaded(engine, measured, console)
    return _measure_place(engine, request.place, measured, console)


def _measure_loaded(engine: Engine, measured: Measured, console: Console) -> Measured:
    """Load the data set's own files first; only the embedded server sees them."""
    request, oracle = measured.request, None
    assert request.factor is not None  # noqa: S101 - there is a default without a place
    with console.phase(f"TPC-H data at scale factor {request.factor:g}"):
        data = dataset(request.factor, _steps(console))
        oracle = DuckDbOracle(data)
        oracle.prepare(request.queries, _steps(console))
    with console.phase("TPC-H queries"):
        execution = request.execution
        run = run_power(
            engine,
            data,
            oracle,
            queries=request.queries,
            execution=execution,
            progress=_steps(console),
        )
    return replace(measured, oracle=oracle.name, loading=run.loading, queries=run.queries)


def _measure_place(engine: Engine, place: Place, measured: Measured, console: Console) -> Measured:
    request = measured.request
    with console.phase(f"Tables of {place.catalog}.{place.schema}"):
        tables = _tables(engine, place, request.factor)
    oracle = _oracle(request, console)
    expected = {number: oracle.expected(number) for number in request.queries} if oracle else {}

    def statement(number: int) -> tuple[str, dict[str, str]]:
        sql, _ = engine.tpch_sql(query(number), request.factor or 1.0)
        return tables.statement(sql), dict(tables.settings)

    def judge(number: int) -> Judge | None:
        return (lambda answer: problem(expected[number], answer)) if oracle else None

    with console.phase("TPC-H queries"):
        results = run_queries(
            engine, request.queries, request.execution, statement=statement, judge=judge, progress=_steps(console)
        )
    return replace(measured, oracle=oracle.name if oracle else "", adapted=tuple(tables.adapted), queries=results)


def _tables(engine: Engine, place: Place, factor: float | None) -> ForeignTables:
    try:
        with engine.connect() as session:
            tables = inspect(session, place.catalog, place.schema)
            if factor is not None:
                check_scale_factor(session, tables, factor)
    except EngineError as error:
        if error.name in _NOT_FOUND:
            raise BadInput(f"{error}; see --catalog and --schema") from error
        hint = f"; see --user and ${PASSWORD_VARIABLE}" if error.error_class is ErrorClass.UNAUTHORIZED else ""
        raise CouldNotRun(f"{engine.endpoint.url}: {describe(error)}{hint}") from error
    return tables


def _oracle(request: Request, console: Console) -> DuckDbOracle | None:
    if request.unvalidated or request.factor is None:
        console.step(f"answers are NOT VALIDATED: {request.unvalidated}")
        return None
    with console.phase(f"Right answers at scale factor {request.factor:g}"):
        oracle = DuckDbOracle(dataset(request.factor, _steps(console)))
        oracle.prepare(request.queries, _steps(console))
    return oracle


def _steps(console: Console) -> Progress:
    def tell(step: Step) -> None:
        console.step(f"{step.subject}: {step.detail}" if step.detail else step.subject)

    return tell


def _conclude(measured: Measured) -> int:
    show(measured)
    try:
        write(measured)
    except OSError as error:
        raise CouldNotRun(f"--output {measured.request.output}: {error.strerror or error}") from error
    return ExitCode.MET if measured.good else ExitCode.FAILED
