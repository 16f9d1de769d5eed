"""Reading and writing a report's files: every file appears whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from runner.comparison.model import Comparison
from runner.report.html import render_html
from runner.report.junit import render_junit
from runner.report.markdown import render_markdown
from runner.report.metrics import METRICS_FILE, render_metrics
from runner.results import SCHEMA_VERSION, Results

RESULTS_FILE = "results.json"


class ReportError(Exception):
    """A report cannot be read or written: one line that says what, where and what to do instead."""


def write_reports(results: Results, directory: Path, comparison: Comparison | None = None) -> list[Path]:
    """Write ``results.json``, ``junit.xml``, ``report.md``, ``report.html`` and ``metrics.prom``.

    Everything is rendered, and the results document read back, before the first file is replaced.

    Args:
        results: the run.
        directory: made when missing; files of an earlier run are replaced.
        comparison: with an earlier run, to be shown in the page.

    Returns:
        The five paths, ``results.json`` first.

    Raises:
        ReportError: the directory is not writable, or the results hold what JSON cannot (NaN, infinity).
    """
    document = results.to_json()
    _parse(document, "these results")
    texts = {
        RESULTS_FILE: document,
        "junit.xml": render_junit(results),
        "report.md": render_markdown(results),
        "report.html": render_html(results, comparison),
        METRICS_FILE: render_metrics(results),
    }
    return write_texts(texts, directory)


def write_texts(texts: Mapping[str, str], directory: Path) -> list[Path]:
    """Write files of these names into a directory, each whole or not at all.

    Raises:
        ReportError: the directory is not writable.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return [write_atomically(directory / name, text.encode()) for name, text in texts.items()]
    except OSError as error:
        raise ReportError(
            f"cannot write the report to {directory}: {error.strerror or error}; choose another directory with --output"
        ) from error


def load_results(path: Path) -> Results:
    """Read a results document back.

    Args:
        path: ``results.json``, or the directory that holds it.

    Raises:
        ReportError: missing, not JSON, of another version, or not a results document.
    """
    file = path / RESULTS_FILE if path.is_dir() else path
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ReportError(f"{file}: no such file; run `python -m runner all` first, or name a {RESULTS_FILE}") from None
    except UnicodeDecodeError:
        raise ReportError(f"{file}: not a text file; name the {RESULTS_FILE} of a run") from None
    except OSError as error:
        raise ReportError(f"{file}: cannot be read: {error.strerror or error}") from error
    return _parse(text, str(file))


def _parse(text: str, where: str) -> Results:
    """The document as a model, with each way of being wrong in one line."""
    try:
        return Results.model_validate_json(text)
    except ValidationError as error:
        raise ReportError(f"{where}: {_complaint(text, error)}") from error


def _complaint(text: str, error: ValidationError) -> str:
    try:
        document = json.loads(text)
    except ValueError as problem:
        return f"not JSON ({problem}); name the {RESULTS_FILE} of a run"
    version = document.get("schemaVersion") if isinstance(document, dict) else None
    if version is None:
        return f"not a results document (no schemaVersion); name the {RESULTS_FILE} of a run"
    if version != SCHEMA_VERSION:
        return (
            f"schemaVersion is {json.dumps(version)}, this runner reads {json.dumps(SCHEMA_VERSION)};"
            " use the runner that wrote it"
        )
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(step) for step in first["loc"]) or "document"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"not a valid results document: {place}: {first['msg']}{more}"


def write_atomically(path: Path, content: bytes) -> Path:
    """Write beside the target and rename: readers see the old file or the new one, never half of it.

    Raises:
        OSError: it cannot be written; what was there is there still.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)  # mkstemp makes it private; a report is for colleagues and web servers
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):  # already renamed
            temporary.unlink()
        raise
    return path
