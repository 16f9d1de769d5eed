"""The Trino server distribution: fetched once per user, verified, and only what is needed of it kept.

A run that is killed at any moment leaves nothing that a later run takes for whole: the archive is fetched and unpacked
in a private directory, which is renamed into place as the last step and swept by the next run otherwise.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import requests
from jgo.maven import MavenContext, PythonResolver

from targets.base import TargetError
from targets.cache import cache_errors, cache_lock, require_space
from targets.embedded.archive import unpack
from targets.embedded.config import TRINO_VERSION, Listener

PLUGINS = ("tpch", "memory", "blackhole", "hive", "password-authenticators", "resource-group-managers")
REPOSITORY_VARIABLE = "QER_MAVEN_REPOSITORY"
CONNECT_TIMEOUT = 30
FETCH_LIMIT_SECONDS = 3600.0
LOCK_SECONDS = 2 * FETCH_LIMIT_SECONDS
ATTEMPTS = 2
SPACE_FACTOR = 1.6  # the archive plus what is kept of it, while both are there
PARTIAL = "partial-"
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Distribution:
    """One archive in a Maven repository, pinned: ``sha1`` in hex, ``size`` in bytes."""

    group: str
    artifact: str
    version: str
    packaging: str
    sha1: str
    size: int

    @property
    def file_name(self) -> str:
        """Name of the archive."""
        return f"{self.artifact}-{self.version}.{self.packaging}"


TRINO = Distribution(
    "io.trino", "trino-server", TRINO_VERSION, "tar.gz", "c9b38be4017ebd2f7095455aaac772fb40247ebe", 821_045_832
)


def ensure(
    cache: Path,
    listener: Listener,
    distribution: Distribution = TRINO,
    *,
    plugins: tuple[str, ...] = PLUGINS,
    repository: str | None = None,
    local_repository: Path | None = None,
) -> Path:
    """The unpacked distribution (``lib`` and the kept plugins), fetched now if it is not there yet.

    Two runs side by side fetch once: the second waits for the first.

    Args:
        cache: the per-user cache directory.
        listener: hears of phases and bytes.
        distribution: what to fetch.
        plugins: names of the plugin directories to keep.
        repository: base URL of the Maven repository; default ``QER_MAVEN_REPOSITORY``, then Maven Central.
        local_repository: Maven's own local repository, used when it holds the verified archive.

    Raises:
        TargetError: it cannot be had; says why and what to do.
    """
    kept = hashlib.sha256(" ".join(sorted(plugins)).encode()).hexdigest()[:8]
    home = cache / f"{distribution.artifact}-{distribution.version}-{kept}"
    if home.is_dir():
        return home
    lock = cache_lock(
        cache / f"{distribution.artifact}.lock",
        timeout=LOCK_SECONDS,
        waiting=lambda: listener.phase("waiting for another run that fetches Trino"),
    )
    with _way_on(), cache_errors(cache), lock:
        if home.is_dir():
            return home
        for leftover in cache.glob(f"{PARTIAL}*"):
            shutil.rmtree(leftover)
        source = _Source(distribution, repository or os.environ.get(REPOSITORY_VARIABLE), local_repository)
        with tempfile.TemporaryDirectory(prefix=PARTIAL, dir=cache, ignore_cleanup_errors=True) as scratch:
            archive = source.archive(Path(scratch), listener)
            listener.phase(f"unpacking {distribution.file_name}")
            unpack(archive, Path(scratch) / "home", plugins, listener)
            (Path(scratch) / "home").rename(home)
    return home


@contextlib.contextmanager
def _way_on() -> Iterator[None]:
    """Every failure here leaves one way on."""
    try:
        yield
    except TargetError as problem:
        raise TargetError(f"{problem}; or go on without Trino: --engine clickhouse") from problem


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the archive may come from."""

    distribution: Distribution
    repository: str | None
    local_repository: Path | None

    def archive(self, scratch: Path, listener: Listener) -> Path:
        """A verified archive: Maven's own copy where there is one, otherwise fetched (twice at most)."""
        if own := self._in_local_repository(listener):
            return own
        require_space(scratch, int(self.distribution.size * SPACE_FACTOR), "fetching and unpacking Trino")
        for attempt in range(1, ATTEMPTS + 1):
            again = "" if attempt == 1 else " again: the first copy was cut or wrong"
            listener.phase(f"fetching {self.distribution.file_name} ({self.distribution.size / 1e6:.0f} MB){again}")
            archive = self._fetch(scratch / f"attempt-{attempt}", listener)
            if archive is not None and self._verified(archive):
                return archive
            shutil.rmtree(scratch / f"attempt-{attempt}", ignore_errors=True)
        raise TargetError(
            f"{self.distribution.file_name} arrived cut or altered {ATTEMPTS} times (its SHA-1 is not the pinned one); "
            f"check the network or a proxy in between and run again"
        )

    def _in_local_repository(self, listener: Listener) -> Path | None:
        context = MavenContext(repo_cache=self.local_repository)
        archive: Path | None = self._artifact(context).cached_path
        if archive is None or not archive.is_file() or archive.stat().st_size != self.distribution.size:
            return None
        listener.phase(f"verifying {self.distribution.file_name} of the local Maven repository")
        return archive if self._verified(archive) else None

    def _artifact(self, context: MavenContext):  # type: ignore[no-untyped-def] # noqa: ANN202 - jgo is untyped
        project = context.project(self.distribution.group, self.distribution.artifact)
        return project.at_version(self.distribution.version).artifact(packaging=self.distribution.packaging)

    def _fetch(self, directory: Path, listener: Listener) -> Path | None:
        """Fetch into ``directory``; ``None`` when the connection broke off in the middle."""
        meter = _Meter(self.distribution.file_name, listener)
        context = MavenContext(
            repo_cache=directory,
            resolver=PythonResolver(progress_callback=meter),
            remote_repos={"repository": self.repository} if self.repository else None,
            timeout=CONNECT_TIMEOUT,
        )
        try:
            return Path(self._artifact(context).resolve())
        except requests.RequestException as problem:
            if meter.started:
                return None
            raise _unreachable(type(problem).__name__) from None
        except RuntimeError:  # jgo's own: no repository has it; its text holds the whole address
            raise _unreachable("the Maven repository does not have it") from None

    def _verified(self, archive: Path) -> bool:
        if archive.stat().st_size != self.distribution.size:
            return False
        with archive.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False)).hexdigest() == (
                self.distribution.sha1
            )


def _unreachable(why: str) -> TargetError:
    return TargetError(
        f"cannot fetch Trino {TRINO_VERSION} from its Maven repository ({why}); check the network, or name a "
        f"mirror in {REPOSITORY_VARIABLE}"
    )


class _Meter:
    """jgo's progress callback: tells the listener, and bounds the whole fetch in time."""

    def __init__(self, label: str, listener: Listener) -> None:
        self.started = False
        self._label = label
        self._listener = listener

    @contextlib.contextmanager
    def __call__(self, _name: str, total: int) -> Iterator[Callable[[int], None]]:
        self.started = True
        begun = time.monotonic()
        done = told = 0

        def update(count: int) -> None:
            nonlocal done, told
            done += count
            if time.monotonic() - begun > FETCH_LIMIT_SECONDS:
                raise requests.Timeout("fetching took too long")
            if done - told >= CHUNK or done >= total:
                told = done
                self._listener.transfer(self._label, done, total)

        yield update
