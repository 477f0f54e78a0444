"""Plain annotations of a piece that msgspec has decoded."""

from __future__ import annotations

import numpy as np
from msgspec import UNSET, UnsetType

from vbdata.core.images import MAX_PIXELS

from ...formats.json_cut import Piece
from . import scalars
from .form import are_short
from .noted import has_mask
from .rows import CaptionRows, MaskRows

MAX_ID = scalars.MAX_ID - 1


def masks(piece: Piece) -> MaskRows | None:
    """A piece in which all annotations look like masks of whole numbers; None for any other."""
    items = piece.items
    ids = [each.id for each in items]
    images = [each.image_id for each in items]
    kinds = [each.category_id for each in items]
    areas = [each.area for each in items]
    crowds = [each.iscrowd for each in items]
    told = {type(each.caption) for each in items} | {type(each.segments_info) for each in items}
    numbers = {*map(type, ids), *map(type, images), *map(type, kinds)}
    fits = numbers == {int} and {*map(type, areas)} <= {int, float} and told == {UnsetType}
    if not fits or not {*map(type, crowds)} <= {int, UnsetType}:
        return None
    try:
        id_, image, kind = (np.array(each, np.int64) for each in (ids, images, kinds))
        area = np.array(areas, np.float64)
    except OverflowError:
        return None
    if min(column.min() for column in (id_, image, kind)) < 0:
        return None
    if not (area.min() > 0 and area.max() <= MAX_PIXELS) or {*crowds} - {0, 1, UNSET}:
        return None
    short = are_short(piece.text)
    if not all(has_mask(each.segmentation, short) for each in items):
        return None
    return MaskRows(
        *(id_, image, kind, area),
        crowd=np.array([crowd == 1 for crowd in crowds]),
        whole=np.array([type(area) is int for area in areas]),
        start=np.array(piece.starts),
        end=np.array(piece.ends),
    )


def captions(piece: Piece) -> CaptionRows | None:
    """A piece in which all annotations are captions of whole numbers; None for any other."""
    items = piece.items
    images, texts = [each.image_id for each in items], [each.caption for each in items]
    others = {type(each.category_id) for each in items} | {
        type(each.segments_info) for each in items
    }
    types = ({*map(type, images)}, {*map(type, texts)}, others)
    if types != ({int}, {str}, {UnsetType}) or min(images) < 0 or max(images) > MAX_ID:
        return None
    parts = [text.encode() for text in texts]
    bounds = np.cumsum([0, *map(len, parts)])
    return CaptionRows(np.array(images), np.array(piece.starts), bounds, b"".join(parts))
