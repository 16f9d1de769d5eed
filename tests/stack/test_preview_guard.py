"""The guard of pull requests fails when data would go, and only then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.preview_guard import main, markdown, steps

PREFIX = "urn:pulumi:dev::query-engine-reliability::qer:components:X$kubernetes:"


def step(operation: str, kind: str, name: str = "x", **more: object) -> dict[str, Any]:
    return {"op": operation, "urn": f"{PREFIX}{kind}::{name}", **more}


def preview(tmp_path: Path, *found: dict[str, Any]) -> str:
    path = tmp_path / "preview.json"
    path.write_text("warning: something before it\n" + json.dumps({"steps": list(found)}))
    return str(path)


@pytest.mark.parametrize("kind", ["core/v1:Namespace", "core/v1:PersistentVolumeClaim"])
@pytest.mark.parametrize("operation", ["delete", "replace", "delete-replaced", "create-replacement"])
def test_losing_a_namespace_or_a_claim_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, operation: str
) -> None:
    assert main([preview(tmp_path, step(operation, kind, "precious"))]) == 1
    shown = capsys.readouterr().out
    assert "Data would be lost" in shown
    assert "`precious`" in shown


def test_other_changes_pass_and_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = (
        step("update", "core/v1:PersistentVolumeClaim", "grown", diffReasons=["spec"]),
        step("delete", "apps/v1:Deployment", "old"),
        step("same", "core/v1:Namespace", "quiet"),
    )
    assert main([preview(tmp_path, *found)]) == 0
    shown = capsys.readouterr().out
    assert "| update | kubernetes:core/v1:PersistentVolumeClaim | `grown` | spec |" in shown
    assert "quiet" not in shown
    assert "lost" not in shown


def test_no_change_is_said() -> None:
    assert "No change" in markdown(steps({"steps": [step("same", "core/v1:Secret")]}))


@pytest.mark.parametrize("text", ["", "error: no stack", '{"diagnostics": []}'])
def test_what_is_not_a_preview_is_an_error_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "preview.json"
    path.write_text(text)
    assert main([str(path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
