"""Entries of COCO-format images as Arrow record batches, a block of images at once.

An image is plain if nothing about it is to be judged: its record states a size and names a picture
that is there by that name, all of its masks are plain ones of listed classes, its captions are
texts. What is said of such is columns. Others are entries, made by entries.entry_of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vbdata.core.entry_columns import COLUMNS, MOST_ROWS
from vbdata.core.types import Entry

from .. import records
from . import mask_columns
from .aligned import Aligned
from .entries import Context, entry_of, frame_of, said_of
from .mask_columns import CLASSES, Masked, lists
from .stated import Stated, stated
from .tables import Table

KINDS = ("instances", "person_keypoints")  # of masks, each an annotation of its own
SHORT = 32  # images between two that are not plain, of which fewer are sooner stored as entries
SMALL = 512  # images of a block that is not made smaller for its bytes
LARGE = 1 << 26  # bytes of records and captions, for which a block is made smaller
MOST = 1 << 28  # of which there is no batch, as it would be too much for Arrow's texts
FILE = COLUMNS.field("files").type.value_type


def able(files: Sequence[Table], context: Context) -> bool:
    """Whether entries of the images of these files can be columns at all."""
    drawn = any(file.categories is not None for file in files)
    marked = context.segments in KINDS and not context.joints and context.kept is None
    return marked or not drawn


def entries(
    images: Aligned,
    context: Context,
    *,
    block: int = MOST_ROWS,
    short: int = SHORT,
    most: int = MOST,
) -> Iterator[Entry | pa.RecordBatch]:
    """The images in order: batches of entry_columns.COLUMNS, and entries between them.

    block: images that are looked at at once, at most; short, most: see SHORT and MOST.
    """
    first = 0
    while first < len(images.names):
        count = min(block, len(images.names) - first)
        while count > SMALL and _size(images, first, count) > LARGE:
            count = max(count // 2, SMALL)
        yield from _described(images, context, first, count, short, most)
        first += count


def _size(images: Aligned, first: int, count: int) -> int:
    """The bytes of records and captions of some images, or somewhat more."""
    _, captions = images.captions(first, count)
    if images.drawn is None:
        return int(captions.nbytes)
    masks = images.drawn.masks
    masked = mask_columns.masked(masks, first, count)
    return int(captions.nbytes) + mask_columns.size(masked, masks)


def _described(
    images: Aligned, context: Context, first: int, count: int, short: int, most: int
) -> Iterator[Entry | pa.RecordBatch]:
    """Some images, from a first one on. short, most: see SHORT and MOST."""
    rows = slice(first, first + count)
    said = stated(images.names[rows], images.images[rows], images.files[0], context)
    plain = said.plain & ~images.judged[rows]
    masked = None
    if images.drawn:
        masked = mask_columns.masked(images.drawn.masks, first, count)
        plain &= ~mask_columns.unlike(masked, images.drawn.masks)
    if _size(images, first, count) + sum(map(len, said.licences)) > most:
        plain[:] = False
    runs = _runs(plain, min(short, count))
    chosen = np.zeros(count, np.bool_)
    for start, end in runs:
        chosen[start:end] = True
    batch = _Block(images, context, first, said, masked, chosen).batch() if runs else None
    done = row = 0
    for start, end in [*runs, (count, count)]:
        for place in range(done, start):
            yield entry_of(images.picture(first + place), context)
        if batch is not None and end > start:
            yield batch.slice(row, end - start)
            row += end - start
        done = end


def _runs(plain: NDArray[np.bool_], least: int) -> list[tuple[int, int]]:
    """Where images that are plain begin and end, at least so many one after the other."""
    edges = np.flatnonzero(np.diff(plain, prepend=False, append=False)).tolist()
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(start, end) for start, end in pairs if end - start >= least]


@dataclass(frozen=True, slots=True)
class _Block:
    """Images that follow one another. first: the place of the first; chosen: which are rows."""

    images: Aligned
    context: Context
    first: int
    said: Stated
    masked: Masked | None
    chosen: NDArray[np.bool_]

    def batch(self) -> pa.RecordBatch:
        """A row for each that is chosen, all of which are plain."""
        names = self.images.names[self.first : self.first + len(self.chosen)]
        captions = self._captions()
        classes, described = self._marks()
        columns = [
            pa.array(self._kept(names)),
            pa.array(self._kept(self.said.groups)),
            pa.array(self.said.widths[self.chosen]),
            pa.array(self.said.heights[self.chosen]),
            pa.array(self._kept(self.said.licences)),
            self._labels(captions),
            self._files(),
            classes,
            captions,
            described,
        ]
        return pa.RecordBatch.from_arrays(columns, schema=COLUMNS)

    def _kept(self, values: Iterable[Any]) -> list[Any]:
        return [*compress(values, self.chosen.tolist())]

    def _files(self) -> pa.Array:
        paths = self._kept(self.said.paths)
        sizes = [*map(self.context.images.sizes.get, paths)]
        count = len(paths)
        columns = [
            pa.repeat("image", count),
            pa.array(paths, pa.string()),
            pa.array(sizes, pa.int64()),
            pa.repeat("", count),
        ]
        files = pa.StructArray.from_arrays(columns, fields=[*FILE])
        return lists(COLUMNS.field("files").type, np.arange(count + 1), files)

    def _captions(self) -> pa.Array:
        """The captions as pictures.captions says them."""
        bounds, texts = self.images.captions(self.first, len(self.chosen))
        counts = np.diff(bounds)
        if not self.chosen.all():
            texts = texts.filter(pa.array(np.repeat(self.chosen, counts)))
        bounds = np.cumsum([0, *counts[self.chosen]])
        if (tidy := _tidy(texts)) is None:
            stripped = [*map(str.strip, texts.to_pylist())]
            bounds = np.append(0, np.cumsum([*map(bool, stripped)]))[bounds]
            tidy = pa.array([*filter(None, stripped)], pa.string())
        return lists(COLUMNS.field("captions").type, bounds, tidy)

    def _labels(self, captions: pa.Array) -> pa.Array:
        told = np.diff(captions.offsets) > 0
        offered = np.stack([np.full(len(told), self.masked is not None), told], 1)
        bounds = np.append(0, np.cumsum(offered.sum(1)))
        kinds = pa.array(["segments", "captions"]).take(pa.array(np.nonzero(offered)[1]))
        return lists(COLUMNS.field("labels").type, bounds, kinds)

    def _marks(self) -> tuple[pa.Array, pa.Array]:
        """Classes and records."""
        said = [said_of(frame_of(self.context, known=known)) for known in (False, True)]
        which = np.array(self.said.known, np.int64)[self.chosen]
        if self.masked is None or self.images.drawn is None:
            texts = [records.pack(more) if more else b"" for more in said]
            nothing = lists(
                CLASSES, np.zeros(len(which) + 1, np.int64), pa.array([], CLASSES.value_type)
            )
            return nothing, pa.array(texts, pa.binary()).take(pa.array(which))
        masked, masks = self.masked.of(self.chosen), self.images.drawn.masks
        described = mask_columns.described(masked, masks, self.context.segments, said, which)
        return mask_columns.classes(masked, masks), described


def _tidy(texts: pa.LargeStringArray) -> pa.StringArray | None:
    """Texts as they stand if surely none is blank or has white space around it, else None."""
    if not len(texts):
        return pa.array([], pa.string())
    _, places, data = texts.buffers()
    ends = np.frombuffer(places, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    if not np.diff(ends).all():
        return None
    near, ends = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]], ends - ends[0]
    outer = near[np.concatenate([ends[:-1], ends[1:] - 1])]
    if outer.min() <= ord(" ") or outer.max() > ord("~"):
        return None
    bounds = pa.py_buffer(ends.astype(np.int32))
    return pa.StringArray.from_buffers(len(texts), bounds, pa.py_buffer(near))
