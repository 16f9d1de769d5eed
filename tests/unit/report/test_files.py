"""Files appear whole, match the schema, and read back; what cannot be read is one clear line."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from runner.report import ReportError, load_results, write_reports
from runner.results import SCHEMA_FILE
from tests.unit.report.sample import empty_results, sample_results


def test_five_files_are_written_and_read_back(tmp_path: Path) -> None:
    results = sample_results()
    paths = write_reports(results, tmp_path / "deep" / "report")
    assert [path.name for path in paths] == ["results.json", "junit.xml", "report.md", "report.html", "metrics.prom"]
    assert load_results(paths[0]) == results
    assert load_results(paths[0].parent) == results
    assert sorted(path.name for path in paths[0].parent.iterdir()) == sorted(path.name for path in paths)


def test_the_document_matches_its_schema(tmp_path: Path) -> None:
    schema = json.loads(SCHEMA_FILE.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    for results in (sample_results(), empty_results()):
        document = json.loads(write_reports(results, tmp_path)[0].read_text())
        jsonschema.Draft202012Validator(schema).validate(document)
        assert document["schemaVersion"] == "1"


def test_files_are_readable_by_others(tmp_path: Path) -> None:
    assert {path.stat().st_mode & 0o777 for path in write_reports(empty_results(), tmp_path)} == {0o644}


def test_rendering_again_replaces_the_files_with_the_same(tmp_path: Path) -> None:
    first = {path.name: path.read_text() for path in write_reports(sample_results(), tmp_path)}
    again = {path.name: path.read_text() for path in write_reports(load_results(tmp_path), tmp_path)}
    assert first == again


def test_what_json_cannot_hold_is_refused_before_anything_is_replaced(tmp_path: Path) -> None:
    write_reports(empty_results(), tmp_path)
    before = (tmp_path / "results.json").read_text()
    results = sample_results()
    broken = results.experiments[0].model_copy(update={"probe_period_seconds": float("nan")})
    with pytest.raises(ReportError, match=r"experiments\.0\.probe_period_seconds"):
        write_reports(results.model_copy(update={"experiments": (broken,)}), tmp_path)
    assert (tmp_path / "results.json").read_text() == before


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    write_reports(empty_results(), tmp_path)
    (tmp_path / "junit.xml").unlink()
    (tmp_path / "junit.xml").mkdir()  # a rename onto a directory fails
    with pytest.raises(ReportError, match=r"cannot write the report to .*; choose another directory with --output"):
        write_reports(sample_results(), tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert (tmp_path / "report.md").is_file()


def test_a_file_in_the_way_of_the_directory_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("")
    with pytest.raises(ReportError) as caught:
        write_reports(empty_results(), tmp_path / "report")
    assert "\n" not in str(caught.value)


DOCUMENT = empty_results().to_json()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\x00", "not a text file"),
        (b"[]", "no schemaVersion"),
        (b"{}", "no schemaVersion"),
        (b"null", "no schemaVersion"),
        (b'{"schemaVersion": "2"}', 'schemaVersion is "2", this runner reads "1"'),
        (b'{"schemaVersion": 1}', 'schemaVersion is 1, this runner reads "1"'),
        (b'{"schemaVersion": "1"}', r"target: Field required \(and 3 more\)"),
        (DOCUMENT.replace('"cpus": 2', '"cpus": "many"').encode(), r"environment\.cpus: .*integer"),
        (DOCUMENT.replace('"target"', '"surprise": 1, "target"').encode(), "surprise: Extra inputs"),
    ],
)
def test_a_document_that_is_none_is_one_clear_line(tmp_path: Path, content: bytes, complaint: str) -> None:
    file = tmp_path / "results.json"
    file.write_bytes(content)
    with pytest.raises(ReportError, match=complaint) as caught:
        load_results(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_document_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"no such file; run `python -m runner all` first"):
        load_results(tmp_path / "nothing.json")
    with pytest.raises(ReportError, match=r"results\.json: no such file"):
        load_results(tmp_path)
