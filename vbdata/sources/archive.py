"""Archive: a zip or tar as a root, read where it lies, without being unpacked.

A member of a tar, and one that is stored or deflated in a zip, is one range of the archive's bytes,
so one request over the network. Its size is bounded by what the archive's directory declares and by
what deflate can do, and the CRC-32 in a zip is compared. How the members are found:
vbdata.sources.members.
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

from vbdata.errors import BadSample, Reason
from vbdata.sources import zip_members
from vbdata.sources.members import readable, table
from vbdata.sources.table import LINK, STORED, ArchiveMember
from vbdata.storage.filelist import FileList
from vbdata.storage.root import AHEAD, Holder, absent, safe
from vbdata.storage.streams import PIECE, Inflated, Window
from vbdata.storage.told import told

MAX_MEMBER = 8 << 30  # bytes that are read into memory at once
MAX_HELD = 256 << 20  # bytes of an unpacked member that are kept for further parts of it


class Archive(Holder):
    """A zip or tar that lies in a folder, or in another archive.

    name: its path in the folder that it lies in, through the archives around it.
    """

    def __init__(self, holder: Holder, path: str) -> None:
        """The table of members is read from the cache, or made.

        Raises SourceError for a file that is no whole archive, BadSample if it is not there or
        cannot be read, OSError if the disk or the network fails.
        """
        self._holder, self._path = holder, path
        self.url = f"{holder.url}/{path}"
        self.name = f"{holder.name}/{path}" if holder.name else path
        self._version = holder.version(path)
        self._root, self._file = readable(holder, path, self._version)
        self.table = table(self._root, self._file, self.url, self._version)
        self._starts: dict[str, int] = {}
        self._unpacked: tuple[str, bytes] = ("", b"")

    def __reduce__(self) -> tuple[type[Archive], tuple[Holder, str]]:
        return Archive, (self._holder, self._path)

    def version(self, path: str) -> str:
        """A text that names a member and changes whenever its bytes do. Raises BadSample."""
        member = self._member(path)
        return f"{self._version}|{path}|{member.offset}|{member.size}|{member.crc}"

    def by_range(self, path: str) -> bool:
        """Whether a member is stored as it is, so that a part of it is a part of the archive."""
        return self._member(path).method == STORED

    def exists(self, path: str = "") -> bool:
        """Whether a file or folder is in the archive."""
        return not path or self.size(path) >= 0 or self.table.is_folder(path)

    def size(self, path: str) -> int:
        """Bytes of a member when unpacked, -1 if it is not there."""
        member = self.table.find(safe(path))
        return member.size if member and member.is_file else -1

    def listing(self, below: str = "") -> FileList:
        """All files below a folder, at any depth, sorted by path."""
        paths, sizes, crcs = self.table.files(below and safe(below))
        tags = {path: _tag(crc) for path, crc in zip(paths, crcs, strict=True) if crc}
        return FileList(paths, sizes, tags)

    def folders(self, below: str = "") -> list[str]:
        """Names of the folders directly below one, sorted."""
        return self.table.folders(below and safe(below))

    def names(self, below: str = "") -> dict[str, bool]:
        """What lies directly in a folder: name -> whether it is a folder.

        {} if no archive lies there: then the members need not be listed, of which there may be
        millions.
        """
        top = f"{safe(below)}/" if below else ""
        archives = [path[len(top) :] for path in self.table.archives if path.startswith(top)]
        if not any("/" not in path for path in archives):
            return {}
        direct = (path[len(top) :] for path in self.listing(below).paths)
        names = dict.fromkeys((name for name in direct if "/" not in name), False)
        return names | dict.fromkeys(self.folders(below), True)

    def read(self, path: str) -> bytes:
        """A whole member, checked by its CRC-32 where there is one. Raises BadSample."""
        member = self._member(path)
        if member.size > MAX_MEMBER:
            raise self._bad("undecodable", f"{member.size} bytes, at most {MAX_MEMBER} are", path)
        data = self._packed(path, member)
        if member.method != STORED:
            try:
                data = zip_members.inflate(data, member.size)
            except ValueError as err:
                raise self._bad("undecodable", str(err), path) from err
        if member.checked and (crc := deflate.crc32(data)) != member.crc:
            detail = f"CRC-32 is {crc:08x}, expected {member.crc:08x}"
            raise self._bad("undecodable", detail, path)
        return told(data, member.size, _tag(member.crc))

    def read_range(self, path: str, offset: int, size: int) -> bytes:
        """`size` bytes of a member from `offset` on, fewer if it ends sooner. Raises BadSample.

        Of a stored member by one request. A deflated one is unpacked: at once, and kept for further
        parts of it, up to MAX_HELD bytes, else as a stream.
        """
        member = self._member(path)
        size = max(0, min(size, member.size - offset))
        if not size:
            return b""
        if member.method == STORED:
            data = self._root.read_range(self._file, self._start(path, member) + offset, size)
            if len(data) < size:
                raise self._bad("truncated", f"{len(data)} of {size} bytes at {offset}", path)
            return told(data, member.size, _tag(member.crc))
        if member.size > MAX_HELD:
            with self.open(path) as stream:
                stream.seek(offset)
                return stream.read(size)
        unpacked = self._unpacked  # read once: another thread may replace it
        if unpacked[0] != path:
            self._unpacked = unpacked = (path, self.read(path))
        return told(memoryview(unpacked[1])[offset : offset + size], member.size, _tag(member.crc))

    def open(self, path: str) -> BinaryIO:
        """A member as a buffered stream that can seek. Raises BadSample, as does reading it.

        Its CRC-32 is compared if it is read from start to end.
        """
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
        """A member as a file that exists inside the `with` block. Raises BadSample."""
        with NamedTemporaryFile(prefix="vbdata-") as copy:
            with self.open(path) as stream:
                shutil.copyfileobj(stream, copy, PIECE)
            copy.flush()
            yield Path(copy.name)

    def _member(self, path: str) -> ArchiveMember:
        """The entry of a member. Raises BadSample if there is none or its bytes cannot be had."""
        member = self.table.find(safe(path))
        if member is None or not member.is_file:
            if member and member.method == LINK:
                raise self._bad("unsafe path", "a link, which is not followed", path)
            raise absent(path)
        if fault := zip_members.fault(member):
            raise self._bad("undecodable", fault, path)
        return member

    def _packed(self, path: str, member: ArchiveMember) -> bytes:
        """A member's bytes as they are stored.

        Where the data begins stands in the member's local header, at a place that the directory of
        a zip does not tell. So header and data are asked for at once, with `member.head` bytes for
        the header: one request, but for a header that is longer.
        """
        wanted = member.head + member.packed
        data = self._root.read_range(self._file, member.offset, wanted) if wanted else b""
        start = self._data_start(path, data) if member.head else 0
        if (more := start + member.packed - wanted) > 0:
            data += self._root.read_range(self._file, member.offset + wanted, more)
        data = data[start : start + member.packed] if start else data
        if len(data) < member.packed:
            raise self._bad("truncated", f"{len(data)} of {member.packed} packed bytes", path)
        return data

    def _packed_stream(self, path: str, member: ArchiveMember) -> io.RawIOBase:
        start = self._start(path, member)

        def fetch(offset: int, size: int) -> bytes:
            return self._root.read_range(self._file, start + offset, size)

        return Window(fetch, member.packed)

    def _start(self, path: str, member: ArchiveMember) -> int:
        """Where a member's data begins in the archive. Raises BadSample for a garbled header."""
        if not member.head:
            return member.offset
        start = self._starts.get(path)
        if start is None:
            if len(self._starts) >= 1024:
                self._starts.clear()
            head = self._root.read_range(self._file, member.offset, zip_members.LOCAL.size)
            self._starts[path] = start = member.offset + self._data_start(path, head)
        return start

    def _data_start(self, path: str, head: bytes) -> int:
        try:
            return zip_members.data_start(head)
        except ValueError as err:
            raise self._bad(
                "truncated" if len(head) < 30 else "undecodable", str(err), path
            ) from err

    def _bad(self, reason: Reason, detail: str, path: str) -> BadSample:
        if self._holder.version(self._path) != self._version:
            detail = "it was replaced since it was opened"
            return BadSample("changed", f"the archive: {detail}", f"{self.name}/{path}")
        return BadSample(reason, f"in the archive: {detail}", f"{self.name}/{path}")


def _tag(crc: int) -> str:
    """What a member's CRC-32 says of its content: a tar has none."""
    return f"crc32 {crc:08x}" if crc else ""
