"""Heap and JVM flags of Trino, by memory limit, CPU limit and version."""

from __future__ import annotations

from components.quantities import mebibytes, millicores
from components.settings import Resources

# What a Trino process needs beside its heap: code cache, metaspace, threads, buffers. Measured in a 1Gi limit.
_BESIDE_HEAP_MIB = 384
_LARGEST_SHARE_PERCENT = 80
# Below this the optimising compiler and the concurrent collector cost more than they give: a start takes twice as long.
_THROUGHPUT_MILLICORES = 2000

# First Trino version that needs each Java release, from Trino's release notes.
_JAVA = ((475, 24), (464, 23), (447, 22), (436, 21), (0, 17))


def heap_mib(memory_limit: str) -> int:
    """Heap in MiB for a container with that memory limit: 640 of 1Gi, 80 % of a large one."""
    limit = mebibytes(memory_limit)
    return min(limit - _BESIDE_HEAP_MIB, limit * _LARGEST_SHARE_PERCENT // 100)


def java_release(trino_version: int) -> int:
    """The Java release that a Trino version's image runs on."""
    return next(java for first, java in _JAVA if trino_version >= first)


def jvm_config(version: int, resources: Resources, profile: str) -> str:
    """``jvm.config``: one option a line.

    Args:
        version: Trino's version.
        resources: of the container; heap and ``auto`` follow from the limits.
        profile: ``fast-start``, ``throughput`` or ``auto``.
    """
    heap = heap_mib(resources.memory_limit)
    lines = ["-server", f"-Xms{heap}M", f"-Xmx{heap}M", *_collector(profile, resources), *_common()]
    return "\n".join(lines + _by_release(java_release(version))) + "\n"


def _collector(profile: str, resources: Resources) -> list[str]:
    if profile == "auto":
        small = millicores(resources.cpu_limit) < _THROUGHPUT_MILLICORES
        profile = "fast-start" if small else "throughput"
    if profile == "fast-start":
        # Metaspace that grows past its first size would have the whole heap collected, twice during a start.
        return ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:MetaspaceSize=256M"]
    return ["-XX:+UseG1GC", "-XX:G1HeapRegionSize=32M", "-XX:+ExplicitGCInvokesConcurrent"]


def _common() -> list[str]:
    return [
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:-OmitStackTraceInFastThrow",
        "-XX:ReservedCodeCacheSize=256M",
        "-XX:PerMethodRecompilationCutoff=10000",
        "-XX:PerBytecodeRecompilationCutoff=10000",
        "-Djdk.attach.allowAttachSelf=true",
        "-Djdk.nio.maxCachedBufferSize=2000000",
        "-Dfile.encoding=UTF-8",
        "-Duser.timezone=UTC",
        # A DNS answer of a Service that came back must not be held for the JVM's 30 seconds.
        "-Dsun.net.inetaddr.ttl=5",
    ]


def _by_release(java: int) -> list[str]:
    lines = []
    if java >= 21:
        lines.append("-XX:+EnableDynamicAgentLoading")
    if java >= 24:
        lines += ["--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED"]
    return lines
