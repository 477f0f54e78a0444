"""Folder: one place in which files are read and written, on local disk or any fsspec URL.

Paths below a folder come from data, so they are checked: relative, forward slashes, no "..".
A missing file is a BadSample; any other I/O error is the machine's and goes up to be retried.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from vbdata.errors import BadSample
from vbdata.nouns import FileRef


def safe(path: str) -> str:
    """The path itself if it can only lead below its folder; BadSample otherwise."""
    parts = path.split("/")
    if not path or "\\" in path or "\0" in path or any(p in ("", ".", "..") for p in parts):
        raise BadSample("unsafe path", f"{path!r} is not a plain relative path", path)
    return path


class Folder:
    """A folder by URL. Picklable; the connection is made where it is used."""

    def __init__(self, url: str) -> None:
        self.url = url if "://" in url else str(Path(url).absolute())

    def __repr__(self) -> str:
        return f"Folder({self.url!r})"

    def __getstate__(self) -> dict[str, str]:
        return {"url": self.url}

    @property
    def fs(self) -> Any:
        """The fsspec filesystem (instances are cached by fsspec)."""
        return fsspec.core.url_to_fs(self.url)[0]

    @property
    def base(self) -> str:
        """The folder's path inside its filesystem."""
        return str(fsspec.core.url_to_fs(self.url)[1]).rstrip("/")

    @property
    def local(self) -> bool:
        """Whether the folder is on this machine's disk."""
        return "://" not in self.url or isinstance(self.fs, LocalFileSystem)

    def at(self, path: str) -> str:
        """The full path of a checked relative path."""
        return f"{self.base}/{safe(path)}"

    def exists(self, path: str = "") -> bool:
        """Whether a file or folder is there."""
        return bool(self.fs.exists(self.at(path) if path else self.base))

    def size(self, path: str) -> int:
        """Bytes of a file, -1 if it is not there."""
        at = self.at(path)
        return int(self.fs.size(at)) if self.fs.isfile(at) else -1

    def read(self, path: str) -> bytes:
        """A whole file. Raises BadSample("missing") if it is not there."""
        try:
            if self.local:
                return Path(self.at(path)).read_bytes()
            return bytes(self.fs.cat_file(self.at(path)))
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as err:
            raise BadSample("missing", "no such file below the root", path) from err

    def read_range(self, path: str, offset: int, size: int) -> bytes:
        """`size` bytes of a file from `offset` on, fewer if it ends sooner.

        Raises BadSample("missing") if it is not there.
        """
        if size <= 0:
            return b""
        try:
            if not self.local:
                return bytes(self.fs.cat_file(self.at(path), start=offset, end=offset + size))
            with Path(self.at(path)).open("rb") as file:
                file.seek(offset)
                return file.read(size)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as err:
            raise BadSample("missing", f"no such file below {self.url}", path) from err

    def files(self, below: str = "") -> Iterator[FileRef]:
        """All files below a folder, at any depth, sorted by path; none if it is not there."""
        top = self.at(below) if below else self.base
        found = self.fs.find(top, detail=True) if self.fs.isdir(top) else {}
        cut = len(self.base) + 1
        for path in sorted(found):
            yield FileRef(path=path[cut:], size=int(found[path]["size"]))

    def folders(self, below: str = "") -> list[str]:
        """Names of the folders directly below one, sorted; none if it is not there."""
        top = self.at(below) if below else self.base
        if not self.fs.isdir(top):
            return []
        entries = self.fs.ls(top, detail=True)
        return sorted(Path(e["name"]).name for e in entries if e["type"] == "directory")

    @contextmanager
    def local_copy(self, path: str) -> Iterator[Path]:
        """The file on this machine's disk, fetched for the while if it lies elsewhere."""
        if self.local:
            yield Path(self.at(path))
            return
        with NamedTemporaryFile(prefix="vbdata-") as copy:
            self.fs.get_file(self.at(path), copy.name)
            yield Path(copy.name)

    def sha256(self, path: str) -> str:
        """Hex digest of a file, read in pieces."""
        with self.local_copy(path) as local, local.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def write(self, path: str, data: bytes) -> None:
        """Replace a file as a whole: a reader sees the old bytes or the new ones."""
        if not self.local:
            self.fs.pipe_file(self.at(path), data)
            return
        target = Path(self.at(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        part.write_bytes(data)
        part.replace(target)

    def put(self, local_file: Path, path: str) -> None:
        """Move a finished local file to its final name, in one step as its readers see it."""
        target = self.at(path)
        if self.local:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(local_file, target)
            return
        self.fs.put_file(str(local_file), target)
        local_file.unlink()

    def move(self, old: str, new: str) -> None:
        """Rename a file inside the folder."""
        if self.local:
            Path(self.at(new)).parent.mkdir(parents=True, exist_ok=True)
        self.fs.mv(self.at(old), self.at(new))

    def remove(self, path: str) -> None:
        """Delete a file if it is there."""
        if self.exists(path):
            self.fs.rm_file(self.at(path))
