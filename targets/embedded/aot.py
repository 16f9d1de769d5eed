"""Java's ahead-of-time cache for Trino: made once per user, halves the start afterwards.

Java checks by itself that a cache fits (same Java, same jars, same flags) and goes on without it when not, so that
a stale or missing cache costs time and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from targets.embedded import java
from targets.embedded.config import EmbeddedConfig

ROLES = ("coordinator", "worker")


def ensure(cache: Path, home: Path, _config: EmbeddedConfig) -> Mapping[str, Path]:
    """The cache files there are, by role."""
    files = {role: cache / f"{home.name}-{java.fingerprint()}" / f"{role}.aot" for role in ROLES}
    return {role: file for role, file in files.items() if file.is_file()}
