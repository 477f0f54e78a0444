"""What an archive of unknown data holds, within bounds: the first members, and how they begin."""

from __future__ import annotations

import gzip
import lzma
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import IO, NamedTuple, cast

from vbdata.errors import BadSample
from vbdata.sources.members import PACKED
from vbdata.storage.root import clutter, safe

MOST_MEMBERS = 50_000
MOST_UNPACKED = 256 << 20  # bytes of a packed tar, unpacked
FAULTS = (
    *(OSError, EOFError, ValueError, BadSample, NotImplementedError, RuntimeError),
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)


class Place(NamedTuple):
    """A member of an archive.

    archive: its path; name: of the member; offset: of its bytes in a tar, -1 in a zip.
    """

    archive: str
    name: str
    size: int
    offset: int


def listed(file: Path, archive: str) -> tuple[dict[str, Place], bool]:
    """The first members of an archive by name, and whether there are more. Raises FAULTS.

    file: where it is; archive: its path, for their places.
    """
    found = dict[str, Place]()
    if file.name.lower().endswith(".zip"):
        with zipfile.ZipFile(file) as packed:
            for info in packed.infolist():
                name = info.filename.replace("\\", "/")
                if not info.is_dir() and _plain(name):
                    found[name] = Place(archive, name, info.file_size, -1)
        return found, False
    with _stream(file) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            if member.isreg() and _plain(name):
                found[name] = Place(archive, name, member.size, member.offset_data)
            tar.members.clear()  # type: ignore[attr-defined]
            packed_far = _is_packed(file) and member.offset_data + member.size > MOST_UNPACKED
            if len(found) >= MOST_MEMBERS or packed_far:
                return found, True
    return found, False


def head(file: Path, place: Place, size: int) -> bytes:
    """The first bytes of a member. Raises FAULTS."""
    size = min(size, place.size)
    if place.offset < 0:
        with zipfile.ZipFile(file) as packed, packed.open(_name(packed, place.name)) as member:
            return member.read(size)
    with _stream(file) as stream:
        stream.seek(place.offset)
        return stream.read(size)


def _name(packed: zipfile.ZipFile, name: str) -> str:
    """The name by which a zip knows a member: packers of Windows write backslashes."""
    return name if name in packed.NameToInfo else name.replace("/", "\\")


def _stream(file: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(file)) if _is_packed(file) else file.open("rb")


def _is_packed(file: Path) -> bool:
    return file.name.lower().endswith(PACKED)


def _plain(name: str) -> bool:
    """Whether a member's name is that of a file that a root would list."""
    try:
        return bool(safe(name)) and not clutter(name) and name.isprintable()
    except BadSample:
        return False
