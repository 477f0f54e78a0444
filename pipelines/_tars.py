"""WebDataset tars: which bytes belong to which sample, without reading the images.

A key is a member's path up to the first dot of its name, the rest is the extension. Text members
(.txt, .json) are read on the way. Works on any filesystem that can read a part of a file.
"""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from vbdata.errors import BadSample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vbdata.storage import Folder

WINDOW = 1 << 16  # bytes that are fetched at once
MAX_TEXT = 1 << 20  # bytes
DAMAGE = (tarfile.TarError, EOFError, ValueError, OverflowError)


class Span(NamedTuple):
    """Where a member's bytes are in its tar."""

    name: str
    offset: int
    size: int


@dataclass(slots=True)
class Parts:
    """The members of a sample by extension. twice: an extension that it has two of, or ""."""

    spans: dict[str, Span] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    twice: str = ""

    def table(self) -> dict[str, Any]:
        """The object of its .json, {} without one. Raises BadSample("garbled annotation")."""
        try:
            value = json.loads(self.texts.get("json", b"{}"))
        except (ValueError, RecursionError) as err:
            raise BadSample("garbled annotation", f"its .json is not JSON: {err}") from err
        if not isinstance(value, dict):
            raise BadSample("garbled annotation", f"its .json is a {type(value).__name__}")
        return value


def samples(root: Folder, path: str, size: int) -> tuple[dict[str, Parts], str]:
    """The samples of a tar by key, in its order, and what is wrong with it ("" for nothing)."""
    found: dict[str, Parts] = {}
    stream = io.BufferedReader(_Stream(root, path, size), WINDOW)
    try:
        for member in _members(stream, size):
            full = member.name.encode("utf-8", "backslashreplace").decode()
            above, slash, name = full.rpartition("/")
            stem, dot, extension = name.partition(".")
            if not (member.isreg() and stem and dot) or member.issparse():
                continue
            parts = found.setdefault(above + slash + stem, Parts())
            parts.twice = extension if extension in parts.spans else parts.twice
            parts.spans[extension] = Span(full, member.offset_data, member.size)
            if extension.endswith(("txt", "json")) and member.size <= MAX_TEXT:
                stream.seek(member.offset_data)
                parts.texts[extension] = stream.read(member.size)
    except DAMAGE as err:
        return found, f"{err} (tar of {size} bytes)"
    return found, ""


def read(root: Folder, path: str, span: Span) -> bytes:
    """A member's bytes. Raises BadSample."""
    data = root.read_range(path, span.offset, span.size)
    if len(data) < span.size:
        raise BadSample("truncated", f"{span.name}: {len(data)} of {span.size} bytes", path)
    return data


def _members(stream: IO[bytes], size: int) -> Iterator[tarfile.TarInfo]:
    """All headers of a tar that are followed by all of their data. Raises one of DAMAGE."""
    with tarfile.open(fileobj=stream, mode="r:") as tar:
        for member in tar:
            if member.offset_data + member.size > size:
                raise EOFError(f"it ends inside {member.name!r:.80}")
            yield member
            tar.members.clear()  # type: ignore[attr-defined]  # else it keeps them all
        # tarfile takes a garbled header for the end, unless it is the first
        stream.seek(tar.offset)
        if (rest := stream.read(tarfile.BLOCKSIZE)).strip(b"\0"):
            raise ValueError(f"no member and no end at byte {tar.offset}: {rest[:16].hex()}")


class _Stream(io.RawIOBase):
    """A file of a folder as a stream that can seek."""

    def __init__(self, root: Folder, path: str, size: int) -> None:
        self._root, self._path, self._size, self._at = root, path, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self._size - self._at)
        data = self._root.read_range(self._path, self._at, count)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
