"""Folder: a root by path or fsspec URL that is also written. Root itself is in `abstract_root`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO

from fsspec.implementations.local import LocalFileSystem

from vbdata.abstract_root import AHEAD, Root, absent, safe
from vbdata.errors import BadSample
from vbdata.filesystems import (
    ABSENT,
    connect,
    listed,
    opened,
    plain_errors,
    spelled,
    version,
    walk,
)
from vbdata.nouns import FileRef

__all__ = ["AHEAD", "MAX_FILE", "Folder", "Root", "absent", "safe"]

MAX_FILE = 8 << 30  # bytes of a file that are read into memory at once


def _whole(file: BinaryIO, path: str) -> bytes:
    """All of a file. Raises BadSample("too large") for one that would fill the memory."""
    size = os.fstat(file.fileno()).st_size
    if size > MAX_FILE:
        raise BadSample("too large", f"{size} bytes (at most {MAX_FILE} at once)", path)
    return file.read()


class Folder(Root):
    """A folder by path or fsspec URL."""

    def __init__(self, url: str) -> None:
        self.url = url if "://" in url else str(Path(url).absolute())

    def __getstate__(self) -> dict[str, str]:
        return {"url": self.url}

    @property
    def fs(self) -> Any:
        """The fsspec filesystem (instances are cached by fsspec)."""
        return connect(self.url)[0]

    @property
    def base(self) -> str:
        """The folder's path inside its filesystem."""
        if "://" not in self.url:
            return self.url.replace(os.sep, "/").rstrip("/")
        return str(connect(self.url)[1]).rstrip("/")

    @property
    def local(self) -> bool:
        """Whether the folder is on this machine's disk."""
        return "://" not in self.url or isinstance(self.fs, LocalFileSystem)

    def at(self, path: str) -> str:
        """The full path of a checked relative path; of the folder itself for ""."""
        return f"{self.base}/{safe(path)}" if path else self.base or "/"

    def exists(self, path: str = "") -> bool:
        """Whether a file or folder is there."""
        try:
            with plain_errors(self.url):
                return bool(self.fs.exists(self.at(path)))
        except ABSENT:
            return False

    def size(self, path: str) -> int:
        """Bytes of a file, -1 if it is not there."""
        at = self.at(path)
        try:
            with plain_errors(self.url):
                info = self.fs.info(at)
        except ABSENT:
            return -1
        return int(info["size"]) if info["type"] == "file" else -1

    def version(self, path: str) -> str:
        """A text that names the file and changes whenever its bytes do.

        Raises BadSample("missing").
        """
        at = self.at(path)
        try:
            with plain_errors(self.url):
                if self.local:
                    found = os.stat(at)
                    return f"{os.path.realpath(at)}|{found.st_size}|{found.st_mtime_ns}"
                info = self.fs.info(at)
                said = version(info) or self.fs.ukey(at)
                return f"{self.fs.unstrip_protocol(at)}|{info['size']}|{said}"
        except ABSENT as err:
            raise absent(path) from err

    def read(self, path: str) -> bytes:
        """A whole file. Raises BadSample("missing"); OSError if the machine fails."""
        try:
            if self.local:
                with opened(self.at(path)) as file:
                    return _whole(file, path)
            with plain_errors(self.url):
                return bytes(self.fs.cat_file(self.at(path)))
        except ABSENT as err:
            raise absent(path) from err

    def read_range(self, path: str, offset: int, size: int) -> bytes:
        """Some bytes of a file, by one request."""
        if size <= 0:
            return b""
        try:
            if not self.local:
                return self._fetch(path, offset, size)
            with opened(self.at(path)) as file:
                file.seek(offset)
                return file.read(size)
        except ABSENT as err:
            raise absent(path) from err

    def _fetch(self, path: str, offset: int, size: int) -> bytes:
        try:
            with plain_errors(self.url):
                data = bytes(self.fs.cat_file(self.at(path), start=offset, end=offset + size))
        except OSError:
            if 0 <= self.size(path) <= offset:  # object stores call that an error
                return b""
            raise
        if len(data) > size:
            raise OSError(f"{self.url}/{path}: asked for {size} bytes, got {len(data)}: no ranges")
        return data

    def open(self, path: str) -> BinaryIO:
        """A file as a buffered stream that can seek."""
        if not self.local:
            return super().open(path)
        try:
            return opened(self.at(path))
        except ABSENT as err:
            raise absent(path) from err

    def files(self, below: str = "") -> Iterator[FileRef]:
        """All files below a folder, links followed, sorted by path."""
        top, cut = self.at(below), len(self.base) + 1
        if self.local:
            found = {spelled(path): size for path, size in walk(top)}
            cut = len(spelled(self.base)) + 1
        else:
            with plain_errors(self.url):
                infos = self.fs.find(top, detail=True) if self.fs.isdir(top) else {}
            found = {path: int(info["size"]) for path, info in infos.items()}
        for path in sorted(found):
            yield FileRef(path=path[cut:], size=found[path])

    def folders(self, below: str = "") -> list[str]:
        """Names of the folders directly below one, sorted."""
        return sorted(name for name, is_folder in self.names(below).items() if is_folder)

    def names(self, below: str = "") -> dict[str, bool]:
        """What lies directly in a folder, if it is there: name -> whether it is a folder."""
        top = self.at(below)
        try:
            if self.local:
                return {spelled(name): is_folder for name, is_folder in listed(top).items()}
            with plain_errors(self.url):
                infos = self.fs.ls(top, detail=True) if self.fs.isdir(top) else []
        except ABSENT:
            return {}
        return {Path(info["name"]).name: info["type"] == "directory" for info in infos}

    @contextmanager
    def local_copy(self, path: str) -> Iterator[Path]:
        """The file itself, or a temporary copy of one that lies elsewhere."""
        if self.local:
            try:
                opened(self.at(path)).close()
            except ABSENT as err:
                raise absent(path) from err
            yield Path(self.at(path))
            return
        with NamedTemporaryFile(prefix="vbdata-") as copy:
            with plain_errors(self.url):
                self.fs.get_file(self.at(path), copy.name)
            yield Path(copy.name)

    def write(self, path: str, data: bytes) -> None:
        """Replace a file as a whole: a reader sees the old bytes or the new ones."""
        if not self.local:
            with plain_errors(self.url):
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
        with plain_errors(self.url):
            self.fs.put_file(str(local_file), target)
        local_file.unlink()

    def move(self, old: str, new: str) -> None:
        """Rename a file inside the folder."""
        if self.local:
            Path(self.at(new)).parent.mkdir(parents=True, exist_ok=True)
        with plain_errors(self.url):
            self.fs.mv(self.at(old), self.at(new))

    def remove(self, path: str) -> None:
        """Delete a file if it is there."""
        if self.exists(path):
            self.fs.rm_file(self.at(path))
