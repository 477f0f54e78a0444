"""Find an archive's members once: its table in the cache, and its unpacked bytes where needed.

The table is cached under the archive's address and version, so a changed archive gets a new one.
An archive that cannot be read by ranges, a .tar.gz or one that is deflated inside another archive,
is unpacked once into the cache, as one file.

Nothing is ever written under a member's name. An archive with a name that leads out of it
(absolute, "..", a drive, a NUL, in a tar a backslash) is refused as a whole: no official one has
any. In a zip a backslash is a slash, as unzip reads it: some packers of Windows write them.
Symbolic links and devices are not followed and not listed, nor is what desktops leave behind. A
hard link to a file further up in the same tar is that file. Of two members of the same name the
last one counts, as with unzip; "./" and "//" in names are dropped, as a disk does.
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
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from vbdata.errors import BadSample, SourceError
from vbdata.machine import cache
from vbdata.sources import tar_members, zip_members
from vbdata.sources.table import DAMAGE, FORMAT, ArchiveMember, Table, folders_above, write
from vbdata.storage.filelist import may_hold
from vbdata.storage.folder import Folder
from vbdata.storage.root import Holder, Root, clutter, safe
from vbdata.storage.streams import PIECE, Window

PACKED = (".tar.gz", ".tgz")
ZIPS, TARS = (".zip",), (".tar", *PACKED)
DRIVE = re.compile(r"[A-Za-z]:")
LOG = logging.getLogger(__name__)
GZIP = b"\x1f\x8b"
FAR_AHEAD = 8 << 20  # bytes of a remote tar that are fetched at once
LOGGED_FROM = 256 << 20  # packed bytes from which on unpacking is logged, since it takes a while
# A bomb is refused: an archive may unpack to this many bytes, or this many times its packed bytes.
UNPACKED_FREELY, MOST_UNPACKED = 1 << 30, 100


def is_archive(path: str) -> bool:
    """Whether a file's name says that it is an archive that can be read."""
    return path.lower().endswith(ZIPS + TARS)


def archives_of(paths: Collection[str]) -> Iterable[str]:
    """Those of some paths that are archives by their names, in their order."""
    return filter(is_archive, paths) if may_hold(paths, ZIPS + TARS) else ()


def readable(holder: Holder, path: str, version: str) -> tuple[Root, str]:
    """A root, and a path in it, where an archive can be read by ranges.

    That is where it lies, or in the cache, where it is unpacked first. version: of the archive.
    Raises SourceError if it cannot be unpacked, BadSample if it cannot be read.
    """
    gzipped = path.lower().endswith(TARS) and holder.read_range(path, 0, 2) == GZIP
    if not gzipped and holder.by_range(path):
        return holder, path
    suffix = ".tar" if path.lower().endswith(TARS) else ".zip"
    make = partial(_unpack, holder, path, gzipped)
    needs = f"{holder.url}/{path} has to be unpacked there"
    file = cache.cached_file(f"unpacked/{_digest(version)}{suffix}", make, needs)
    return Folder(str(file.parent)), file.name


def table(root: Root, path: str, name: str, version: str) -> Table:
    """The members of an archive, from the cache if they are there.

    root, path: where it can be read by ranges; name: for messages. Raises SourceError if it is no
    whole archive or has a name that leads out of it.
    """
    make = partial(_make_table, root, path, name)
    place = f"tables/{_digest(f'{FORMAT}|{version}')}.arrow"
    file = cache.cached_file(place, make)
    try:
        return _mapped(file)
    except DAMAGE:  # cut or garbled since it was written
        file.unlink(missing_ok=True)
        return _mapped(cache.cached_file(place, make))


_mapped = lru_cache(maxsize=4096)(Table)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _make_table(root: Root, path: str, name: str, file: Path) -> None:
    size = root.size(path)
    if path.lower().endswith(ZIPS):
        with root.open(path) as stream:
            try:
                members = _by_path(zip_members.members(stream, size, name), name)
            except SourceError as err:
                if not (part := _part(root, path)):
                    raise
                split = f"it is a part of a split zip, like {part} beside it; {zip_members.JOIN}"
                raise SourceError(f"{name}: {split}") from err
    else:
        with _stream(root, path, size) as stream:
            members = _by_path(tar_members.members(stream, size, name), name)
    folders = folders_above(members)
    if both := min(folders & members.keys(), default=""):
        raise SourceError(f"{name}: {both!r} is a file and a folder at once")
    write(file, members.values(), folders, archives_of(members))


def _part(root: Root, path: str) -> str:
    """A file beside a zip that is a part of the same split zip (a.z01 of a.zip); "" if none is."""
    folder, _, name = path.rpartition("/")
    part = re.compile(re.escape(name[:-4]) + r"\.z\d\d+", re.IGNORECASE)
    try:
        names = root.names(folder) if isinstance(root, Folder) else {}
    except OSError:  # a server that lists nothing
        return ""
    return min(filter(part.fullmatch, names), default="")


def _stream(root: Root, path: str, size: int) -> BinaryIO:
    """A file as a stream that reads far ahead where that saves requests."""
    if not isinstance(root, Folder) or root.local:
        return root.open(path)
    window = Window(partial(root.read_range, path), size)
    return cast(BinaryIO, io.BufferedReader(window, FAR_AHEAD))


def _by_path(members: Iterable[ArchiveMember], name: str) -> dict[str, ArchiveMember]:
    """Members by plain path, the last of each. Raises SourceError for a path that leads out."""
    by_path: dict[str, ArchiveMember] = {}
    for member in members:
        path, parts = member.path, [p for p in member.path.split("/") if p not in ("", ".")]
        hostile = path.startswith("/") or "\\" in path or "\0" in path or DRIVE.match(path)
        if hostile or ".." in parts or not parts:
            raise SourceError(f"{name}: member {path!r:.200} would lead out of its folder; refused")
        plain = "/".join(parts)
        if not clutter(plain):
            by_path[plain] = member if plain == path else member._replace(path=plain)
    return by_path


def first_files(holder: Holder, path: str, count: int) -> list[tuple[str, int]]:
    """(path, size) of the first `count` files of a .tar.gz; none if it is damaged."""
    try:
        with holder.open(path) as stream, tarfile.open(fileobj=stream, mode="r|gz") as tar:
            files = ((info.name.removeprefix("./"), info.size) for info in tar if info.isreg())
            return [(safe(name), size) for name, size in islice(files, count)]
    except (*tar_members.DAMAGE, zlib.error, BadSample):
        return []


def _unpack(holder: Holder, path: str, gzipped: bool, file: Path) -> None:
    """Write the bytes of a packed archive to a file.

    Raises SourceError if they are damaged or a bomb, OSError if the disk is full.
    """
    name, packed = f"{holder.url}/{path}", holder.size(path)
    limit = max(UNPACKED_FREELY, MOST_UNPACKED * packed)
    if packed > shutil.disk_usage(file.parent).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if packed > LOGGED_FROM:
        LOG.warning("%s: %d MB are being unpacked into %s, once", name, packed >> 20, file.parent)
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
