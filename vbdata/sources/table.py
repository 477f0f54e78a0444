"""The members of an archive as a table on disk: sorted by path, memory-mapped, searched in place.

An Arrow IPC file of two record batches, the files and then the folders. A process that looks up
one member touches a few pages of it, however many members there are, and all processes of a machine
share these pages. The last four bytes are the CRC-32 of the rest (little-endian).
"""

from __future__ import annotations

import json
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import compress, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

FORMAT = 2  # to be raised when the layout or the meaning of a column changes
MAX_TOPS = 64  # names at the top level of an archive that are listed
STORED, DEFLATED = 0, 8  # as in APPNOTE.TXT 4.4.5
ENCRYPTED, LINK, SPECIAL = -1, -2, -3

SCHEMA = pa.schema(
    [
        ("path", pa.large_binary()),
        ("offset", pa.int64()),
        ("head", pa.int32()),
        ("packed", pa.int64()),
        ("size", pa.int64()),
        ("method", pa.int32()),
        ("crc", pa.uint32()),
    ]
)
DAMAGE = (pa.ArrowException, OSError, ValueError, KeyError)


class ArchiveMember(NamedTuple):
    """A file in an archive.

    offset: byte of the archive at which it begins; head: bytes from there within which its data
    begins (0: at once); packed, size: bytes as stored and as unpacked; method: STORED, DEFLATED,
    another method of zip, or below 0 why it cannot be read (ENCRYPTED, LINK, SPECIAL); crc: CRC-32
    of the unpacked bytes (0 in a tar).
    """

    path: str
    offset: int
    head: int
    packed: int
    size: int
    method: int
    crc: int

    @property
    def is_file(self) -> bool:
        """Whether it is a file, if perhaps an encrypted one; links and devices are none."""
        return self.method > LINK

    @property
    def checked(self) -> bool:
        """Whether its CRC-32 is known, as it is in a zip."""
        return self.head > 0


class Table:
    """The files and folders of an archive, by path.

    tops: names at its top level, None if there are more than MAX_TOPS; archives: paths of its
    members that are archives themselves.
    """

    def __init__(self, file: Path) -> None:
        """Map a table into memory. Raises one of DAMAGE if it is not there or damaged."""
        with pa.memory_map(str(file)) as mapped:
            whole = mapped.read_buffer()
        crc = 0
        with file.open("rb") as stream:  # not through the map: its pages would count as used
            rest = whole.size - 4
            while rest and (data := stream.read(min(rest, 1 << 20))):
                crc, rest = zlib.crc32(data, crc), rest - len(data)
            if rest or stream.read() != crc.to_bytes(4, "little"):
                raise ValueError("its checksum is wrong")
        reader = pa.ipc.open_file(whole.slice(0, whole.size - 4))
        if not reader.schema.equals(SCHEMA):
            raise ValueError("its columns are others")
        about = json.loads(reader.schema.metadata[b"vbdata"])
        self.tops: tuple[str, ...] | None = None if about["tops"] is None else tuple(about["tops"])
        self.archives: tuple[str, ...] = tuple(about["archives"])
        files, folders = (reader.get_batch(i) for i in (0, 1))
        self.paths, self.above = _Texts(files["path"]), _Texts(folders["path"])
        self._columns = [_numbers(files[name]) for name in SCHEMA.names[1:]]

    def find(self, path: str) -> ArchiveMember | None:
        """The member of a path, None if there is none."""
        row = bisect_left(self.paths, _key(path))
        if row == len(self.paths) or self.paths[row] != _key(path):
            return None
        return ArchiveMember(path, *(column[row] for column in self._columns))

    def is_folder(self, path: str) -> bool:
        """Whether a path is that of a folder."""
        row = bisect_left(self.above, _key(path))
        return row < len(self.above) and self.above[row] == _key(path)

    def files(self, below: str) -> tuple[list[str], list[int], list[int]]:
        """Paths, sizes and CRC-32 of all files below a folder ("": all); no links, no devices.

        Sorted by path. The CRC-32 is 0 in a tar, which has none.
        """
        start, end = self.paths.below(below)
        sizes, methods, crcs = (self._columns[i][start:end].tolist() for i in (3, 4, 5))
        paths = self.paths.some(start, end)
        if min(methods, default=0) > LINK:
            return paths, sizes, crcs
        files = [method > LINK for method in methods]
        return [*compress(paths, files)], [*compress(sizes, files)], [*compress(crcs, files)]

    def folders(self, below: str) -> list[str]:
        """Names of the folders directly below one, sorted."""
        cut = len(_key(below)) + 1 if below else 0
        names, (row, end) = [], self.above.below(below)
        while row < end:
            name, deeper, _ = self.above[row][cut:].partition(b"/")
            if deeper:  # skip all that lies below it, which may be millions of folders
                row = bisect_left(self.above, self.above[row][:cut] + name + AFTER, row)
            else:
                names.append(_text(name))
                row += 1
        return names


AFTER = b"0"  # the byte after "/": all paths below a folder sort between the two


class _Texts(Sequence[bytes]):
    """A column of texts in the mapped file, sorted, as a sequence."""

    def __init__(self, column: Any) -> None:
        _, offsets, values = column.buffers()
        self._offsets = memoryview(offsets).cast("q")[: len(column) + 1]
        self._values = memoryview(values or b"")

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, row: Any) -> Any:
        return bytes(self._values[self._offsets[row] : self._offsets[row + 1]])

    def some(self, start: int, end: int) -> list[str]:
        """The texts of the rows from `start` to before `end`."""
        first, *_ = ends = self._offsets[start : end + 1].tolist()
        block = bytes(self._values[first : ends[-1]])
        if block.isascii():  # then a letter is a byte
            text = block.decode("ascii")
            return [text[one - first : two - first] for one, two in pairwise(ends)]
        return [_text(block[one - first : two - first]) for one, two in pairwise(ends)]

    def below(self, folder: str) -> tuple[int, int]:
        """Start and end of the rows whose paths lie below a folder."""
        if not folder:
            return 0, len(self)
        start = bisect_left(self, _key(folder) + b"/")
        return start, bisect_left(self, _key(folder) + AFTER, start)


def _numbers(column: Any) -> memoryview:
    """A column of integers in the mapped file."""
    bits = memoryview(column.buffers()[1] or b"")
    if column.type == pa.int64():
        return bits.cast("q")[: len(column)]
    return (bits.cast("i") if column.type == pa.int32() else bits.cast("I"))[: len(column)]


def write(
    file: Path, members: Iterable[ArchiveMember], folders: Iterable[str], archives: Iterable[str]
) -> None:
    """Write a table. members: of unique, plain paths; folders: all that hold a member.

    archives: paths of the members that are archives themselves.
    """
    rows = sorted(members)
    tops = {member.path.partition("/")[0] for member in rows}
    about = {"tops": sorted(tops) if len(tops) <= MAX_TOPS else None, "archives": sorted(archives)}
    nowhere = [ArchiveMember(path, 0, 0, 0, 0, STORED, 0) for path in sorted(folders)]
    schema = SCHEMA.with_metadata({"vbdata": json.dumps(about)})
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(_batch(rows, schema))
        writer.write_batch(_batch(nowhere, schema))
    with file.open("r+b") as stream:
        crc = 0
        while data := stream.read(1 << 20):
            crc = zlib.crc32(data, crc)
        stream.write(crc.to_bytes(4, "little"))


def _batch(rows: list[ArchiveMember], schema: pa.Schema) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) or [()] * len(SCHEMA)
    columns[0] = tuple(map(_key, columns[0]))
    arrays = [pa.array(c, field.type) for c, field in zip(columns, schema, strict=True)]
    return pa.record_batch(arrays, schema=schema)


def folders_above(paths: Iterable[str]) -> set[str]:
    """All folders that lie above some files, the root left out."""
    folders: set[str] = set()
    for path in paths:
        above = path.rpartition("/")[0]
        while above and above not in folders:
            folders.add(above)
            above = above.rpartition("/")[0]
    return folders


def _key(path: str) -> bytes:
    # UTF-8 sorts as Python sorts texts. Names in a tar that are not UTF-8 hold lone surrogates.
    return path.encode("utf-8", "surrogatepass")


def _text(key: bytes) -> str:
    return key.decode("utf-8", "surrogatepass")
