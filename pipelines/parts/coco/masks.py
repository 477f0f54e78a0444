"""An entry's masks as a label, painted as docs of `coco` say: small ones over large ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.types import Segments
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


def partition(root: Root, entry: Entry, on_top: Collection[int] = ()) -> Segments:
    """An entry's masks as a label.

    on_top: numbers, counted from 0, of the masks that are painted over all others. Raises
    BadSample.
    """
    head, _, texts = entry.record.partition(b"\n")
    record = records.unpack(head)
    parts = record["parts"]
    if record["segments"] == "panoptic":
        ids = png.numbers(root, entry, parts, record.get("unnamed", ()))
        valid = ids > 0
    else:
        ids, valid = _painted(entry, record, records.unpack(texts), on_top)
    whole = not record.get("unnamed") and not record.get("boxes")
    return Segments(
        ids=ids,
        classes=tuple(part["name"] for part in parts),
        things=tuple(part["thing"] for part in parts),
        crowds=tuple(part["crowd"] for part in parts),
        valid=valid,
        known=tuple(record.get("known", ())) if whole else (),
    )


def _painted(
    entry: Entry, record: dict[str, Any], annotations: list[Part], on_top: Collection[int]
) -> tuple[Ids, NDArray[np.bool_]]:
    """The segments' numbers from 1, 0 where there is none, and which pixels are known."""
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
    if "known" in record:  # of federated labels: others may be anywhere
        valid &= ids > 0
    return ids, valid


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
