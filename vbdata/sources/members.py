"""Find an archive's members once: its table in the cache, and what must be unpacked for it.

The table is kept under the archive's address and version, so that a changed archive gets a new
one. What cannot be read by ranges, a .tar.gz or an archive deflated inside another one, is
unpacked once into the cache, as one file.

Nothing is ever written under a member's name. An archive with a name that leads out of it
(absolute, "..", a drive, a backslash, a NUL) is refused as a whole: no official one has any. Links
and devices are not followed: they are listed nowhere. Of a name that occurs twice the last member
counts, as with unzip; "./" and "//" are dropped, as a disk would.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import logging
import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from vbdata.errors import BadSample, SourceError
from vbdata.machine import cache
from vbdata.sources import tar_members as archive_tar
from vbdata.sources import zip_members as archive_zip
from vbdata.sources.table import DAMAGE, FORMAT, ArchiveMember, Table, folders_above, write
from vbdata.storage.folder import Folder, Root, safe
from vbdata.storage.streams import PIECE, Window

if TYPE_CHECKING:
    from vbdata.sources.archive import Archive

PACKED = (".tar.gz", ".tgz")
ZIPS, TARS = (".zip",), (".tar", *PACKED)
DRIVE = re.compile(r"[A-Za-z]:")
LOG = logging.getLogger(__name__)
GZIP = b"\x1f\x8b"
FAR_AHEAD = 8 << 20  # bytes of a remote tar that are fetched at once
TOLD_FROM = 256 << 20  # packed bytes from which on unpacking is announced
UNPACKED_FREELY, MOST_UNPACKED = 1 << 30, 100  # bytes, and times the packed bytes beyond them


def is_archive(path: str) -> bool:
    """Whether a file's name says that it is an archive that can be read."""
    return path.lower().endswith(ZIPS + TARS)


def readable(holder: Folder | Archive, path: str, version: str) -> tuple[Root, str]:
    """Where an archive can be read by ranges: where it lies, or unpacked in the cache.

    Raises SourceError.
    """
    gzipped = path.lower().endswith(TARS) and holder.read_range(path, 0, 2) == GZIP
    if not gzipped and (isinstance(holder, Folder) or holder.by_range(path)):
        return holder, path
    suffix = ".tar" if path.lower().endswith(TARS) else ".zip"
    make = partial(_unpack, holder, path, gzipped)
    needs = f"{holder.url}/{path} has to be unpacked there"
    file = cache.cached_file(f"unpacked/{_digest(version)}{suffix}", make, needs)
    return Folder(str(file.parent)), file.name


def table(root: Root, path: str, name: str, version: str) -> Table:
    """The members of an archive that can be read by ranges. Raises SourceError."""
    make = partial(_make_table, root, path, name)
    kept = f"tables/{_digest(f'{FORMAT}|{version}')}.arrow"
    file = cache.cached_file(kept, make)
    try:
        return _mapped(file)
    except DAMAGE:  # cut or garbled since it was written
        file.unlink(missing_ok=True)
        return _mapped(cache.cached_file(kept, make))


_mapped = lru_cache(maxsize=4096)(Table)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _make_table(root: Root, path: str, name: str, file: Path) -> None:
    size = root.size(path)
    if path.lower().endswith(ZIPS):
        with root.open(path) as stream:
            found = _plain(archive_zip.members(stream, size, name), name)
    else:
        with _stream(root, path, size) as stream:
            found = _plain(archive_tar.members(stream, size, name), name)
    folders = folders_above(found)
    if both := min(folders & found.keys(), default=""):
        raise SourceError(f"{name}: {both!r} is a file and a folder at once")
    write(file, found.values(), folders, filter(is_archive, found))


def _stream(root: Root, path: str, size: int) -> BinaryIO:
    """A file as a stream that reads far ahead where that saves requests."""
    if not isinstance(root, Folder) or root.local:
        return root.open(path)
    window = Window(partial(root.read_range, path), size)
    return cast(BinaryIO, io.BufferedReader(window, FAR_AHEAD))


def _plain(members: Iterable[ArchiveMember], name: str) -> dict[str, ArchiveMember]:
    """Path -> member, the last of each path. Raises SourceError for a path that leads out."""
    found: dict[str, ArchiveMember] = {}
    for member in members:
        path, parts = member.path, [p for p in member.path.split("/") if p not in ("", ".")]
        hostile = path.startswith("/") or "\\" in path or "\0" in path or DRIVE.match(path)
        if hostile or ".." in parts or not parts:
            raise SourceError(f"{name}: member {path!r:.200} would lead out of its folder; refused")
        plain = "/".join(parts)
        found[plain] = member if plain == path else member._replace(path=plain)
    return found


def first_files(holder: Folder | Archive, path: str, count: int) -> list[tuple[str, int]]:
    """(path, size) of the first files of a .tar.gz; none if they cannot be had."""
    try:
        with holder.open(path) as stream, tarfile.open(fileobj=stream, mode="r|gz") as tar:
            found = ((info.name.removeprefix("./"), info.size) for info in tar if info.isreg())
            return [(safe(name), size) for name, size in islice(found, count)]
    except (*archive_tar.DAMAGE, zlib.error, BadSample):
        return []


def _unpack(holder: Folder | Archive, path: str, gzipped: bool, file: Path) -> None:
    """Write the archive's own bytes. Raises SourceError; OSError if the disk is full."""
    name, packed = f"{holder.url}/{path}", holder.size(path)
    limit = max(UNPACKED_FREELY, MOST_UNPACKED * packed)
    if packed > shutil.disk_usage(file.parent).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if packed > TOLD_FROM:
        LOG.warning("%s: %d MB are unpacked into %s, once", name, packed >> 20, file.parent)
    try:
        with _stream(holder, path, packed) as stream, file.open("wb") as out:
            for data in _pieces(gzip.GzipFile(fileobj=stream) if gzipped else stream):
                out.write(data)
                if gzipped and out.tell() > limit:
                    raise SourceError(f"{name}: {packed} bytes unpack to over {limit}: refused")
    except (gzip.BadGzipFile, zlib.error, EOFError, BadSample) as err:
        cause = f"is cut or garbled: {err}; download it again"
        raise SourceError(f"{name}: {cause}") from err


def _pieces(stream: gzip.GzipFile | BinaryIO) -> Iterator[bytes]:
    while data := stream.read(PIECE):
        yield data
