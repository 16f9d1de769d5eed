"""Workloads: the YAML file that names statements and says how often each is sent, engine by engine."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchmarks.statements import ExactRows, Statement
from engines import Answer, Engine, EngineError, TpchQuery, engine_kinds
from runner.errors import BadInput, CouldNotRun, first_problem

SCHEMA_FILE = Path(__file__).with_name("workload.schema.json")
LARGEST_WEIGHT = 1_000_000
LEARN_SECONDS = 60.0

Scalar = bool | int | float | str | None
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,39}$")]
Weight = Annotated[float, Field(gt=0, le=LARGEST_WEIGHT)]
Mix = dict[str, Weight]
_TPCH = re.compile(r"Q([1-9]|1\d|2[0-2])")


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NamedStatement(_Model):
    """One statement.

    ``sql``: its text, or one for each engine. ``expect``: its rows; ``same`` (every answer must equal the one it gives
    before the load begins) or ``any``. ``tpch``: it reads the TPC-H tables of the run's scale factor. ``settings``: the
    engine's own, for this statement.
    """

    sql: str | dict[str, str]
    expect: list[list[Scalar]] | Literal["same", "any"] = "same"
    tpch: bool = False
    settings: dict[str, str] = {}


class Workload(_Model):
    """The whole file.

    ``mix`` is for every engine that ``engines`` has none for. Keys of a mix are statements' names or Q1 to Q22.
    """

    version: Literal[1]
    name: str = ""
    statements: dict[Name, NamedStatement] = {}
    mix: Mix = {}
    engines: dict[str, Mix] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in self.statements:
            if _TPCH.fullmatch(name):
                raise ValueError(
                    f"statements.{name}: the names Q1 to Q22 are those of the TPC-H queries; choose another"
                )
        kinds = engine_kinds()
        for kind in self.engines:
            if kind not in kinds:
                raise ValueError(f"engines.{kind}: unknown engine; choose from {', '.join(kinds)}")
        if not self.mix and not self.engines:
            raise ValueError("mix: is empty, so there is nothing to send; give at least one statement a weight")
        for where, mix in [("mix", self.mix), *((f"engines.{kind}", mix) for kind, mix in self.engines.items())]:
            self._check_mix(where, mix)
        return self

    def _check_mix(self, where: str, mix: Mix) -> None:
        if not mix and where != "mix":
            raise ValueError(f"{where}: is empty, so there is nothing to send; give at least one statement a weight")
        for name in mix:
            if name not in self.statements and not _TPCH.fullmatch(name):
                raise ValueError(
                    f"{where}.{name}: no such statement; define it under statements, or name one of Q1 to Q22"
                )

    def mix_for(self, kind: str) -> Mix:
        """The mix of an engine.

        Raises:
            BadInput: there is none, or a statement of it has no text for this engine.
        """
        mix = self.engines.get(kind, self.mix)
        if not mix:
            raise BadInput(f"workload: no mix for {kind}; add mix or engines.{kind}, or choose another with --engine")
        for name in mix:
            statement = self.statements.get(name)
            if statement is not None and not isinstance(statement.sql, str) and kind not in statement.sql:
                raise BadInput(f"workload: statements.{name}.sql: no text for {kind}")
        return mix


def load_workload(path: Path) -> Workload:
    """Read a workload.

    Raises:
        BadInput: missing, not YAML, an unknown key, a weight out of range, an empty mix; one line with file and field.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"workload {path}: {error.strerror}; give a readable YAML file with --workload") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        at = f" at line {where.line + 1}" if where else ""
        raise BadInput(f"workload {path}: not YAML{at}; docs/load.md has an example") from error
    try:
        return Workload.model_validate({} if document is None else document)
    except ValidationError as error:
        raise BadInput(f"workload {path}: {_problem(error)}") from error


def _problem(error: ValidationError) -> str:
    """Without the name of the model, which ``first_problem`` gives where a whole document is wrong."""
    return " ".join(first_problem(error).removeprefix("the document: ").split())


def tpch_queries(mix: Mapping[str, float]) -> list[int]:
    """Numbers of the TPC-H queries in a mix."""
    return [int(found[1]) for found in map(_TPCH.fullmatch, mix) if found]


def named_statements(workload: Workload, engine: Engine, scale_factor: float) -> dict[str, Statement]:
    """The mix's statements other than TPC-H queries, ready to be sent and judged.

    Raises:
        CouldNotRun: one whose right answer is the one it gives now fails.
    """
    found = {}
    for name in workload.mix_for(engine.endpoint.kind):
        if name in workload.statements:
            found[name] = _statement(name, workload.statements[name], engine, scale_factor)
    return found


def _statement(name: str, named: NamedStatement, engine: Engine, scale_factor: float) -> Statement:
    sql = named.sql if isinstance(named.sql, str) else named.sql[engine.endpoint.kind]
    sql, settings = sql.strip().rstrip(";"), dict(named.settings)
    if named.tpch:
        sql, where = engine.tpch_sql(TpchQuery(0, sql), scale_factor)
        settings = {**where, **settings}
    if isinstance(named.expect, list):
        return Statement(name, sql, GivenRows(tuple(map(tuple, named.expect))), settings)
    answer = _learn(name, sql, settings, engine)
    return Statement(name, sql, ExactRows(answer.rows) if named.expect == "same" else anything, settings)


def _learn(name: str, sql: str, settings: Mapping[str, str], engine: Engine) -> Answer:
    try:
        with engine.connect() as session:
            return session.execute(sql, deadline=LEARN_SECONDS, settings=settings)
    except EngineError as error:
        raise CouldNotRun(f"workload: statement {name} fails on {engine.title} before any load: {error}") from error


def anything(_: Answer) -> str:
    """Judges any answer to be right."""
    return ""


@dataclass(frozen=True, slots=True)
class GivenRows:
    """Judges an answer by rows that people have written: numbers by value, everything else by its text."""

    rows: tuple[tuple[Scalar, ...], ...]

    def __call__(self, answer: Answer) -> str:
        """See ``Statement.problem``."""
        if len(answer.rows) == len(self.rows) and all(map(_equal_rows, self.rows, answer.rows)):
            return ""
        return f"expected {self.rows!r}, got {answer.rows[: len(self.rows) + 1]!r}"


def _equal_rows(given: Sequence[Scalar], found: Sequence[object]) -> bool:
    return len(given) == len(found) and all(map(_equal, given, found))


def _equal(given: Scalar, found: object) -> bool:
    if isinstance(given, (int, float)) and isinstance(found, (int, float, Decimal)):
        return math.isclose(given, found, rel_tol=1e-9)
    return given is found if given is None or found is None else str(given) == str(found)


def json_schema() -> str:
    """JSON Schema (2020-12) of the file, as kept in ``workload.schema.json``."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Workload.model_json_schema()}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
