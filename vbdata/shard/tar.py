"""USTAR archives whose bytes are a function of their members alone: no clock, no owner.

Format: POSIX.1-1988 ustar. Mode 0444, owner 0, mtime 0, two zero blocks at the end.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from vbdata.core.sha256 import Sha256
from vbdata.machine.stages import stage
from vbdata.storage.filesystems import naming_full_disk

BLOCK = 512
LONGEST_NAME = 100
LARGEST = 8**11 - 1
SMALL = 1 << 13  # bytes of a member that is joined with its neighbours
# What all headers have in common, between name, size and checksum; that is of eight spaces, too.
OWNER = b"0000444\0%07o\0%07o\0" % (0, 0)
TIME = b"\0%011o\0" % 0
TAIL = (b"0".ljust(101, b"\0") + b"ustar\00000").ljust(BLOCK - 156, b"\0")
SUM_OF_THE_REST = sum(OWNER + TIME + b" " * 8 + TAIL)
AT_ONCE = 4 << 20  # bytes after which the disk is asked to write, while the next ones are made


def header(name: str, size: int) -> bytes:
    """The 512-byte header of a regular file. Raises ValueError if name or size do not fit."""
    raw = name.encode("ascii")
    if not 0 < len(raw) < LONGEST_NAME or size > LARGEST:
        raise ValueError(f"cannot stand in a tar: {name!r} of {size} bytes")
    digits = b"%011o" % size
    total = SUM_OF_THE_REST + sum(raw) + sum(digits)
    return b"".join((raw.ljust(100, b"\0"), OWNER, digits, TIME, b"%06o\0 " % total, TAIL))


def parse_header(block: bytes) -> tuple[str, int]:
    """Name and size of the member whose 512-byte header this is.

    Raises ValueError for any other bytes than those that `header` makes of them.
    """
    name = block[:LONGEST_NAME].rstrip(b"\0").decode("ascii", "replace")
    digits = block[124:135]
    size = int(digits, 8) if digits.isdigit() and not digits.strip(b"01234567") else -1
    if size < 0 or not name.isascii() or block != header(name, size):
        raise ValueError(f"not a header of ours: {name!r}")
    return name, size


class TarWriter:
    """Writes samples into a tar one after the other, hashes it, and notes where each one begins.

    Used as a context manager; `sha256`, `size` (bytes) and `offsets` are final when it has
    closed, and then the tar is on the disk. Raises OSError that names the disk when that is full.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._sha256 = Sha256()
        self.size = 0
        self.offsets: list[int] = []
        self._syncs = ThreadPoolExecutor(1, thread_name_prefix="sync")
        self._syncing: Future[None] | None = None
        self._to_sync = AT_ONCE  # the size at which the disk is asked to write next

    def __enter__(self) -> TarWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with naming_full_disk(self._path):
            self._syncs.shutdown()
            if kind is None:
                self.offsets.append(self.size)
                self._write([bytes(2 * BLOCK)], {})
                with stage("tar"):
                    self._synced()
                    self._file.flush()
                    os.fsync(self._file.fileno())
            self._file.close()

    def add(
        self, key: str, members: Mapping[str, bytes], summed: Collection[str] = ()
    ) -> dict[str, str]:
        """Write one sample: a member `key.extension` for each of `members`, sorted by extension.

        Returns the SHA-256, in hexadecimal, of those members that are named in `summed`, worked out
        along with the tar's. Raises ValueError if a name does not fit into a header, OSError if the
        disk is full.
        """
        self.offsets.append(self.size)
        parts, small, sums = list[bytes](), list[bytes](), dict[str, Sha256]()
        large = dict[int, Sha256]()  # of the members' own digests, by place among the parts
        for extension in sorted(members):
            data = members[extension]
            small.append(header(f"{key}.{extension}", len(data)))
            if extension in summed:
                sums[extension] = Sha256()
                if len(data) > SMALL:
                    large[len(parts) + 1] = sums[extension]
                else:
                    sums[extension].update(data)
            if len(data) > SMALL:  # it is not copied
                parts += (b"".join(small), data)
                small = [bytes(-len(data) % BLOCK)]
            else:
                small += (data, bytes(-len(data) % BLOCK))
        self._write([*parts, b"".join(small)], large)
        if self.size >= self._to_sync and (self._syncing is None or self._syncing.done()):
            with naming_full_disk(self._path):
                self._synced()
            self._syncing = self._syncs.submit(os.fsync, self._file.fileno())
            self._to_sync = self.size + AT_ONCE
        return {extension: digest.hexdigest() for extension, digest in sums.items()}

    def _synced(self) -> None:
        """Wait for the last fsync; raise its error, which the system tells only once."""
        if self._syncing:
            self._syncing.result()
            self._syncing = None

    @property
    def sha256(self) -> str:
        """SHA-256 of all bytes written so far, as hexadecimal digits."""
        return self._sha256.hexdigest()

    def index(self) -> bytes:
        """Little-endian uint64[samples + 1]: where each sample begins, then where the last ends."""
        return struct.pack(f"<{len(self.offsets)}Q", *self.offsets)

    def _write(self, parts: Sequence[bytes], own: Mapping[int, Sha256]) -> None:
        """Write some parts. own: a digest that a part, named by its number, has for itself."""
        size = sum(map(len, parts))
        with stage("tar", size), naming_full_disk(self._path):
            self._file.writelines(parts)
        with stage("hash", size):
            for number, part in enumerate(parts):
                if number in own:
                    self._sha256.update_with(own[number], part)
                else:
                    self._sha256.update(part)
        self.size += size


class TarMember(NamedTuple):
    """A member of a tar. key, extension: its name split at the first dot; offset: of its header."""

    key: str
    extension: str
    offset: int
    data: bytes


def members(path: Path) -> Iterator[TarMember]:
    """All members of a tar that `TarWriter` wrote. Raises ValueError for any other file."""
    whole = path.stat().st_size
    with path.open("rb") as file:
        while len(block := file.read(BLOCK)) == BLOCK and any(block):
            offset = file.tell() - BLOCK
            try:
                name, size = parse_header(block)
            except ValueError as err:
                raise ValueError(f"byte {offset}: {err}") from err
            # read() allocates what it is asked for, so a size beyond the file is not asked for
            data = file.read(size) if size <= whole - file.tell() else b""
            if len(data) != size or any(file.read(-size % BLOCK)):
                raise ValueError(f"the archive ends inside {name!r}")
            key, _, extension = name.partition(".")
            yield TarMember(key, extension, offset, data)
        if block + file.read() != bytes(2 * BLOCK):
            raise ValueError("the archive has no proper end")
