"""The script of the first system: what it accepts, sends, tells and returns."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest

from benchmarks.tpch.foreign import scale_factor_of
from engines import Dataset, Endpoint, Health
from runner.presto import command, main
from tests.unit.benchmarks.tpch.duck_trino import DuckTrino

SCRIPT = Path(command.__file__).parents[2] / "benchmarks" / "run_presto_benchmarks.py"
SECRET = "hunter2-and-more"
AT = ["--host", "trino.test"]
QUICK = ["--queries", "1,6,13", "--warmups", "0", "--iterations", "2"]

pytestmark = pytest.mark.usefixtures("answers", "trino")


@pytest.fixture
def trino(small: Dataset, monkeypatch: pytest.MonkeyPatch) -> type[DuckTrino]:
    """The script's Trino, reset after each test."""

    class Fresh(DuckTrino):
        data = small
        endpoints: ClassVar[list[Endpoint]] = []
        lies: ClassVar[set[int]] = set()
        fails: ClassVar[set[int]] = set()

    monkeypatch.delenv("TRINO_PASSWORD", raising=False)
    monkeypatch.setattr(command, "engine_class", lambda _: Fresh)
    monkeypatch.setattr(
        command, "dataset", lambda factor, progress: small if factor == 0.01 else pytest.fail(f"{factor}")
    )
    return Fresh


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def results(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


@pytest.mark.parametrize("schema", ["sf0.01", "simple"])
def test_right_answers_exit_0(tmp_path: Path, capsys: pytest.CaptureFixture[str], schema: str) -> None:
    file = tmp_path / "new" / "results.json"
    arguments = [*AT, "--schema", schema, "--scale-factor", "0.01", *QUICK, "--output", str(file)]
    code, out, err = run(arguments, capsys)
    assert (code, err) == (0, "")
    assert "answers compared with DuckDB" in out
    assert "3 of 3 queries fine" in out
    document = results(file)
    assert document["validated"] is True
    assert [query["query"] for query in document["queries"]] == [1, 6, 13]
    assert all(query["valid"] and len(query["seconds"]) == 2 for query in document["queries"])
    assert document["geometricMeanSeconds"] > 0
    assert (document["server"], document["version"]) == ("http://trino.test:8080", "476")
    assert bool(document["adaptedTables"]) is (schema == "simple")


def test_all_22_run_over_short_names_and_doubles(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*AT, "--schema", "simple", "--scale-factor", "0.01", "--warmups", "0", "--iterations", "1"]
    code, out, err = run(arguments, capsys)
    assert (code, err) == (0, "")
    assert "22 of 22 queries fine" in out


def test_a_wrong_answer_exits_1_and_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], trino: type[DuckTrino]
) -> None:
    trino.lies.add(6)
    file = tmp_path / "results.json"
    code, out, _ = run([*AT, "--schema", "sf0.01", *QUICK, "--output", str(file)], capsys)
    assert code == 1
    assert "Q6: rows: engine 0, oracle 1" in out
    assert "2 of 3 queries fine; no geometric mean" in out
    document = results(file)
    assert [query["valid"] for query in document["queries"]] == [True, False, True]
    assert document["passed"] is False
    assert document["geometricMeanSeconds"] is None


def test_a_failed_query_exits_1_and_the_others_go_on(
    capsys: pytest.CaptureFixture[str], trino: type[DuckTrino]
) -> None:
    trino.fails.add(1)
    code, out, _ = run([*AT, "--schema", "sf0.01", *QUICK], capsys)
    assert code == 1
    assert "Q1: engine: EXCEEDED_LOCAL_MEMORY_LIMIT: too big" in out
    assert "failed" in out
    assert "2 of 3 queries fine" in out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--schema", "simple"], "the schema's name tells no scale factor"),
        (["--schema", "sf0.01", "--no-validate"], "--no-validate was given"),
    ],
)
def test_not_validated_is_said_plainly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    file = tmp_path / "results.json"
    code, out, err = run([*AT, *arguments, *QUICK, "--output", str(file)], capsys)
    assert (code, err) == (0, "")
    assert f"NOT VALIDATED: {reason}" in out
    assert "right" not in out
    document = results(file)
    assert document["validated"] is False
    assert document["notValidatedBecause"].startswith(reason)
    assert {query["valid"] for query in document["queries"]} == {None}


def test_standard_output_is_the_document_alone(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run([*AT, "--schema", "sf0.01", *QUICK, "--output", "-"], capsys)
    assert code == 0
    assert json.loads(out)["validated"] is True
    assert "3 of 3 queries fine" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --schema"),
        (["--schema", "sf1", "--scale-factor", "2"], "contradict"),
        (["--schema", "nowhere"], "SCHEMA_NOT_FOUND|does not exist; see --catalog and --schema"),
        (["--schema", "other"], "no column r_regionkey .nor regionkey.: these are not TPC-H"),
        (
            ["--schema", "simple", "--scale-factor", "1"],
            r"100 suppliers, scale factor 1 has 10000.*--scale-factor .0.01",
        ),
        (["--schema", "sf0.01", "--queries", "0"], "numbered 1 to 22"),
        (["--schema", "sf0.01", "--queries", "1-23"], "numbered 1 to 22"),
        (["--scale-factor", "0"], "scale factor 0"),
        (["--scale-factor", "-1"], "scale factor -1"),
        (["--scale-factor", "abc"], "scale factor abc"),
        (["--schema", "sf0.01", "--iterations", "0"], "--iterations"),
        (["--schema", "sf0.01", "--warmups", "-1"], "--warmups"),
        (["--schema", "sf0.01", "--deadline", "0"], "deadline"),
        (["--schema", "sf0.01", "--port", "0"], "--port"),
        (["--schema", "sf0.01", "--port", "70000"], "--port"),
        (["--schema", "sf0.01", "--host", "http://x"], "give a name or address only"),
        (["--schema", "sf0.01", "--host", "x:8080"], "give a name or address only"),
        (["--schema", "sf0.01", "--host", ""], "give a name or address only"),
        (["--schema", "sf0.01", "--ca", "/nowhere.pem"], "--ca /nowhere.pem: no such file"),
        (["--schema", "sf0.01", "--ca", str(SCRIPT), "--http"], "--ca is for https"),
        (["--schema", "sf0.01", "--password-file", "/nowhere"], "--password-file /nowhere: No such file"),
        (["--schema", "sf0.01", "--output", "/"], "this is a directory"),
        (["--schema", "sf0.01", "--output", "/proc/x/y"], "cannot write"),
        (["--schema", "x", "--validate"], "--validate needs a scale factor"),
        (["--nope"], "--nope"),
        (["--password", SECRET], "--password"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code, out, err = run([*AT, *arguments], capsys)
    assert code == 2
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    assert re.search(message, err)
    assert "Traceback" not in out + err


@pytest.mark.parametrize(
    "option", ["--port=1", "--user=x", "--https", "--http", "--ca=x", "--password-file=x", "--ask-password"]
)
def test_server_options_need_a_host(capsys: pytest.CaptureFixture[str], option: str) -> None:
    code, _, err = run([option], capsys)
    assert code == 2
    assert "needs --host" in err


@pytest.mark.parametrize(
    ("health", "message"),
    [
        (
            Health(live=False, detail="Connection refused"),
            "no Trino answers at http://trino.test:8080: Connection refused",
        ),
        (Health(live=True, starting=True, version="476"), "still starting"),
    ],
)
def test_a_server_that_does_not_answer_is_exit_3(
    capsys: pytest.CaptureFixture[str], trino: type[DuckTrino], health: Health, message: str
) -> None:
    trino.health_now = health
    code, _, err = run([*AT, "--schema", "sf0.01"], capsys)
    assert code == 3
    assert message in err
    assert err.count("\n") == 1


def test_an_unreachable_server_is_exit_3(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    code, _, err = run(["--host", "127.0.0.1", "--port", "1", "--schema", "sf1"], capsys)
    assert code == 3
    assert "no Trino answers at http://127.0.0.1:1" in err


@pytest.mark.parametrize("way", ["variable", "file"])
def test_the_password_reaches_the_server_and_nothing_else(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    trino: type[DuckTrino],
    way: str,
) -> None:
    trino.password = SECRET
    file, arguments = tmp_path / "results.json", [*AT, "--user", "ann", "--schema", "sf0.01", *QUICK]
    if way == "variable":
        monkeypatch.setenv("TRINO_PASSWORD", SECRET)
    else:
        (tmp_path / "password").write_text(SECRET + "\n")
        arguments += ["--password-file", str(tmp_path / "password")]
    code, out, err = run([*arguments, "--output", str(file)], capsys)
    assert code == 0
    (endpoint,) = trino.endpoints
    assert (endpoint.scheme, endpoint.port, endpoint.user, endpoint.password) == ("https", 8443, "ann", SECRET)
    assert SECRET not in out + err + file.read_text() + repr(endpoint)


def test_a_refused_password_is_exit_3_with_a_hint(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, trino: type[DuckTrino]
) -> None:
    trino.password = "another"
    monkeypatch.setenv("TRINO_PASSWORD", SECRET)
    code, _, err = run([*AT, "--schema", "sf0.01"], capsys)
    assert code == 3
    assert "unauthorized" in err
    assert "$TRINO_PASSWORD" in err
    assert SECRET not in err


def test_a_password_never_goes_over_http(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, trino: type[DuckTrino]
) -> None:
    monkeypatch.setenv("TRINO_PASSWORD", SECRET)
    code, _, err = run([*AT, "--http", "--schema", "sf0.01"], capsys)
    assert code == 2
    assert "a password goes over https only" in err
    assert trino.endpoints == []


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        ([], "http://trino.test:8080"),
        (["--https"], "https://trino.test:8443"),
        (["--port", "443"], "https://trino.test:443"),
        (["--port", "9000"], "http://trino.test:9000"),
        (["--port", "8443", "--http"], "http://trino.test:8443"),
        (["--ca", str(SCRIPT)], "https://trino.test:8443"),
        (["--host", "::1"], "http://[::1]:8080"),
    ],
)
def test_the_address(
    capsys: pytest.CaptureFixture[str], trino: type[DuckTrino], arguments: list[str], url: str
) -> None:
    run([*AT, *arguments, "--schema", "sf0.01", "--queries", "6", "--no-validate"], capsys)
    assert [endpoint.url for endpoint in trino.endpoints] == [url]


@pytest.mark.parametrize(
    ("schema", "factor"),
    [
        ("sf1", 1),
        ("SF10", 10),
        ("sf0.1", 0.1),
        ("sf0_01", 0.01),
        ("tiny", 0.01),
        ("sf", None),
        ("prod", None),
        ("sf1x", None),
    ],
)
def test_what_a_schemas_name_tells(schema: str, factor: float | None) -> None:
    assert scale_factor_of(schema) == factor


@pytest.mark.parametrize("folder", ["/", "repository", "benchmarks"])
def test_it_runs_from_anywhere(folder: str) -> None:
    directory = {"repository": SCRIPT.parents[1], "benchmarks": SCRIPT.parent}.get(folder, Path(folder))
    environment = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--help"],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "--scale-factor" in done.stdout
