"""The JSON Schemas kept in the repository, each generated from its model.

``python -m runner.schemas`` writes those that are out of date; with ``--check`` it only says which.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner import results, slo, workload
from targets import contract

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Schema:
    """One schema file and the function that generates its text."""

    file: Path
    generate: Callable[[], str]

    @property
    def current(self) -> bool:
        """Whether the file holds what the model generates."""
        return self.file.is_file() and self.file.read_text(encoding="utf-8") == self.generate()


SCHEMAS = (
    Schema(contract.SCHEMA_FILE, contract.json_schema),
    Schema(results.SCHEMA_FILE, results.json_schema),
    Schema(slo.SCHEMA_FILE, slo.json_schema),
    Schema(workload.SCHEMA_FILE, workload.json_schema),
)


def stale(schemas: Sequence[Schema] = SCHEMAS) -> list[Path]:
    """Files that differ from their models, or are missing."""
    return [schema.file for schema in schemas if not schema.current]


def write_schemas(schemas: Sequence[Schema] = SCHEMAS) -> list[Path]:
    """Write what is out of date; returns the files written."""
    written = [schema for schema in schemas if not schema.current]
    for schema in written:
        schema.file.write_text(schema.generate(), encoding="utf-8")
    return [schema.file for schema in written]


def main(arguments: Sequence[str] | None = None, say: Callable[[str], object] = print) -> int:
    """Entry point; returns the exit code, 1 when ``--check`` finds something out of date."""
    parser = argparse.ArgumentParser(prog="python -m runner.schemas", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when a file is out of date")
    check = parser.parse_args(arguments).check
    files = stale() if check else write_schemas()
    for file in files:
        say(f"{'out of date' if check else 'written'}: {_shown(file)}")
    if check and files:
        say("run: make schemas")
    elif not files:
        say(f"{len(SCHEMAS)} schemas are up to date")
    return 1 if check and files else 0


def _shown(file: Path) -> Path:
    return file.relative_to(ROOT) if file.is_relative_to(ROOT) else file


if __name__ == "__main__":
    raise SystemExit(main())
