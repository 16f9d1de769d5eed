"""The runner's image for the throwaway cluster, which has no registry and no Docker: this checkout and its packages."""

from __future__ import annotations

import os
import shutil
import sysconfig
import tempfile
from pathlib import Path

from tests.e2e.pulumi_stack import ROOT, run

IMAGE = "localhost/query-engine-reliability:e2e"
CODE = ("engines", "targets", "benchmarks", "faults", "runner")
# What the Dockerfile leaves out, with what only that brings, and what only developing needs.
LEFT_OUT = (
    "chdb",
    "datastore",
    "pulumi",
    "grpc",
    "opentelemetry",
    "kubernetes_validate",
    "mypy",
    "ruff",
    "debugpy",
    "pip",
)


def load_runner_image(sandbox: Path) -> str:
    """Make the image and bring it to every node; returns its name."""
    home = Path(os.environ["SANDBOX_HOME"])
    with tempfile.TemporaryDirectory(dir=home) as work:
        packages, code, tar = Path(work, "packages"), Path(work, "code"), Path(work, "runner.tar")
        _copy_packages(packages / "opt" / "site")
        for part in CODE:
            shutil.copytree(ROOT / part, code / "app" / part, ignore=shutil.ignore_patterns("__pycache__"))
        (code / "usr" / "bin").mkdir(parents=True)
        (code / "usr" / "bin" / "python").symlink_to("python3")
        shutil.copy2(Path(sysconfig.get_path("scripts")) / "tpchgen-cli", code / "usr" / "bin")
        made = run(
            str(sandbox.parent / "images" / "mkimg.py"), str(tar), IMAGE,
            str(home / "rootfs"), str(packages), str(code),
            "--entry", "python,-m,runner", "--env", "PYTHONPATH=/opt/site", "--user", "1000", "--workdir", "/app",
            timeout=300,
        )  # fmt: skip
        assert made.status == 0, made.text
        loaded = run(str(sandbox), "load", str(tar), timeout=300)
        assert loaded.status == 0, loaded.text
    return IMAGE


def _copy_packages(destination: Path) -> None:
    """Hard links where that is possible: half a gigabyte."""
    destination.mkdir(parents=True)
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.lower().startswith(LEFT_OUT):
            _link(entry, destination / entry.name)


def _link(source: Path, destination: Path) -> None:
    def copy(one: str, other: str) -> str:
        try:
            os.link(one, other)
        except OSError:
            shutil.copy2(one, other)
        return other

    if source.is_dir():
        shutil.copytree(source, destination, copy_function=copy, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        copy(str(source), str(destination))
