"""The picture of a record: read, checked against the record's size, turned as its labels want it.

A picture's EXIF orientation turns it in every viewer, but not in every tool that labels are drawn
with. So there are two frames in which labels may lie, and readers of labelled data that users made
themselves have the option `exif` to say which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vbdata.core import exif, images
from vbdata.core.members import REFERENCE
from vbdata.errors import BadSample

from . import records

if TYPE_CHECKING:
    from vbdata.core.types import Entry
    from vbdata.storage.folder import Root

STORED, SHOWN = "stored", "shown"
FRAMES = (STORED, SHOWN)
UNKNOWN = (
    "viewers turn it, and nothing says whether its labels lie on the pixels as stored or as shown; "
    "where its reader has the option exif, set it to stored or shown"
)
UNSAID = ""  # nobody said in which frame the labels lie: a picture that is turned is a fault


def read(root: Root, entry: Entry, frame: str, key: str = "image") -> bytes | images.Pixels:
    """One of an entry's picture files, in a frame of FRAMES or UNSAID: see `framed`.

    key: of the file. Raises BadSample, "missing" and "too large" too.
    """
    file = entry.files[key]
    if file.size > images.MAX_BYTES:
        raise BadSample("too large", f"{file.size} bytes (at most {images.MAX_BYTES})", file.path)
    return framed(records.read(root, entry, key), entry, file.path, frame)


def framed(data: bytes, entry: Entry, path: str, frame: str) -> bytes | images.Pixels:
    """A picture file as it is, or, to be shown turned, its pixels, uint8 RGB [H, W, 3].

    Its header must have the entry's size, and a PNG or WebP must be all there; whether all of its
    pixels are shows later, when the engine decodes them. path: for messages. Raises BadSample:
    "truncated", "undecodable", "too large", "wrong size", or "turned picture" for an orientation
    other than 1 in the frame UNSAID.
    """
    size, turn = images.size(data, path), images.orientation(data, path)
    as_shown, wanted = exif.shown_size(*size, turn), (entry.width, entry.height)
    fits = wanted == (as_shown if frame == SHOWN else size)
    if turn == exif.UPRIGHT and fits:
        return data
    if not fits:
        given = _x(as_shown if frame == SHOWN else size)
        detail = f"{given}, expected {_x(wanted)}{_why(size, turn, wanted, frame)}"
        raise BadSample("wrong size", detail, path)
    if frame == UNSAID:
        raise BadSample("turned picture", f"its EXIF orientation is {turn}: {UNKNOWN}", path)
    return images.decode_shown(data, path) if frame == SHOWN else data


def references(root: Root, entry: Entry, frame: str) -> tuple[bytes | images.Pixels, ...]:
    """The references of an entry, in their order: files reference1 and so on. Raises BadSample."""
    roles = [f"{REFERENCE}{number}" for number in range(1, entry.references + 1)]
    return tuple(
        any_size(records.read(root, entry, role), entry.files[role].path, frame) for role in roles
    )


def any_size(data: bytes, path: str, frame: str) -> bytes | images.Pixels:
    """A picture file of whatever size as it is, or, to be shown turned, its pixels.

    Raises BadSample as `framed` does, but for "wrong size".
    """
    if len(data) > images.MAX_BYTES:
        raise BadSample("too large", f"{len(data)} bytes (at most {images.MAX_BYTES})", path)
    turn = images.orientation(data, path)
    if turn != exif.UPRIGHT and frame == UNSAID:
        raise BadSample("turned picture", f"its EXIF orientation is {turn}: {UNKNOWN}", path)
    return images.decode_shown(data, path) if turn != exif.UPRIGHT and frame == SHOWN else data


def _why(size: tuple[int, int], turn: int, wanted: tuple[int, int], frame: str) -> str:
    """How an EXIF orientation explains a wrong size; "" if it does not."""
    if turn < exif.ON_ITS_SIDE or wanted not in (size, exif.shown_size(*size, turn)):
        return ""
    if frame == SHOWN:
        return (
            f": its EXIF orientation {turn} turns the {_x(size)} that are stored, whose size its "
            "record states; leave that out, or set the option exif: stored"
        )
    return (
        f": its EXIF orientation {turn} shows it as {_x(wanted)}, so its labels lie on the picture "
        "as viewers show it; set the option exif: shown where its reader has one"
    )


def _x(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
