"""Archive: a zip or tar as a root, read where it lies, without being unpacked.

A member stored or deflated in a zip, or lying in a tar, is one range of the archive's bytes, and
one request over the network. Sizes are bounded by what the directory declares and what deflate can
do, and the CRC-32 of a zip is compared. How the members are found: vbdata.sources.members.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, cast

import deflate

from vbdata.core.types import FileRef
from vbdata.errors import BadSample, Reason
from vbdata.sources import members as archive_making
from vbdata.sources import zip_members as archive_zip
from vbdata.sources.table import LINK, STORED, ArchiveMember
from vbdata.storage.folder import AHEAD, Folder, Root, absent, safe
from vbdata.storage.streams import PIECE, Inflated, Window

MAX_MEMBER = 8 << 30  # bytes that are read into memory at once
MAX_HELD = 256 << 20  # bytes of a deflated member that are kept for the next part of it


class Archive(Root):
    """A zip or tar that lies in a folder, or in another archive."""

    def __init__(self, holder: Folder | Archive, path: str) -> None:
        """Find or make the table of members. Raises SourceError; OSError if the machine fails."""
        self._holder, self._path = holder, path
        self.url = f"{holder.url}/{path}"
        self.name: str = f"{holder.name}/{path}" if isinstance(holder, Archive) else path
        self._version = holder.version(path)
        self._root, self._at = archive_making.readable(holder, path, self._version)
        self.table = archive_making.table(self._root, self._at, self.url, self._version)
        self._starts: dict[str, int] = {}
        self._held: tuple[str, bytes] = ("", b"")

    def __reduce__(self) -> tuple[type[Archive], tuple[Folder | Archive, str]]:
        return Archive, (self._holder, self._path)

    def version(self, path: str) -> str:
        """A text that names a member and changes whenever its bytes do."""
        member = self._member(path)
        return f"{self._version}|{path}|{member.offset}|{member.size}|{member.crc}"

    def by_range(self, path: str) -> bool:
        """Whether a member's bytes are bytes of the archive as they are."""
        return self._member(path).method == STORED

    def exists(self, path: str = "") -> bool:
        """Whether a file or folder is in it."""
        return not path or self.size(path) >= 0 or self.table.is_folder(path)

    def size(self, path: str) -> int:
        """Bytes of a member when unpacked, -1 if it is not there."""
        member = self.table.find(safe(path))
        return member.size if member and member.is_file else -1

    def files(self, below: str = "") -> Iterator[FileRef]:
        """All files below a folder, at any depth, sorted by path."""
        for path, size in self.table.files(below and safe(below)):
            yield FileRef(path=path, size=size)

    def folders(self, below: str = "") -> list[str]:
        """Names of the folders directly below one, sorted."""
        return self.table.folders(below and safe(below))

    def names(self, below: str = "") -> dict[str, bool]:
        """What lies directly in a folder, where that tells archives: name -> is it a folder."""
        top = f"{safe(below)}/" if below else ""
        archives = [path[len(top) :] for path in self.table.archives if path.startswith(top)]
        if not any("/" not in path for path in archives):
            return {}
        direct = (file.path[len(top) :] for file in self.files(below))
        names = dict.fromkeys((name for name in direct if "/" not in name), False)
        return names | dict.fromkeys(self.folders(below), True)

    def read(self, path: str) -> bytes:
        """A whole member, checked. Raises BadSample."""
        member = self._member(path)
        if member.size > MAX_MEMBER:
            raise self._bad("undecodable", f"{member.size} bytes, at most {MAX_MEMBER} are", path)
        data = self._packed(path, member)
        if member.method != STORED:
            try:
                data = archive_zip.inflate(data, member.size)
            except ValueError as err:
                raise self._bad("undecodable", str(err), path) from err
        if member.checked and (crc := deflate.crc32(data)) != member.crc:
            found = f"CRC-32 is {crc:08x}, expected {member.crc:08x}"
            raise self._bad("undecodable", found, path)
        return data

    def read_range(self, path: str, offset: int, size: int) -> bytes:
        """Some bytes of a member, by one request if it is stored. Raises BadSample."""
        member = self._member(path)
        size = max(0, min(size, member.size - offset))
        if not size:
            return b""
        if member.method == STORED:
            data = self._root.read_range(self._at, self._start(path, member) + offset, size)
            if len(data) < size:
                raise self._bad("truncated", f"{len(data)} of {size} bytes at {offset}", path)
            return data
        if member.size > MAX_HELD:
            with self.open(path) as stream:
                stream.seek(offset)
                return stream.read(size)
        held = self._held  # another thread may replace it
        if held[0] != path:
            self._held = held = (path, self.read(path))
        return held[1][offset : offset + size]

    def open(self, path: str) -> BinaryIO:
        """A member as a stream that can seek; its CRC-32 is compared if it is read through."""
        member = self._member(path)
        wrong = partial(self._bad, "undecodable", path=path)
        crc = member.crc if member.checked else None
        if member.method == STORED:
            raw = Window(partial(self.read_range, path), member.size, crc, wrong)
        else:
            raw = Inflated(partial(self._packed_stream, path, member), member.size, crc, wrong)
        return cast(BinaryIO, io.BufferedReader(raw, AHEAD))

    @contextmanager
    def local_copy(self, path: str) -> Iterator[Path]:
        """A member as a temporary file, written piece by piece."""
        with NamedTemporaryFile(prefix="vbdata-") as copy:
            with self.open(path) as stream:
                shutil.copyfileobj(stream, copy, PIECE)
            copy.flush()
            yield Path(copy.name)

    def _member(self, path: str) -> ArchiveMember:
        """The file of a path. Raises BadSample."""
        member = self.table.find(safe(path))
        if member is None or not member.is_file:
            if member and member.method == LINK:
                raise self._bad("unsafe path", "a link, which is not followed", path)
            raise absent(path)
        if fault := archive_zip.fault(member):
            raise self._bad("undecodable", fault, path)
        return member

    def _packed(self, path: str, member: ArchiveMember) -> bytes:
        """A member's bytes as they are stored, by one request as a rule."""
        wanted = member.head + member.packed
        data = self._root.read_range(self._at, member.offset, wanted) if wanted else b""
        start = self._data_start(path, data) if member.head else 0
        if (more := start + member.packed - wanted) > 0:  # a longer header than was expected
            data += self._root.read_range(self._at, member.offset + wanted, more)
        data = data[start : start + member.packed] if start else data
        if len(data) < member.packed:
            raise self._bad("truncated", f"{len(data)} of {member.packed} packed bytes", path)
        return data

    def _packed_stream(self, path: str, member: ArchiveMember) -> io.RawIOBase:
        start = self._start(path, member)

        def fetch(offset: int, size: int) -> bytes:
            return self._root.read_range(self._at, start + offset, size)

        return Window(fetch, member.packed)

    def _start(self, path: str, member: ArchiveMember) -> int:
        """Where a member's data begins in the archive."""
        if not member.head:
            return member.offset
        start = self._starts.get(path)
        if start is None:
            if len(self._starts) >= 1024:
                self._starts.clear()
            head = self._root.read_range(self._at, member.offset, archive_zip.LOCAL.size)
            self._starts[path] = start = member.offset + self._data_start(path, head)
        return start

    def _data_start(self, path: str, head: bytes) -> int:
        try:
            return archive_zip.data_start(head)
        except ValueError as err:
            raise self._bad(
                "truncated" if len(head) < 30 else "undecodable", str(err), path
            ) from err

    def _bad(self, reason: Reason, detail: str, path: str) -> BadSample:
        return BadSample(reason, f"in the archive: {detail}", f"{self.name}/{path}")
