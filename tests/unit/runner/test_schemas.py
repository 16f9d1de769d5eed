"""The JSON Schemas in the repository are those that the models generate."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from runner import schemas
from runner.schemas import SCHEMAS, Schema


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.file.name)
def test_the_file_is_up_to_date(schema: Schema) -> None:
    assert schema.current, "run: make schemas"


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.file.name)
def test_the_file_is_a_json_schema(schema: Schema) -> None:
    document = json.loads(schema.file.read_text())
    assert document["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]
    jsonschema.Draft202012Validator.check_schema(document)


def test_stale_and_missing_files_are_found_and_written(tmp_path: Path) -> None:
    good, old, missing = (Schema(tmp_path / name, lambda: "new\n") for name in ("good", "old", "missing"))
    good.file.write_text("new\n")
    old.file.write_text("old\n")
    assert schemas.stale([good, old, missing]) == [old.file, missing.file]
    assert schemas.write_schemas([good, old, missing]) == [old.file, missing.file]
    assert schemas.stale([good, old, missing]) == []
    assert missing.file.read_text() == "new\n"


def test_check_tells_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    schema = Schema(tmp_path / "s.json", lambda: "{}")
    monkeypatch.setattr(schemas, "stale", lambda: [schema.file])
    assert schemas.main(["--check"], said.append) == 1
    assert said == [f"out of date: {schema.file}", "run: make schemas"]
    assert not schema.file.exists()


def test_all_up_to_date_is_said() -> None:
    said: list[str] = []
    assert schemas.main(["--check"], said.append) == 0
    assert said == [f"{len(SCHEMAS)} schemas are up to date"]
