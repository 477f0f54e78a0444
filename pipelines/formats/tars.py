"""WebDataset tars: which bytes belong to which sample, by one pass that skips the images.

A sample is the members of one key: a member's path up to the first dot of its name; the rest is its
extension. Text members (.txt, .json) are read on the way. It needs nothing but reads of a part of a
file, so it works on S3, too.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from vbdata.errors import BadSample
from vbdata.sources.tar_members import DAMAGE, headers, linked
from vbdata.storage.root import clutter
from vbdata.storage.streams import Window

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

WINDOW = 1 << 16  # bytes that are fetched at once from a store
NEAR = 1 << 13  # and from a disk, where a read costs little, and little but texts is wanted
PACKERS = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zX": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
UNPACK = "samples are read by byte ranges, so unpack it to a .tar"
PACKED_NAME = re.compile(r"\.(?:tgz|tbz2?|txz|tar\.(?:gz|bz2|xz|zst))$")
MAX_TEXT = 1 << 20  # bytes of a text member; longer ones are left unread


class Span(NamedTuple):
    """Where a member is in its tar. name: its path; offset, size: of its bytes."""

    name: str
    offset: int
    size: int


@dataclass(slots=True)
class Parts:
    """The members of a sample, by extension.

    spans: where they are; texts: the bytes of its text members; twice: an extension that the sample
    has twice, "" if there is none.
    """

    spans: dict[str, Span] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    twice: str = ""

    def table(self) -> dict[str, Any]:
        """The object in its .json, {} if it has none. Raises BadSample("garbled annotation")."""
        try:
            value = json.loads(self.texts.get("json", b"{}"))
        except (ValueError, RecursionError) as err:
            raise BadSample("garbled annotation", f"its .json is not JSON: {err}") from err
        if not isinstance(value, dict):
            raise BadSample("garbled annotation", f"its .json is a {type(value).__name__}")
        return value


def samples(root: Root, path: str, size: int) -> tuple[dict[str, Parts], BadSample | None]:
    """The samples of a tar by key, in the order of the tar, and its damage, None if it has none.

    size: bytes of the tar. Members before the damage are kept; those that are no plain files, or
    have no extension, belong to no sample. A hard link is the file that it links to. Types are in
    lower case, whatever case the tar has: KEY.TXT is "txt".
    """
    by_key: dict[str, Parts] = {}
    try:
        head = root.read_range(path, 0, 4)
        if packer := next((n for magic, n in PACKERS.items() if head.startswith(magic)), ""):
            return by_key, BadSample("undecodable", f"packed by {packer}: {UNPACK}")
        window = WINDOW if "://" in root.url else NEAR
        stream = io.BufferedReader(Stream(root, path, size), window)
        for member in linked(headers(stream, size)):
            full = member.name.encode("utf-8", "backslashreplace").decode()
            above, slash, name = full.rpartition("/")
            stem, dot, extension = name.partition(".")
            if not (member.isreg() and stem and dot) or member.issparse() or clutter(full):
                continue
            extension = _lower_kind(extension)
            parts = by_key.setdefault(above + slash + stem, Parts())
            parts.twice = extension if extension in parts.spans else parts.twice
            parts.spans[extension] = Span(full, member.offset_data, member.size)
            if extension.endswith(("txt", "json")) and member.size <= MAX_TEXT:
                stream.seek(member.offset_data)
                parts.texts[extension] = stream.read(member.size)
    except BadSample as bad:
        return by_key, bad
    except DAMAGE as err:
        return by_key, BadSample("truncated", f"{err} (tar of {size} bytes)")
    return by_key, None


def is_tar(path: str) -> bool:
    """Whether a file's name is that of a tar that is read."""
    return path.lower().endswith(".tar")


def packed(paths: Collection[str]) -> list[str]:
    """The tars among some files that are packed (.tar.gz), without their unpacked tar beside."""
    known = {path.lower() for path in paths}
    found = {path: PACKED_NAME.sub(".tar", path.lower()) for path in paths}
    return sorted(path for path, tar in found.items() if tar != path.lower() and tar not in known)


def is_packed(path: str) -> BadSample:
    """What to raise for a tar that is packed."""
    return BadSample("undecodable", f"a packed tar: {UNPACK}", path)


def _lower_kind(extension: str) -> str:
    """An extension whose last part, the type, is in lower case: mask.PNG is mask.png."""
    name, dot, kind = extension.rpartition(".")
    return name + dot + kind.lower()


def read(root: Root, path: str, span: Span) -> bytes:
    """A member's bytes, by a single read. Raises BadSample("missing" or "truncated")."""
    data = root.read_range(path, span.offset, span.size)
    if len(data) < span.size:
        raise BadSample("truncated", f"{span.name}: {len(data)} of {span.size} bytes", path)
    return data


class Stream(Window):
    """A file of a root as a raw, seekable stream. size: of the file in bytes."""

    def __init__(self, root: Root, path: str, size: int) -> None:
        super().__init__(partial(root.read_range, path), size)
