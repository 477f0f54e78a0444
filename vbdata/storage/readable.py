"""A folder on a disk or in an object store as a root: what lies in it, and the bytes of its files.

On a disk it reads by plain system calls; elsewhere through fsspec, with retries, which is imported
when it is needed. vbdata.storage.folder adds writing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import ModuleType
from typing import Any, BinaryIO

from vbdata.errors import BadSample
from vbdata.storage.filelist import FileList, listed
from vbdata.storage.filesystems import (
    ABSENT,
    Walked,
    as_text,
    list_folder,
    naming_full_disk,
    open_regular,
    plain_errors,
    read_regular,
    walk,
)
from vbdata.storage.root import MAX_FILE, Holder, absent, safe, without_clutter
from vbdata.storage.secrets import refuse_keys

FETCHED = 8 << 20  # bytes of a remote file that are copied at once


def _connected(url: str) -> tuple[Any, str]:
    """As vbdata.storage.connected.connect."""
    from vbdata.storage.connected import connect

    return connect(url)


class ReadableFolder(Holder):
    """A folder by path or fsspec URL, as a root to read from. Several threads may use it at once.

    Its methods raise OSError, with the URL in the text, if the disk or the store fails.
    """

    def __init__(self, url: str) -> None:
        """Connects to nothing yet. Raises SourceError for a URL with a key to the store in it."""
        refuse_keys(url)
        self.url = url if "://" in url else str(Path(url).absolute())

    def __getstate__(self) -> dict[str, str]:
        return {"url": self.url}

    @property
    def fs(self) -> Any:
        """The fsspec filesystem (instances are cached by fsspec)."""
        return _connected(self.url)[0]

    @property
    def _remote(self) -> ModuleType:
        """What a folder elsewhere needs, and fsspec with it: no build on the disk loads that."""
        from vbdata.storage import remote

        return remote

    @property
    def base(self) -> str:
        """The folder's path inside its filesystem."""
        if "://" not in self.url:
            return self.url.replace(os.sep, "/").rstrip("/")
        return str(_connected(self.url)[1]).rstrip("/")

    @property
    def local(self) -> bool:
        """Whether the folder is on this machine's disk."""
        if "://" not in self.url:
            return True
        from fsspec.implementations.local import LocalFileSystem

        return isinstance(self.fs, LocalFileSystem)

    def full_path(self, path: str) -> str:
        """The path in the filesystem of a file or folder below this one; "": of the folder itself.

        Raises BadSample("unsafe path") for a path that leads out of the folder.
        """
        return f"{self.base}/{safe(path)}" if path else self.base or "/"

    def exists(self, path: str = "") -> bool:
        """Whether a file or folder is there."""
        if self.local:
            return os.path.exists(self.full_path(path))
        return self._remote.info(self.url, self.fs, self.full_path(path)) is not None

    def size(self, path: str) -> int:
        """Bytes of a file, -1 if it is not there. "": of the URL itself, if that is a file."""
        if not self.local:
            return self._remote.size(self.url, self.fs, self.full_path(path))
        try:
            with plain_errors(self.url):
                status = os.stat(self.full_path(path))
        except ABSENT:
            return -1
        return status.st_size if stat.S_ISREG(status.st_mode) else -1

    def version(self, path: str) -> str:
        """A text that names a file and changes whenever its bytes do.

        Raises BadSample("missing") if it is not there.
        """
        full = self.full_path(path)
        try:
            if self.local:
                with plain_errors(self.url):
                    status = os.stat(full)
                return f"{os.path.realpath(full)}|{status.st_size}|{status.st_mtime_ns}"
        except ABSENT as err:
            raise absent(path) from err
        from vbdata.storage.connected import version

        fs = self.fs
        if (info := self._remote.info(self.url, fs, full)) is None:
            raise absent(path)
        with plain_errors(self.url):
            state = version(info) or fs.ukey(full)
        return f"{fs.unstrip_protocol(full)}|{info['size']}|{state}"

    def by_range(self, path: str) -> bool:
        """Whether a part of a file can be read without what lies before it: always."""
        return True

    def read(self, path: str) -> bytes:
        """A whole file. Raises BadSample("missing"), and "too large" above MAX_FILE bytes."""
        try:
            if self.local:
                return read_regular(self.full_path(path))
            return self._remote.fetch(self.url, self.fs, self.full_path(path))
        except ABSENT as err:
            raise absent(path) from err
        except OverflowError as err:
            raise BadSample("too large", f"{err} bytes (at most {MAX_FILE} at once)", path) from err

    def read_range(self, path: str, offset: int, size: int) -> bytes:
        """`size` bytes of a file from `offset` on, fewer if it ends sooner, by one request.

        Raises BadSample("missing") if it is not there.
        """
        if size <= 0:
            return b""
        try:
            if not self.local:
                return self._remote.fetch(self.url, self.fs, self.full_path(path), offset, size)
            return read_regular(self.full_path(path), offset, size)
        except ABSENT as err:
            raise absent(path) from err

    def open(self, path: str) -> BinaryIO:
        """A file as a buffered stream that can seek. Raises BadSample("missing")."""
        if not self.local:
            return super().open(path)
        try:
            return open_regular(self.full_path(path))
        except ABSENT as err:
            raise absent(path) from err

    def listing(self, below: str = "") -> FileList:
        """All files below a folder, at any depth, links followed, clutter left out, sorted."""
        sizes: dict[str, int] = {}
        tags: dict[str, str] = {}
        others = False
        if self.local:
            for folder in self._walked(below):
                sizes.update(zip(folder.paths, folder.files.values(), strict=True))
                others = others or folder.others
        else:
            for path, size, tag in self._remote_below(below):
                sizes[path] = size
                if tag:
                    tags[path] = tag
        kept = without_clutter(sizes)
        if kept is not sizes:
            sizes = {path: sizes[path] for path in kept}
            tags = {path: tag for path, tag in tags.items() if path in sizes}
        return listed(sizes, tags, others=others)

    def paths(self, below: str = "") -> Iterator[str]:
        """The paths of all files below a folder, in no order, as they are found."""
        if self.local:
            for folder in self._walked(below):
                yield from without_clutter(folder.paths)
        else:
            yield from without_clutter([path for path, _, _ in self._remote_below(below)])

    def _walked(self, below: str) -> Iterator[Walked]:
        return walk(self.full_path(below), f"{below}/" if below else "")

    def _remote_below(self, below: str) -> Iterator[tuple[str, int, str]]:
        """(path, size, tag) of all files below a folder, in no order."""
        top, cut = self.full_path(below), len(self.base) + 1
        entries = self._remote.list_below(self.url, self.fs, top, deep=True)
        return ((each.path[cut:], each.size, each.tag) for each in entries)

    def folders(self, below: str = "") -> list[str]:
        """Names of the folders directly below one, sorted."""
        return sorted(name for name, is_folder in self.names(below).items() if is_folder)

    def names(self, below: str = "") -> dict[str, bool]:
        """What lies directly in a folder: name -> whether it is a folder; {} if it is not there."""
        top = self.full_path(below)
        try:
            if self.local:
                names = {as_text(name): is_folder for name, is_folder in list_folder(top).items()}
            else:
                entries = self._remote.list_below(self.url, self.fs, top, deep=False)
                names = {each.path.rpartition("/")[2]: each.size < 0 for each in entries}
        except ABSENT:
            return {}
        return {name: names[name] for name in without_clutter(names)}

    @contextmanager
    def local_copy(self, path: str) -> Iterator[Path]:
        """A file on this machine's disk: itself, or a copy that exists inside the `with` block.

        Raises BadSample("missing") if it is not there.
        """
        if self.local:
            try:
                open_regular(self.full_path(path)).close()
            except ABSENT as err:
                raise absent(path) from err
            yield Path(self.full_path(path))
            return
        size = self.size(path)
        if size < 0:
            raise absent(path)
        with NamedTemporaryFile(prefix="vbdata-") as copy:
            with naming_full_disk(copy.name):
                for offset in range(0, size, FETCHED):
                    copy.write(self.read_range(path, offset, FETCHED))
                copy.flush()
            yield Path(copy.name)
