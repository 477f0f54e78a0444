"""Folder: a root by path or fsspec URL that can also be written.

Whoever reads a file while it is written sees the old bytes or the new ones, never a part of them.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident

from vbdata.storage.filesystems import naming_full_disk, plain_errors
from vbdata.storage.readable import ReadableFolder
from vbdata.storage.root import Root, safe

__all__ = ["Folder", "Root", "safe"]


class Folder(ReadableFolder):
    """A folder by path or fsspec URL, read and written. Several threads may use it at once.

    Its methods raise OSError, with the URL in the text, if the disk or the store fails.
    """

    def write(self, path: str, data: bytes) -> None:
        """Replace a file as a whole: a reader sees the old bytes or the new ones."""
        if not self.local:
            self._remote.send(self.url, self.fs, self.full_path(path), data)
            return
        with self._part(path) as part:
            part.write_bytes(data)

    def copy(self, local_file: Path, path: str) -> None:
        """Copy a local file here; a reader sees all of it or nothing."""
        if not self.local:
            self._remote.send(self.url, self.fs, self.full_path(path), local_file)
            return
        with self._part(path) as part:
            shutil.copyfile(local_file, part)

    def put(self, local_file: Path, path: str) -> None:
        """Move a finished local file to its final name, in one step as its readers see it."""
        if not self.local:
            self.copy(local_file, path)
            local_file.unlink()
            return
        target = Path(self.full_path(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            local_file.replace(target)
        except OSError as err:
            if err.errno != errno.EXDEV:
                raise
            self.copy(local_file, path)  # a rename does not reach another disk
            local_file.unlink()

    @contextmanager
    def _part(self, path: str) -> Iterator[Path]:
        """A path to write a file to inside the `with` block, after which it gets its final name.

        Nothing is left of a failure. Raises OSError that names the folder if its disk is full.
        """
        target = Path(self.full_path(path))
        part = target.with_name(f".{target.name}.{os.getpid()}.{get_ident()}.part")
        with naming_full_disk(target.parent):
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                yield part
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)

    def move(self, old: str, new: str) -> None:
        """Rename a file inside the folder."""
        if not self.local:
            self._remote.move(self.url, self.fs, self.full_path(old), self.full_path(new))
            return
        Path(self.full_path(new)).parent.mkdir(parents=True, exist_ok=True)
        with plain_errors(self.url):
            shutil.move(self.full_path(old), self.full_path(new))

    def remove(self, path: str) -> None:
        """Delete a file if it is there."""
        if self.local:
            Path(self.full_path(path)).unlink(missing_ok=True)
        else:
            self._remote.remove(self.url, self.fs, self.full_path(path))

    def abort_uploads(self) -> int:
        """Abort uploads to a store that killed processes left; return how many there were.

        Raises OSError if the store does not list them.
        """
        return 0 if self.local else self._remote.abort_uploads(self.url, self.fs, self.base)
