"""Plain masks of many images at once: their classes and the records of entries, as Arrow arrays.

They say what plain.Masks.described says of one image, without an object a mask or a class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vbdata.core import row_texts
from vbdata.core.entry_columns import COLUMNS
from vbdata.core.row_texts import Choice, Each, Fixed, Number, Row, Span

from ...formats.byte_texts import together
from .plain import ENCODER, SMALLEST, Label, Masks, around, by_class

Ints = NDArray[np.int64]
Chosen = NDArray[np.bool_]
PART_SIZE = 100  # bytes of what a record says of a mask besides its class and its text
CROWD = (b',"crowd":false,"id":', b',"crowd":true,"id":')
CLASSES = COLUMNS.field("classes").type
CLASS = CLASSES.value_type
PART = CLASS.field("parts").type.value_type


class Masked(NamedTuple):
    """The masks of images that follow one another. bounds: where those of each begin, one more.

    kind: see Masks.labels; whole: whether the area is written without a point; start, end: where a
    mask stands in its file.
    """

    bounds: Ints
    kind: NDArray[Any]
    id: NDArray[Any]
    crowd: NDArray[Any]
    area: NDArray[Any]
    whole: NDArray[Any]
    start: NDArray[Any]
    end: NDArray[Any]

    @property
    def images(self) -> Ints:
        """The image of each mask, counted from 0."""
        return np.repeat(np.arange(len(self.bounds) - 1), np.diff(self.bounds))

    def of(self, chosen: Chosen) -> Masked:
        """Those of some of the images."""
        if chosen.all():
            return self
        rows = np.repeat(chosen, np.diff(self.bounds))
        bounds = np.cumsum([0, *np.diff(self.bounds)[chosen]])
        return Masked(bounds, *(column[rows] for column in self[1:]))


def masked(masks: Masks, first: int, count: int) -> Masked:
    """The plain masks of some images, from the number of a first one on."""
    bounds, rows = masks.rows.between(first, count)
    return Masked(bounds, *(rows[name] for name in Masked._fields[1:]))


def size(found: Masked, masks: Masks) -> int:
    """The bytes that records say of masks, or somewhat more."""
    named = np.array([len(label.name) if label else 0 for label in masks.labels], np.int64)
    return int((found.end - found.start + named[found.kind] + PART_SIZE).sum())


def unlike(found: Masked, masks: Masks) -> Chosen:
    """Images of which a mask is of a class that is not listed, or too small to be written alike."""
    listed = np.array([label is not None for label in masks.labels], np.bool_)
    odd: Chosen = np.zeros(len(found.bounds) - 1, np.bool_)
    odd[found.images[~listed[found.kind] | (found.area < SMALLEST)]] = True
    return odd


def classes(found: Masked, masks: Masks) -> pa.Array:
    """The facts of images by class, a list an image, with the type of COLUMNS. None is unlike."""
    order = np.array([label.order if label else -1 for label in masks.labels], np.int64)[found.kind]
    things = np.array([thing for _, thing in masks.classes], np.bool_)
    areas = np.where(things[order] & ~found.crowd, found.area.astype(np.int64), -1)
    of = by_class(found.images, order, areas, len(masks.classes))
    pairs = pa.StructArray.from_arrays([*map(pa.array, (of.places, of.areas))], fields=[*PART])
    parts = lists(CLASS.field("parts").type, of.bounds, pairs)
    names = pa.array([name for name, _ in masks.classes], pa.string()).take(pa.array(of.order))
    facts = [names, *map(pa.array, (things[of.order], of.instances, of.smallest)), parts]
    values = pa.StructArray.from_arrays(facts, fields=[*CLASS])
    bounds = np.searchsorted(of.image, np.arange(len(found.bounds)))
    return lists(CLASSES, bounds, values)


def described(
    found: Masked, masks: Masks, kind: str, said: Sequence[Mapping[str, Any]], which: Ints
) -> pa.Array:
    """The records of images. said: further keys of records; which: of these, of each image.

    None is unlike. Raises OSError.
    """
    heads = [around(kind, **more) for more in said]
    ends = [b',"name":%b,"thing":%b}' % _named(label) if label else b"" for label in masks.labels]
    part = Row(
        [
            Fixed(b'{"area":'),
            _areas(found),
            Choice(found.crowd, CROWD),
            Number(found.id),
            Choice(found.kind, ends),
        ]
    )
    text = Span(*together(masks.text, found.start, found.end))
    record = Row(
        [
            Choice(which, [before + b"[" for before, _ in heads]),
            Each(found.bounds, part),
            Choice(which, [b"]" + after + b"\n[" for _, after in heads]),
            Each(found.bounds, text),
            Fixed(b"]"),
        ]
    )
    data, bounds, _ = row_texts.texts(record, len(which))
    buffers = [None, pa.py_buffer(bounds.astype(np.int32)), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.binary(), len(which), buffers)


def lists(type_: pa.DataType, bounds: Ints, values: pa.Array) -> pa.Array:
    """Lists of a type. bounds: where the values of each begin, with one more."""
    return pa.ListArray.from_arrays(pa.array(bounds.astype(np.int32)), values, type=type_)


def _named(label: Label) -> tuple[bytes, bytes]:
    return bytes(label.name), b"true" if label.thing else b"false"


def _areas(found: Masked) -> Span:
    """The areas of masks as JSON has them, by one call of the encoder."""
    data = ENCODER.encode(found.area.tolist())
    commas = np.flatnonzero(np.frombuffer(data, np.uint8) == ord(","))
    starts, ends = np.append(0, commas) + 1, np.append(commas, len(data) - 1)
    count = len(found.area)
    return Span(data, starts[:count], ends[:count] - np.where(found.whole, len(".0"), 0))
