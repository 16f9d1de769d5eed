"""A data set in the making: whole pieces are kept, so that an interrupted generation goes on where it ended."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from benchmarks.tpch.generator import Written, generate, version
from benchmarks.tpch.layout import (
    DatasetError,
    Footer,
    Manifest,
    Piece,
    part_counts,
    pieces,
    read_footer,
    read_manifest,
)

_WORK = ".work"


class Staging:
    """The directory in which a data set is made; whoever uses it holds the data set's lock.

    Args:
        directory: where it is, or will be. What an earlier run left there is kept if it is of this very data set.
        factor: the scale factor.

    Raises:
        DatasetError: the generator is not installed.
        OSError: the directory cannot be used.
    """

    def __init__(self, directory: Path, factor: float) -> None:
        self.directory = directory
        self._factor = factor
        counts = part_counts(factor)
        self._empty = Manifest(scale_factor=factor, generator=version(), counts=counts)
        self.pieces = pieces(counts)
        self.manifest = self._found()

    @property
    def missing(self) -> tuple[Piece, ...]:
        """Pieces that are still to be made, in order."""
        return tuple(piece for piece in self.pieces if not self.manifest.files.keys() >= set(piece.files.values()))

    def add(self, piece: Piece, lock: int, written: Written) -> None:
        """Make one piece; it counts once its files are on the disk and in the manifest.

        Raises:
            DatasetError: it cannot be made; what was there before is kept.
            OSError: the directory cannot be written.
        """
        work = self.directory / _WORK
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        try:
            generate(piece, self._factor, work, lock, written)
            self._take(piece, work)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def discard(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def _take(self, piece: Piece, work: Path) -> None:
        found = {}
        for source, name in piece.files.items():
            found[name] = read_footer(work / source)
            target = self.directory / name
            target.parent.mkdir(exist_ok=True)
            with (work / source).replace(target).open("rb") as stream:
                os.fsync(stream.fileno())
        self._write({**self.manifest.files, **found})

    def _write(self, files: Mapping[str, Footer]) -> None:
        self.manifest = self._empty.model_copy(update={"files": files})
        self.manifest.write(self.directory)

    def _found(self) -> Manifest:
        """What an earlier run left, without the files that are not as it noted them."""
        try:
            manifest = read_manifest(self.directory)
        except DatasetError:
            manifest = None
        if manifest is None or manifest.model_copy(update={"files": {}}) != self._empty:
            self.discard()
            return self._empty
        files = {name: footer for name, footer in manifest.files.items() if _is(self.directory / name, footer)}
        for path in self.directory.glob("*/*"):
            if path.relative_to(self.directory).as_posix() not in files:
                path.unlink()
        return self._empty.model_copy(update={"files": files})


def _is(file: Path, footer: Footer) -> bool:
    try:
        return read_footer(file) == footer
    except DatasetError:
        return False
