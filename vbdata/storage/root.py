"""Root: what a dataset is read from: a folder, an archive, or several of them as one.

Paths below a root come from data, so they are checked: relative, forward slashes, no "..".
A missing file is a BadSample; any other I/O error is the machine's, an OSError, and may be retried.
"""

from __future__ import annotations

import io
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import filterfalse
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, cast

from vbdata.core.types import FileRef
from vbdata.errors import BadSample
from vbdata.machine.hashing import file_sha256
from vbdata.storage.filelist import FileList, may_hold
from vbdata.storage.streams import Window

MAX_FILE = 8 << 30  # bytes of a file that are read into memory at once
AHEAD = 1 << 20  # bytes that a stream over the network fetches at once
PIECE = 1 << 20  # bytes that are copied at once
UNSAFE = frozenset(("", ".", ".."))  # parts of a path
CLUTTER = re.compile(
    r"(?:^|/)(?:\._[^/]*|__macosx|\.ds_store|thumbs\.db|desktop\.ini)(?:/|$)", re.IGNORECASE
)
SIGNS = ("._", "__macosx", ".ds_store", "thumbs.db", "desktop.ini")  # one of them is in clutter


def safe(path: str) -> str:
    """The path itself, if it can only lead below the folder that it is relative to.

    Raises BadSample("unsafe path") for an empty or absolute one, "." or ".." or an empty part in
    it, a backslash or a NUL.
    """
    if "\\" in path or "\0" in path or not UNSAFE.isdisjoint(path.split("/")):
        raise BadSample("unsafe path", f"{path!r} is not a plain relative path", path)
    return path


def clutter(path: str) -> bool:
    """Whether a path is that of a file that a desktop left behind: nobody's data, never listed.

    Those are ._* and .DS_Store, and what lies in __MACOSX; Thumbs.db and desktop.ini.
    """
    return CLUTTER.search(path) is not None


def without_clutter(paths: Collection[str]) -> Iterable[str]:
    """Paths less those of clutter, in their order."""
    return filterfalse(clutter, paths) if may_hold(paths, SIGNS) else paths


def absent(path: str) -> BadSample:
    """The error for a file that is not there, in the same words for every kind of root."""
    return BadSample("missing", "no such file below the root", path)


class Root(ABC):
    """Files by relative path, wherever they lie. Picklable: connections are made when needed.

    Every method raises BadSample("unsafe path") for a path that `safe` refuses, and OSError if the
    disk or the network fails. url: where the root lies, for messages.
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
    def listing(self, below: str = "") -> FileList:
        """All files below a folder, at any depth, sorted by path; none if it is not there.

        Clutter is left out.
        """

    def files(self, below: str = "") -> Iterator[FileRef]:
        """What `listing` has, one file after the other."""
        return iter(self.listing(below))

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
        """A file on this machine's disk: itself, or a copy that exists inside the `with` block.

        Raises BadSample("missing") if it is not there.
        """
        with NamedTemporaryFile(prefix="vbdata-") as copy:
            with self.open(path) as stream:
                shutil.copyfileobj(stream, copy, PIECE)
            copy.flush()
            yield Path(copy.name)

    def sha256(self, path: str) -> str:
        """The SHA-256 of a file, as hexadecimal digits. Raises BadSample("missing")."""
        with self.local_copy(path) as local:
            return file_sha256(local)


class Holder(Root):
    """A root in which archives can be read where they lie: its files have versions.

    name: the place of an archive inside the root that it was found in, "" of a folder.
    """

    name: str = ""

    @abstractmethod
    def version(self, path: str) -> str:
        """A text that names a file and changes whenever its bytes do.

        Raises BadSample("missing") if it is not there.
        """

    @abstractmethod
    def by_range(self, path: str) -> bool:
        """Whether a part of a file can be read without what lies before it."""

    @abstractmethod
    def names(self, below: str = "") -> dict[str, bool]:
        """What lies directly in a folder: name -> whether it is a folder; {} if it is not there.

        A root whose listing is long may give {} where it knows that no archive lies there.
        """
