"""Virtual KITTI 2's class colours and instance indices, joined to one partition of the image.

classgt decides the class of every pixel. A vehicle's pixel belongs to the track that instancegt
gives it, if that track is listed for the frame and of the same class; all other pixels of a vehicle
class are a crowd of it, other classes are a segment each. Misc is all that has no class of its own:
no segment, and valid. Undefined is not valid.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core import images
from vbdata.core.types import ClassFact, Segments
from vbdata.errors import BadSample

from .. import records
from .tables import CLASSES, MOST_TRACKS, VEHICLES, VOID, Colors

if TYPE_CHECKING:
    from vbdata.core.types import Entry
    from vbdata.storage.folder import Root

Track = tuple[int, str]  # trackID and official class name


class Runs(NamedTuple):
    """Neighbours of one class and instance. classes: rows of colors.txt; instances: trackID + 1."""

    lengths: NDArray[np.intp]
    classes: NDArray[np.intp]
    instances: NDArray[np.uint8]


class Part(NamedTuple):
    """A segment: its name as a prompt says it."""

    name: str
    thing: bool
    crowd: bool


def runs(root: Root, entry: Entry, colors: Colors) -> Runs:
    """The entry's class and instance images along the rows. Raises BadSample."""
    path = entry.files["classes"].path
    rgb = images.decode_png_raw(records.read(root, entry, "classes"), path)
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise BadSample("wrong dtype", f"{rgb.dtype} {rgb.shape}, expected 8-bit RGB", path)
    records.check_size(rgb.shape, entry, path)
    packed = _packed(rgb.astype(np.uint8, copy=False)).ravel()
    instances = np.zeros(packed.shape, np.uint8)
    if "instances" in entry.files:
        path_of_instances = entry.files["instances"].path
        found = indices(records.read(root, entry, "instances"), path_of_instances)
        records.check_size(found.shape, entry, path_of_instances)
        instances = found.ravel()
    new = (packed[1:] != packed[:-1]) | (instances[1:] != instances[:-1])
    starts = np.concatenate(([0], np.flatnonzero(new) + 1))
    classes = _rows_of(packed[starts].astype(np.int64), colors, path)
    return Runs(np.diff(starts, append=len(packed)), classes, instances[starts])


def partition(
    found: Runs, colors: Colors, tracks: Sequence[Track]
) -> tuple[list[Part], NDArray[np.int32]]:
    """The segments, listed tracks first, and for each run the number of its segment from 1."""
    names = list(colors)
    parts: list[Part] = []
    table = np.zeros((len(names), MOST_TRACKS + 1), np.int32)
    for track, name in tracks:
        parts.append(Part(CLASSES[name], thing=True, crowd=False))
        table[names.index(name), track + 1] = len(parts)
    rest = table[found.classes, found.instances] == 0
    for row in np.unique(found.classes[rest]):
        name = names[row]
        if CLASSES[name]:
            vehicle = name in VEHICLES
            parts.append(Part(CLASSES[name], thing=vehicle, crowd=vehicle))
            table[row][table[row] == 0] = len(parts)
    return parts, table[found.classes, found.instances]


def segments(root: Root, entry: Entry, colors: Colors, tracks: Sequence[Track]) -> Segments:
    """The partition of the image. Raises BadSample."""
    import torch

    found = runs(root, entry, colors)
    parts, numbers = partition(found, colors, tracks)
    size = entry.height, entry.width
    known = found.classes != list(colors).index(VOID)
    return Segments(
        ids=torch.from_numpy(np.repeat(numbers, found.lengths).reshape(size)),
        classes=tuple(part.name for part in parts),
        things=tuple(part.thing for part in parts),
        crowds=tuple(part.crowd for part in parts),
        valid=torch.from_numpy(np.repeat(known, found.lengths).reshape(size)),
    )


def seen(
    root: Root, entry: Entry, colors: Colors, tracks: Sequence[Track]
) -> tuple[list[Track], tuple[ClassFact, ...]]:
    """Which of the tracks the images show, and what they show of every class. Raises BadSample."""
    found = runs(root, entry, colors)
    parts, numbers = partition(found, colors, tracks)
    sizes = np.bincount(numbers, weights=found.lengths, minlength=len(parts) + 1)[1:].astype(int)
    shown = [track for track, size in zip(tracks, sizes, strict=False) if size]
    visible = [(part, int(size)) for part, size in zip(parts, sizes, strict=True) if size]
    return shown, facts(visible)


def facts(visible: Sequence[tuple[Part, int]]) -> tuple[ClassFact, ...]:
    """One fact a class, by name, of segments and their pixels."""
    told = []
    for name in sorted({part.name for part, _ in visible}):
        mine = [(part, size) for part, size in visible if part.name == name]
        single = [size for part, size in mine if part.thing and not part.crowd]
        thing = any(part.thing for part, _ in mine)
        smallest = min(single, default=0)
        told.append(ClassFact(name=name, thing=thing, instances=len(single), smallest=smallest))
    return tuple(told)


def indices(data: bytes, path: str) -> NDArray[np.uint8]:
    """The indices, uint8[H, W], of a palette PNG; its palette is not looked at. Raises BadSample.

    OpenCV expands palettes. The same image data under a grey PNG's header are the indices, and all
    checks of other images hold for them.
    """
    bits, colour_type = (data[24], data[25]) if len(data) > 25 else (8, 0)
    indexed = colour_type == 3 and bits in (1, 2, 4, 8) and _header_is_whole(data)
    found = images.decode_png_raw(_greyed(data) if indexed else data, path)
    if found.ndim != 2 or found.dtype != np.uint8:
        what = f"{found.dtype} of shape {found.shape}"
        raise BadSample("wrong dtype", f"{what}, expected palette indices or grey uint8", path)
    if indexed and bits < 8:  # a grey decoder has stretched them to 0..255
        found = found // np.uint8(255 // (2**bits - 1))
    return found.astype(np.uint8, copy=False)


def _header_is_whole(data: bytes) -> bool:
    return data[12:16] == b"IHDR" and data[29:33] == _crc(data[12:29])


def _greyed(data: bytes) -> bytes:
    """A palette PNG's image data as those of a grey PNG of as many bits."""
    header = data[12:25] + b"\0" + data[26:29]
    kept = [chunk for kind, chunk in _chunks(data) if kind in (b"IDAT", b"IEND")]
    return b"".join([data[:12], header, _crc(header), *kept])


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, all bytes) of the chunks of a PNG; the last may be cut short."""
    at = len(images.PNG_MAGIC)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at : at + 12 + length]
        at += 12 + length


def _crc(body: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(body))


def _packed(rgb: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """R + 256 G + 65536 B of uint8[H, W, 3]."""
    import cv2

    rgba = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA))
    return rgba.view("<u4")[..., 0] & np.uint32(0xFFFFFF)


def _rows_of(packed: NDArray[np.int64], colors: Colors, path: str) -> NDArray[np.intp]:
    """The row of colors.txt of every colour. Raises BadSample."""
    known = np.array([red + 256 * green + 65536 * blue for red, green, blue in colors.values()])
    order = np.argsort(known)
    places = order[np.searchsorted(known, packed, sorter=order).clip(max=len(known) - 1)]
    if (wrong := known[places] != packed).any():
        strange = int(packed[wrong.argmax()])
        rgb = f"{strange & 255} {strange >> 8 & 255} {strange >> 16}"
        raise BadSample("unknown category", f"colour {rgb} is not in colors.txt", path)
    return places
