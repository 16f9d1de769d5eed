"""Unpack what is needed of a Trino server archive.

The archive keeps each jar once and points to it with hard links, also from a plugin that is kept to one that is not.
So the jars to write are found first, then written in one pass, and linked again on disk.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from targets.base import TargetError
from targets.embedded.config import Listener

LABEL = "unpacking"


def unpack(archive: Path, home: Path, plugins: Iterable[str], listener: Listener) -> None:
    """Write ``lib`` and the named plugin directories of ``archive`` below ``home``.

    Args:
        archive: a ``.tar.gz`` whose checksum was verified.
        home: directory to create.
        plugins: names below ``plugin/``.
        listener: hears of bytes.

    Raises:
        TargetError: the archive lacks something that was asked for.
        OSError: it cannot be written.
    """
    wanted = {("lib",), *(("plugin", name) for name in plugins)}
    with tarfile.open(archive, "r:gz") as tar:
        sources = _sources(tar.getmembers(), wanted)
        missing = wanted - {_prefix(path) for paths in sources.values() for path in paths}
        if missing:
            raise TargetError(f"{archive.name} has no {', '.join(sorted('/'.join(item) for item in missing))}")
        members = [member for member in tar.getmembers() if member.name in sources]
        total, done = sum(member.size for member in members), 0
        for member in members:  # in the archive's own order: going back means to decompress anew
            _write(tar, member, [home.joinpath(*path.parts) for path in sources[member.name]])
            done += member.size
            listener.transfer(LABEL, done, total)


def _sources(members: Iterable[tarfile.TarInfo], wanted: set[tuple[str, ...]]) -> dict[str, list[PurePosixPath]]:
    """For each regular file to write, by its name in the archive: the paths (without the top directory) to give it."""
    sources: dict[str, list[PurePosixPath]] = {}
    for member in members:
        path = PurePosixPath(*PurePosixPath(member.name).parts[1:])
        if _prefix(path) in wanted and ".." not in path.parts and (member.isreg() or member.islnk()):
            sources.setdefault(member.linkname if member.islnk() else member.name, []).append(path)
    return sources


def _prefix(path: PurePosixPath) -> tuple[str, ...]:
    directories = path.parts[:-1]
    return directories[:2] if directories[:1] == ("plugin",) else directories[:1]


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, paths: list[Path]) -> None:
    content = tar.extractfile(member)
    if content is None:
        raise TargetError(f"{member.name} in the archive is not a file")
    first, *others = paths
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    with content, first.open("wb") as file:
        shutil.copyfileobj(content, file, 1 << 20)
    for path in others:
        _link(first, path)


def _link(existing: Path, path: Path) -> None:
    try:
        os.link(existing, path)
    except OSError:  # a file system without hard links
        shutil.copyfile(existing, path)
