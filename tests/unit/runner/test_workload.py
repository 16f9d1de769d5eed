"""Workloads: what a file means, and one line for each that means nothing."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest
import yaml

from engines import Answer, Engine
from runner.errors import BadInput, CouldNotRun
from runner.workload import GivenRows, Workload, json_schema, load_workload, named_statements, tpch_queries
from tests.unit.fakes import Script, ScriptedEngine

WHOLE = """
version: 1
name: dashboards
statements:
  point: {sql: "SELECT 25;", expect: [[25]]}
  recent: {sql: {clickhouse: SELECT now(), trino: SELECT current_date}, expect: any}
  same: {sql: SELECT 24 + 1, settings: {max_threads: "1"}}
mix: {Q6: 1, point: 3.5}
engines:
  clickhouse: {Q1: 1, recent: 2}
"""


def load(tmp_path: Path, text: str) -> Workload:
    file = tmp_path / "load.yaml"
    file.write_text(text)
    return load_workload(file)


def test_each_engine_has_its_mix(tmp_path: Path) -> None:
    workload = load(tmp_path, WHOLE)
    assert workload.mix_for("clickhouse") == {"Q1": 1, "recent": 2}
    assert workload.mix_for("trino") == {"Q6": 1, "point": 3.5}
    assert tpch_queries(workload.mix_for("trino")) == [6]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[1", "not YAML at line"),
        ("", "version is missing"),
        ("version: 2\nmix: {Q1: 1}", "version: input should be 1"),
        ("version: 1", "mix: is empty, so there is nothing to send"),
        ("version: 1\nengines: {trino: {}}", "engines.trino: is empty"),
        ("version: 1\nengines: {oracle: {Q1: 1}}", "engines.oracle: unknown engine; choose from clickhouse, trino"),
        ("version: 1\nmix: {Q23: 1}", "mix.Q23: no such statement"),
        ("version: 1\nmix: {ping: 1}", "mix.ping: no such statement"),
        ("version: 1\nmix: {Q1: 0}", "mix.Q1: input should be greater than 0 (got 0)"),
        ("version: 1\nmix: {Q1: -3}", "mix.Q1: input should be greater than 0"),
        ("version: 1\nmix: {Q1: .nan}", "mix.Q1: input should be a finite number"),
        ("version: 1\nmix: {Q1: many}", "mix.Q1: input should be a valid number"),
        ("version: 1\nmixx: {Q1: 1}", "unknown key mixx"),
        ("version: 1\nmix: {Q1: 1}\nstatements: {Q1: {sql: x}}", "statements.Q1: the names Q1 to Q22"),
        ("version: 1\nmix: {a: 1}\nstatements: {a: {sq: x}}", "statements.a.sql is missing"),
        ("version: 1\nmix: {a: 1}\nstatements: {a: {sql: x, expect: [1]}}", "statements.a.expect"),
        ("- 1", "workload"),
    ],
)  # fmt: skip
def test_what_is_no_workload_is_one_line_with_file_and_field(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(BadInput) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(f"workload {tmp_path / 'load.yaml'}: ")
    assert complaint in message
    assert "\n" not in message


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file or directory; give a readable YAML file with --workload"):
        load_workload(tmp_path / "none.yaml")


def test_an_engine_without_a_mix_or_a_text_is_told(tmp_path: Path) -> None:
    only = load(tmp_path, "version: 1\nengines: {clickhouse: {Q1: 1}}")
    with pytest.raises(BadInput, match=r"no mix for trino; add mix or engines\.trino"):
        only.mix_for("trino")
    text = "version: 1\nmix: {a: 1}\nstatements: {a: {sql: {clickhouse: x}}}"
    with pytest.raises(BadInput, match=r"statements\.a\.sql: no text for trino"):
        load(tmp_path, text).mix_for("trino")


def scripted(mode: str = "ok") -> Engine:
    return ScriptedEngine(Script(mode))


def test_statements_judge_by_what_is_expected(tmp_path: Path) -> None:
    text = WHOLE.replace("mix: {Q6: 1, point: 3.5}", "mix: {Q6: 1, point: 3.5, recent: 1, same: 1}").replace(
        "{clickhouse: SELECT now(), trino: SELECT current_date}", "SELECT now()"
    )
    found = named_statements(load(tmp_path, text), scripted(), 1.0)
    assert list(found) == ["point", "recent", "same"]
    assert found["point"].sql == "SELECT 25"
    assert found["same"].settings == {"max_threads": "1"}
    right, wrong = Answer(("n",), ((25,),)), Answer(("n",), ((24,),))
    assert [found[name].problem(right) for name in found] == ["", "", ""]
    assert [bool(found[name].problem(wrong)) for name in found] == [True, False, True]


def test_a_statement_that_cannot_be_learned_ends_the_run_before_any_load(tmp_path: Path) -> None:
    text = "version: 1\nmix: {a: 1}\nstatements: {a: {sql: SELECT 1}}"
    with pytest.raises(CouldNotRun, match="statement a fails on Scripted before any load: nothing listens"):
        named_statements(load(tmp_path, text), scripted("refused"), 1.0)


@pytest.mark.parametrize(
    ("given", "found", "equal"),
    [
        (1, Decimal("1.00"), True),
        (0.1, Decimal("0.1"), True),
        (2.5, 2.5000000001, True),
        (1, 2, False),
        ("1995-03-15", __import__("datetime").date(1995, 3, 15), True),
        (None, None, True),
        (None, 0, False),
        (0, None, False),
        ("a", "b", False),
    ],
)
def test_rows_that_people_have_written_are_compared_by_value(given: object, found: object, equal: bool) -> None:
    assert (GivenRows(((given,),))(Answer(("x",), ((found,),))) == "") is equal  # type: ignore[arg-type]
    assert GivenRows(())(Answer(("x",), ((found,),))) != ""


def test_the_schema_knows_the_file() -> None:
    schema = yaml.safe_load(json_schema())
    jsonschema.validate(yaml.safe_load(WHOLE), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": 1, "mix": {"Q1": 0}}, schema)
