"""A root that passes every question on to another one: base of those that note what was asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from vbdata.core.types import FileRef
from vbdata.storage.folder import Root


class Watched(Root):
    """The same folder. Subclasses note what they are interested in."""

    def __init__(self, root: Root) -> None:
        self._root, self.url = root, root.url

    def exists(self, path: str = "") -> bool:
        """Whether a file or folder is there."""
        return self._root.exists(path)

    def size(self, path: str) -> int:
        """Bytes of a file, -1 if it is not there."""
        return self._root.size(path)

    def files(self, below: str = "") -> Iterator[FileRef]:
        """All files below a folder."""
        return self._root.files(below)

    def folders(self, below: str = "") -> list[str]:
        """Names of the folders directly below one."""
        return self._root.folders(below)

    def read(self, path: str) -> bytes:
        """A whole file."""
        return self._root.read(path)

    def read_range(self, path: str, offset: int, size: int) -> bytes:
        """A part of a file."""
        return self._root.read_range(path, offset, size)

    def open(self, path: str) -> BinaryIO:
        """A file as a stream that can seek."""
        return self._root.open(path)

    @contextmanager
    def local_copy(self, path: str) -> Iterator[Path]:
        """A file on this machine's disk."""
        with self._root.local_copy(path) as local:
            yield local
