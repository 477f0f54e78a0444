"""The members of a zip by its central directory, and where their data begins.

Format: PKWARE APPNOTE.TXT 6.3. The standard library reads the directory (with ZIP64) but believes
what it says; sizes and places are checked here, since a file may be cut, garbled or hostile.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import deflate

from vbdata.errors import SourceError
from vbdata.sources.table import DEFLATED, ENCRYPTED, LINK, STORED, ArchiveMember

# First bytes of a zip with members, of one without any, and of one that is split over disks.
MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
LOCAL = struct.Struct("<4s22xHH")  # a local header: magic, lengths of name and extra field
JOIN = "download all of its parts and join them (zip -s 0 SPLIT.zip --out WHOLE.zip)"
END = b"PK\x05\x06"  # what the record at the end of a zip begins with
LONGEST_END = 22 + (1 << 16)  # bytes of that record with its comment
LARGEST = (1 << 63) - 1  # bytes that a table can state
SLACK = 1024  # bytes of extra fields that are fetched with a member's data
MOST_DEFLATED = 1032  # bytes that one deflated byte can unpack to (zlib, technical notes)
# What zipfile raises for garbled bytes.
DAMAGE = (zipfile.BadZipFile, struct.error, EOFError, ValueError, OverflowError, RuntimeError)
METHODS = {
    1: "shrink",
    6: "implode",
    9: "deflate64",
    12: "bzip2",
    14: "lzma",
    93: "zstandard",
    95: "xz",
    98: "ppmd",
    99: "AES encryption",
}


def members(stream: BinaryIO, size: int, name: str) -> Iterator[ArchiveMember]:
    """The members of a zip but its folders, in the order of its directory.

    size: bytes of the zip; name: for messages. Raises SourceError if it is no whole zip.
    """
    if part := _split(stream, size):
        raise SourceError(f"{name}: it is {part} of a split zip; {JOIN}")
    try:
        with zipfile.ZipFile(stream) as opened:
            infos, end = opened.infolist(), opened.start_dir
    except DAMAGE as err:
        raise SourceError(f"{name}: {_cause(stream, size)} ({err})") from err
    heads = _heads(infos, end, name)
    for info in infos:
        path = info.orig_filename.replace("\\", "/")
        if not path.endswith("/"):
            yield ArchiveMember(
                path,
                info.header_offset,
                heads[id(info)],
                info.compress_size,
                min(info.file_size, LARGEST),
                _method(info),
                info.CRC,
            )


def _heads(infos: list[zipfile.ZipInfo], end: int, name: str) -> dict[int, int]:
    """For each member, the bytes within which its data begins, by id of its info.

    How long a local header is stands in the header alone: its extra field need not be the one in
    the directory. But where the next member begins is known, which bounds it. Raises SourceError
    for members that overlap, as in a zip bomb.
    """
    ordered = sorted(infos, key=lambda info: info.header_offset)
    following = [*(info.header_offset for info in ordered), end][1:]
    heads = {}
    for info, stop in zip(ordered, following, strict=True):
        shortest = LOCAL.size + len(info.orig_filename)
        room = stop - info.header_offset - info.compress_size
        if info.header_offset < 0 or room < shortest:
            raise SourceError(
                f"{name}: member {info.orig_filename!r:.100} of {info.compress_size} bytes at "
                f"{info.header_offset} runs into what stands at {stop}: garbled or hostile"
            )
        heads[id(info)] = min(room, shortest + SLACK)
    return heads


def data_start(head: bytes) -> int:
    """How long a local header is, by its first bytes. Raises ValueError if it is none."""
    if len(head) < LOCAL.size:
        raise ValueError(f"its header is cut after {len(head)} bytes")
    magic, name, extra = LOCAL.unpack_from(head)
    if magic != MAGIC[0]:
        raise ValueError(f"its header begins with {magic.hex()}, expected {MAGIC[0].hex()}")
    return LOCAL.size + int(name) + int(extra)


def fault(member: ArchiveMember) -> str:
    """Why a member's bytes cannot be read; "" if they can."""
    size, packed = member.size, member.packed
    if member.method == ENCRYPTED:
        return "it is encrypted"
    if member.method not in (STORED, DEFLATED):
        method = METHODS.get(member.method, "an unknown one")
        return f"packed by method {member.method} ({method}); only stored and deflated are read"
    impossible = packed != size if member.method == STORED else size > MOST_DEFLATED * packed + 64
    if impossible:
        return f"declares {size} bytes in {packed}, which cannot be"
    return ""


def inflate(packed: bytes, size: int) -> bytes:
    """Unpack deflated bytes (RFC 1951). Raises ValueError unless that gives `size` bytes."""
    try:
        data = bytes(deflate.deflate_decompress(packed, size))
    except deflate.DeflateError:
        data = _slowly(packed, size)
    if len(data) != size:
        given = "more" if len(data) > size else f"{len(data)} bytes"
        raise ValueError(f"unpacks to {given}, expected {size}")
    return data


def _slowly(packed: bytes, size: int) -> bytes:
    """Unpack by zlib, which is slower, but says what is wrong and how far it came."""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, size + 1)
    except zlib.error as err:
        raise ValueError(str(err)) from err


def _method(info: zipfile.ZipInfo) -> int:
    if info.flag_bits & 1:
        return ENCRYPTED
    if info.create_system == 3 and stat.S_ISLNK(info.external_attr >> 16):
        return LINK
    return info.compress_type


def _split(stream: BinaryIO, size: int) -> str:
    """Which part of a split zip a file is, in words; "" if it is none.

    The last part has the directory, which counts the disks; the first begins with a mark.
    """
    start = max(0, size - LONGEST_END)
    stream.seek(start)
    tail = stream.read(size - start)
    at = tail.rfind(END)
    whole = at >= 0 and at + 8 <= len(tail)
    number = int.from_bytes(tail[at + 4 : at + 6], "little") if whole else 0
    if 0 < number < 0xFFFF:  # 0xFFFF: a zip64, which counts them elsewhere
        return f"the last part ({number + 1})"
    stream.seek(0)
    return "the first part" if not whole and stream.read(4) == MAGIC[2] else ""


def _cause(stream: BinaryIO, size: int) -> str:
    """Why a file is no whole zip, in words."""
    stream.seek(0)
    head = stream.read(16)
    if not head:
        return "an empty file, no zip; download it again"
    if head[:4] in MAGIC:
        return f"is cut or garbled: {size} bytes without a whole directory; download it again"
    return f"is no zip: it begins with {head!r}"
