"""Root: where a dataset is read from: a folder, an archive, or several of them.

Paths below a root come from data, so they are checked: relative, forward slashes, no "..".
A missing file is a BadSample; any other I/O error is the machine's and goes up to be retried.
"""

from __future__ import annotations

import io
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, cast

from vbdata.core.types import FileRef
from vbdata.errors import BadSample
from vbdata.machine.hashing import file_sha256
from vbdata.storage.streams import Window

AHEAD = 1 << 20  # bytes that a stream over the network fetches at once
PIECE = 1 << 20  # bytes that are copied at once


def safe(path: str) -> str:
    """The path itself if it can only lead below its folder; BadSample otherwise."""
    parts = path.split("/")
    if not path or "\\" in path or "\0" in path or any(p in ("", ".", "..") for p in parts):
        raise BadSample("unsafe path", f"{path!r} is not a plain relative path", path)
    return path


def absent(path: str) -> BadSample:
    """The error of a file that is not there: the same words for every kind of root."""
    return BadSample("missing", "no such file below the root", path)


class Root(ABC):
    """Files by relative path, wherever they lie: a folder, an archive, or several of them.

    Picklable; connections are made where they are used.
    """

    url: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    @abstractmethod
    def exists(self, path: str = "") -> bool:
        """Whether a file or folder is there."""

    @abstractmethod
    def size(self, path: str) -> int:
        """Bytes of a file, -1 if it is not there."""

    @abstractmethod
    def read(self, path: str) -> bytes:
        """A whole file. Raises BadSample("missing") if it is not there."""

    @abstractmethod
    def read_range(self, path: str, offset: int, size: int) -> bytes:
        """`size` bytes of a file from `offset` on, fewer if it ends sooner.

        Raises BadSample("missing") if it is not there.
        """

    @abstractmethod
    def files(self, below: str = "") -> Iterator[FileRef]:
        """All files below a folder, at any depth, sorted by path; none if it is not there."""

    @abstractmethod
    def folders(self, below: str = "") -> list[str]:
        """Names of the folders directly below one, sorted; none if it is not there."""

    def open(self, path: str) -> BinaryIO:
        """A file as a buffered stream that can seek. Raises BadSample("missing")."""
        size = self.size(path)
        if size < 0:
            raise absent(path)
        return cast(
            BinaryIO, io.BufferedReader(Window(partial(self.read_range, path), size), AHEAD)
        )

    @contextmanager
    def local_copy(self, path: str) -> Iterator[Path]:
        """The file on this machine's disk, fetched for the while if it lies elsewhere."""
        with NamedTemporaryFile(prefix="vbdata-") as copy:
            with self.open(path) as stream:
                shutil.copyfileobj(stream, copy, PIECE)
            copy.flush()
            yield Path(copy.name)

    def sha256(self, path: str) -> str:
        """The SHA-256 of a file, as hexadecimal digits. Raises BadSample("missing")."""
        with self.local_copy(path) as local:
            return file_sha256(local)
