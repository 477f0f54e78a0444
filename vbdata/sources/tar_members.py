"""The members of a tar, by one pass over its headers, for a tar has no directory.

Over the network, the data between two headers is skipped only where it is longer than what a stream
reads ahead.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from typing import IO, Any, cast

from vbdata.errors import SourceError
from vbdata.sources.table import LINK, SPECIAL, STORED, ArchiveMember

DAMAGE = (tarfile.TarError, EOFError, ValueError, OverflowError)
MAX_HEADER = 1 << 20  # bytes of a member's header with all its extensions


def members(stream: IO[bytes], size: int, name: str) -> Iterator[ArchiveMember]:
    """The members of a tar but its folders, in its order.

    A hard link is the file that it links to. size: bytes of the tar; name: for messages. Raises
    SourceError if it is no whole tar.
    """
    try:
        for info in linked(headers(stream, size)):
            if not info.isdir():
                yield ArchiveMember(
                    info.name, info.offset_data, 0, info.size, info.size, _method(info), 0
                )
    except DAMAGE as err:
        cause = f"is no whole tar: {err} ({size} bytes); download it again"
        raise SourceError(f"{name}: {cause}") from err


def headers(stream: IO[bytes], size: int) -> Iterator[tarfile.TarInfo]:
    """All headers of a tar. size: bytes of the tar.

    Raises one of DAMAGE for a header that is garbled, or not followed by all of its data.
    """
    with tarfile.open(fileobj=cast(IO[bytes], _Bounded(stream)), mode="r:") as tar:
        for member in tar:
            if member.size < 0 or member.offset_data + member.size > size:
                raise EOFError(f"it ends inside {member.name!r:.80}")
            yield member
            # tarfile keeps every header that it has read, of which there may be millions
            tar.members.clear()  # type: ignore[attr-defined]
        # tarfile takes a garbled header for the end of the tar, unless it is the first one
        stream.seek(tar.offset)
        if (rest := stream.read(tarfile.BLOCKSIZE)).strip(b"\0"):
            raise ValueError(f"no member and no end at byte {tar.offset}: {rest[:16].hex()}")


def linked(infos: Iterable[tarfile.TarInfo]) -> Iterator[tarfile.TarInfo]:
    """The headers of a tar, in which a hard link becomes the file that it links to.

    GNU tar stores a file of several names once, and then as links to the first name. A link to what
    does not stand further up in the tar stays a link.
    """
    places: dict[str, tuple[int, int]] = {}
    for info in infos:
        if info.isreg() and not info.issparse():
            places[_plain(info.name)] = info.offset_data, info.size
        elif info.islnk() and (place := places.get(_plain(info.linkname))):
            info.type, (info.offset_data, info.size) = tarfile.REGTYPE, place
            places[_plain(info.name)] = place
        yield info


def _plain(path: str) -> str:
    return "/".join(part for part in path.split("/") if part not in ("", "."))


class _Bounded:
    """A stream that refuses to read more at once than a header is long.

    tarfile reads as many bytes of extensions (long names, PAX records) as a header declares.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MAX_HEADER:
            raise ValueError(f"a header of {size} bytes")
        return self._stream.read(size)


def _method(info: tarfile.TarInfo) -> int:
    if info.islnk() or info.issym():
        return LINK
    return STORED if info.isreg() and not info.issparse() else SPECIAL
