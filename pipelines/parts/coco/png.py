"""COCO's panoptic PNGs: a pixel's segment id is R + 256 G + 65536 B, 0 where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.errors import BadSample

from .. import maps
from .witness import apart

if TYPE_CHECKING:
    from vbdata.core.types import Entry
    from vbdata.storage.folder import Root


def numbers(
    root: Root, entry: Entry, parts: Sequence[dict[str, Any]], unnamed: Sequence[int] = ()
) -> NDArray[np.int32]:
    """int32[H, W]: the place of each pixel's segment in `parts`, from 1; 0 for void.

    parts: id and area of the image's segments, by id; unnamed: ids of segments that count as void.
    Raises BadSample, "garbled annotation" if the PNG has another id, lacks one of them, or
    contradicts an area grossly.
    """
    listed = [part["id"] for part in parts]
    every = sorted({*listed, *unnamed}) if unnamed else listed
    colours, lengths, places = _found(root, entry, every)
    painted = dict(zip(every, np.bincount(places, lengths, len(every) + 1)[1:], strict=True))
    for part in parts:
        if apart(part["area"], covers := int(painted[part["id"]])):
            detail = f"segment {part['id']} covers {covers} pixels, its area is {part['area']:g}"
            raise BadSample("garbled annotation", detail, entry.files["panoptic"].path)
    if unnamed:
        names = {id_: number for number, id_ in enumerate(listed, 1)}
        places = np.array([0, *(names.get(id_, 0) for id_ in every)], np.int32)[places]
    return np.repeat(places, lengths).reshape(colours.shape)


def areas(root: Root, entry: Entry, listed: Sequence[int]) -> list[int]:
    """How many pixels of the PNG each segment has. Raises BadSample as `numbers` does."""
    _, lengths, places = _found(root, entry, listed)
    counts: list[int] = np.bincount(places, lengths, len(listed) + 1).astype(int).tolist()
    return counts[1:]


def _found(
    root: Root, entry: Entry, listed: Sequence[int]
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int32]]:
    """The PNG's pixels; of its runs of one colour the lengths, and the places in `listed`."""
    colours = maps.colours(root, entry, "panoptic")
    starts, lengths = maps.runs(colours)
    of_runs = colours.ravel()[starts].astype(np.int64)
    return colours, lengths, _places(of_runs, listed, entry.files["panoptic"].path)


def _places(colors: NDArray[np.int64], listed: Sequence[int], path: str) -> NDArray[np.int32]:
    """For each segment id its place in `listed`, from 1, or 0 for void. Raises BadSample."""
    known = np.array([0, *listed])
    places = np.searchsorted(known, colors).clip(max=len(listed)).astype(np.int32)
    if (wrong := known[places] != colors).any():
        strange = int(colors[wrong][0])
        raise BadSample("garbled annotation", f"segment {strange} of the PNG is not listed", path)
    absent = np.bincount(places, minlength=len(known))[1:] == 0
    if absent.any():
        ghost = listed[int(absent.argmax())]
        raise BadSample("garbled annotation", f"segment {ghost} is not in the PNG", path)
    return places
