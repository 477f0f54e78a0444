"""An entry's masks as a label, painted as docs of `coco` say: small ones over large ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Segments
from vbdata.errors import BadSample

from ...formats import rle
from .. import records
from . import png
from .extents import extents
from .witness import contradiction

if TYPE_CHECKING:
    from vbdata.core.types import Entry
    from vbdata.storage.folder import Root

Ids = NDArray[np.int32]
Part = dict[str, Any]
Covered = tuple[Ids, tuple[tuple[int, ...], ...]]


def partition(root: Root, entry: Entry, on_top: Collection[int] = ()) -> Segments:
    """An entry's masks as a label.

    on_top: numbers, counted from 0, of the masks that are painted over all others. Raises
    BadSample.
    """
    head, _, texts = entry.record.partition(b"\n")
    record = records.unpack(head)
    parts = record["parts"]
    overlaps: Covered | None = None
    if record["segments"] == "panoptic":
        ids = png.numbers(root, entry, parts, record.get("unnamed", ()))
        valid = ids > 0
    else:
        ids, valid, overlaps = _painted(entry, record, records.unpack(texts), on_top)
    whole = not record.get("unnamed") and not record.get("boxes")
    return Segments(
        ids=ids,
        classes=tuple(part["name"] for part in parts),
        things=tuple(part["thing"] for part in parts),
        crowds=tuple(part["crowd"] for part in parts),
        valid=valid,
        known=tuple(record.get("known", ())) if whole else (),
        under=overlaps[0] if overlaps else None,
        covered=overlaps[1] if overlaps else (),
    )


def _painted(
    entry: Entry, record: dict[str, Any], annotations: list[Part], on_top: Collection[int]
) -> tuple[Ids, NDArray[np.bool_], Covered | None]:
    """The segments' numbers from 1, 0 where there is none; which pixels are known; of federated
    labels, what lies under other segments.
    """
    parts, other = record["parts"], record["other"]
    named, rest = annotations[: len(parts)], annotations[len(parts) :]
    masks = _masks(entry, parts, named)
    boxes, areas = extents(masks, entry.height)
    if wrong := contradiction(named, boxes, areas):
        detail = f"annotation {parts[wrong[0]]['id']}: {wrong[1]}"
        raise BadSample("garbled annotation", detail, entry.files["image"].path)
    unnamed = rest[len(other) :]
    kinds = [*parts, *({"crowd": False, "id": 0} for _ in unnamed)]
    if unnamed:
        masks += _masks(entry, kinds[len(parts) :], unnamed)
        areas = [rle.area(mask) for mask in masks]
    ids = _on_top_of_another(entry, kinds, masks, areas, on_top)
    valid = np.ones(ids.shape, np.bool_)
    if unnamed:
        valid[ids > len(parts)] = False
        ids[ids > len(parts)] = 0
    for x, y, width, height in record.get("boxes", ()):
        rows = slice(max(int(y), 0), max(int(np.ceil(y + height)), 0))
        columns = slice(max(int(x), 0), max(int(np.ceil(x + width)), 0))
        valid[rows, columns] &= ids[rows, columns] > 0
    if record["segments"] == "stuff":
        others = _masks(entry, other, rest[: len(other)])
        sizes = [rle.area(mask) for mask in others]
        valid &= (ids > 0) | (_on_top_of_another(entry, other, others, sizes) > 0)
    if "known" not in record:
        return ids, valid, None
    valid &= ids > 0  # of federated labels: others may be anywhere
    return ids, valid, _covered(ids, [part["name"] for part in parts], masks[: len(parts)])


def _covered(ids: Ids, names: Sequence[str], masks: Sequence[rle.Runs]) -> Covered:
    """Which segments of other classes lie under the topmost ones: Segments.under and .covered.

    names, masks: of each segment.
    """
    height, width = ids.shape
    bounds = [mask.cumsum() for mask in masks]  # down the columns: of zeros, of ones, of zeros, ...
    depth = np.zeros(ids.size + 1, np.int64)
    for each in bounds:
        np.add.at(depth, each[0::2], 1)
        np.add.at(depth, each[1::2], -1)
    several = np.flatnonzero(depth[:-1].cumsum() > 1)
    under = np.zeros((width, height), np.int32)
    if not len(several):
        return under.T, ()
    kinds = {name: number for number, name in enumerate(dict.fromkeys(names), 1)}
    kind = np.array([kinds[name] for name in names])
    there = np.stack([np.searchsorted(each, several, "right") % 2 == 1 for each in bounds])
    there &= kind[:, None] != kind[ids.T.reshape(-1)[several] - 1]
    starts = np.flatnonzero(np.append(True, (there[:, 1:] != there[:, :-1]).any(0)))
    sets, which = np.unique(there[:, starts], axis=1, return_inverse=True)
    none = int(not sets[:, 0].any())  # of the same class alone: sorted, it comes first
    lengths = np.diff(starts, append=len(several))
    under.reshape(-1)[several] = np.repeat(which.ravel() + 1 - none, lengths)
    listed = tuple(tuple(np.flatnonzero(one).tolist()) for one in sets.T[none:])
    return np.ascontiguousarray(under.T), listed


def _masks(entry: Entry, parts: Sequence[Part], annotations: Sequence[Part]) -> list[rle.Runs]:
    """The masks of annotations. Raises BadSample that names the annotation."""
    shapes = [annotation.get("segmentation") for annotation in annotations]
    drawn = rle.many_runs(shapes, entry.height, entry.width)
    return [
        _runs(entry, part, shape) if mask is None else mask
        for part, shape, mask in zip(parts, shapes, drawn, strict=True)
    ]


def _runs(entry: Entry, part: Part, shape: Any) -> rle.Runs:
    try:
        return rle.runs(shape, entry.height, entry.width)
    except BadSample as bad:
        detail = f"annotation {part['id']}: {bad.detail}"
        raise BadSample(bad.reason, detail, entry.files["image"].path) from bad


def _on_top_of_another(
    entry: Entry,
    parts: Sequence[Part],
    masks: Sequence[rle.Runs],
    areas: Sequence[int],
    on_top: Collection[int] = (),
) -> Ids:
    """int32[H, W]: the number of the topmost mask at each pixel, from 1; 0 where there is none.

    areas: pixels of the masks.
    """
    order = sorted(
        range(len(parts)),
        key=lambda k: (k in on_top, not parts[k]["crowd"], -areas[k], parts[k]["id"]),
    )
    return rle.paint(((k + 1, masks[k]) for k in order), entry.height, entry.width)
