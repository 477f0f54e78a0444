"""Folder: a root by path or fsspec URL that is also written. Root itself is in `abstract_root`."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import get_ident
from typing import Any, BinaryIO

from fsspec.implementations.local import LocalFileSystem

from vbdata.core.types import FileRef
from vbdata.errors import BadSample
from vbdata.storage import remote as stores
from vbdata.storage import s3
from vbdata.storage.filesystems import (
    ABSENT,
    connect,
    listed,
    opened,
    plain_errors,
    room,
    spelled,
    version,
    walk,
)
from vbdata.storage.remote import MAX_FILE
from vbdata.storage.root import AHEAD, Root, absent, safe
from vbdata.storage.secrets import refuse_keys

__all__ = ["AHEAD", "MAX_FILE", "Folder", "Root", "absent", "safe"]

FETCHED = 8 << 20  # bytes of a remote file that are copied at once


def _whole(file: BinaryIO, path: str) -> bytes:
    """All of a file. Raises BadSample("too large") for one that would fill the memory."""
    size = os.fstat(file.fileno()).st_size
    if size > MAX_FILE:
        raise BadSample("too large", f"{size} bytes (at most {MAX_FILE} at once)", path)
    return file.read()


class Folder(Root):
    """A folder by path or fsspec URL. May be used by several threads at once."""

    def __init__(self, url: str) -> None:
        """Connects to nothing yet. Raises SourceError for a URL with a key to the store in it."""
        refuse_keys(url)
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
        if self.local:
            return os.path.exists(self.at(path))
        return stores.info(self.url, self.fs, self.at(path)) is not None

    def size(self, path: str) -> int:
        """Bytes of a file, -1 if it is not there; of a root that is a file for ""."""
        if not self.local:
            return stores.size(self.url, self.fs, self.at(path))
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
            if self.local:
                with plain_errors(self.url):
                    found = os.stat(at)
                return f"{os.path.realpath(at)}|{found.st_size}|{found.st_mtime_ns}"
        except ABSENT as err:
            raise absent(path) from err
        fs = self.fs
        if (info := stores.info(self.url, fs, at)) is None:
            raise absent(path)
        with plain_errors(self.url):
            said = version(info) or fs.ukey(at)
        return f"{fs.unstrip_protocol(at)}|{info['size']}|{said}"

    def read(self, path: str) -> bytes:
        """A whole file. Raises BadSample("missing"); OSError if the machine fails."""
        try:
            if self.local:
                with opened(self.at(path)) as file:
                    return _whole(file, path)
            return stores.fetch(self.url, self.fs, self.at(path))
        except ABSENT as err:
            raise absent(path) from err
        except OverflowError as err:
            raise BadSample("too large", f"{err} bytes (at most {MAX_FILE} at once)", path) from err

    def read_range(self, path: str, offset: int, size: int) -> bytes:
        """Some bytes of a file, by one request."""
        if size <= 0:
            return b""
        try:
            if not self.local:
                return stores.fetch(self.url, self.fs, self.at(path), offset, size)
            with opened(self.at(path)) as file:
                file.seek(offset)
                return file.read(size)
        except ABSENT as err:
            raise absent(path) from err

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
        found = dict(self._below(below))
        for path in sorted(found):
            yield FileRef(path=path, size=found[path])

    def paths(self, below: str = "") -> Iterator[str]:
        """The paths of all files below a folder, in no order; of a local one, none is held."""
        return (path for path, _ in self._below(below))

    def _below(self, below: str) -> Iterator[tuple[str, int]]:
        top, cut = self.at(below), len(self.base) + 1
        if self.local:
            cut = len(spelled(self.base)) + 1
            return ((spelled(path)[cut:], size) for path, size in walk(top))
        found = stores.listed(self.url, self.fs, top, deep=True)
        return ((path[cut:], size) for path, size in found)

    def folders(self, below: str = "") -> list[str]:
        """Names of the folders directly below one, sorted."""
        return sorted(name for name, is_folder in self.names(below).items() if is_folder)

    def names(self, below: str = "") -> dict[str, bool]:
        """What lies directly in a folder, if it is there: name -> whether it is a folder."""
        top = self.at(below)
        try:
            if self.local:
                return {spelled(name): is_folder for name, is_folder in listed(top).items()}
            found = stores.listed(self.url, self.fs, top, deep=False)
            return {path.rpartition("/")[2]: size < 0 for path, size in found}
        except ABSENT:
            return {}

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
        size = self.size(path)
        if size < 0:
            raise absent(path)
        with NamedTemporaryFile(prefix="vbdata-") as copy:
            with room(copy.name):
                for offset in range(0, size, FETCHED):
                    copy.write(self.read_range(path, offset, FETCHED))
                copy.flush()
            yield Path(copy.name)

    def write(self, path: str, data: bytes) -> None:
        """Replace a file as a whole: a reader sees the old bytes or the new ones."""
        if not self.local:
            stores.send(self.url, self.fs, self.at(path), data)
            return
        with self._part(path) as part:
            part.write_bytes(data)

    def copy(self, local_file: Path, path: str) -> None:
        """Copy a local file here; a reader sees all of it or nothing."""
        if not self.local:
            stores.send(self.url, self.fs, self.at(path), local_file)
            return
        with self._part(path) as part:
            shutil.copyfile(local_file, part)

    def put(self, local_file: Path, path: str) -> None:
        """Move a finished local file to its final name, in one step as its readers see it."""
        if not self.local:
            self.copy(local_file, path)
            local_file.unlink()
            return
        target = Path(self.at(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            local_file.replace(target)
        except OSError as err:
            if err.errno != errno.EXDEV:
                raise
            self.copy(local_file, path)  # it lies on another disk
            local_file.unlink()

    @contextmanager
    def _part(self, path: str) -> Iterator[Path]:
        """A name to write a local file under, before it gets its own; nothing stays of a failure.

        Raises OSError that names the disk if that is full.
        """
        target = Path(self.at(path))
        part = target.with_name(f".{target.name}.{os.getpid()}.{get_ident()}.part")
        with room(target.parent):
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                yield part
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)

    def move(self, old: str, new: str) -> None:
        """Rename a file inside the folder."""
        if not self.local:
            stores.move(self.url, self.fs, self.at(old), self.at(new))
            return
        Path(self.at(new)).parent.mkdir(parents=True, exist_ok=True)
        with plain_errors(self.url):
            self.fs.mv(self.at(old), self.at(new))

    def remove(self, path: str) -> None:
        """Delete a file if it is there."""
        if self.local:
            Path(self.at(path)).unlink(missing_ok=True)
        else:
            stores.remove(self.url, self.fs, self.at(path))

    def abort_uploads(self) -> int:
        """Drop what killed processes left of uploads to a store; how many there were.

        Raises OSError if the store does not say or let them go.
        """
        if self.local or not s3.speaks(self.fs):
            return 0
        with plain_errors(self.url):
            return s3.abort_below(self.fs, self.url, self.base)
