"""The annotations of one COCO-format file, most of them as columns of numbers.

Nearly every annotation is plain: ids, an area above 0, polygons or run lengths as its mask; or a
text as its caption. Of a plain mask a few numbers are kept, and where it stands in the file: some
40 bytes. All others, the odd ones, are kept as objects, for the reader to judge.

There are three ways to read them, each for what the one before leaves: scanned.py, by compiled
loops, runs of the plainest; decoded.py, by msgspec, pieces in which all are plain; and one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vbdata.core import compiled
from vbdata.core.images import MAX_PIXELS

from ...formats import json_text
from ...formats.json_cut import Piece
from .. import records
from . import decoded, scalars
from .codes import Codes
from .columns import Columns, Sorted, Texts
from .noted import Odd, cut, is_region, why_wrong
from .rows import CaptionRows, MaskRows
from .scanned import Scanner

MASKS = {  # columns of plain masks: image and kind by their numbers, the place in bytes
    **{"image": np.int32, "id": np.int64, "kind": np.int32, "crowd": np.bool_},
    **{"area": np.float64, "whole": np.bool_, "start": np.int64, "end": np.int64},
}
TOLD = {"image": np.int32, "start": np.int64, "text": np.int64}  # of plain captions


@dataclass(slots=True, kw_only=True)
class Annotations:
    """All annotations of a file; `take` and `keep` add to them, then `settle`.

    images: the numbers of images here, by their ids (scalars.identity); kinds: those of classes, by
    their ids as they stand, with the type of one that is no integer; strays: what names no image,
    in words; odd: those that are not plain, by image; told: whether all have
    a caption; panoptic: whether the first object has segments_info, None without any object.
    """

    images: Codes = field(default_factory=Codes)
    kinds: Codes = field(default_factory=Codes)
    strays: list[str] = field(default_factory=list)
    odd: dict[int, list[Odd]] = field(default_factory=dict)
    told: bool = True
    panoptic: bool | None = None
    count: int = 0
    texts: pa.LargeStringArray = field(default_factory=lambda: pa.nulls(0, pa.large_string()))
    _masks: Columns = field(default_factory=lambda: Columns(MASKS))
    _captions: Columns = field(default_factory=lambda: Columns(TOLD))
    _texts: Texts = field(default_factory=Texts)
    _expected: int = 0
    _scanner: Scanner | None = None
    _masked: Sorted | None = None
    _told: Sorted | None = None

    def expect(self, images: Sequence[Any]) -> None:
        """Number images by their records in the order of their entries, if none is numbered yet.

        So what belongs together later, and is sorted by these numbers, lies together.
        """
        ids = _ids(images)
        self.images.expect(ids)
        self._expected = len(ids)

    def scan(self, text: bytes, begin: int, position: int) -> tuple[int, bool]:
        """Add plain annotations from a position on, as far as the compiled loops take them.

        text: a part of the file's, from `begin` on. Returns the position of the next one, or of
        what is after the list's end, and whether that is so. What was not taken is for `take`,
        which knows more of JSON.
        """
        library = compiled.library()
        if library and self._scanner is None:
            self._scanner = Scanner(library)
        place, before, ended = position - begin, -1, False
        while self._scanner and place > before and not ended:
            before = place
            masks, place, ended = self._scanner.masks(text, place)
            if len(masks.id):
                self._add_masks(masks, begin)
            if not ended:
                captions, place, ended = self._scanner.captions(text, place)
                if len(captions.image):
                    self._add_captions(captions, begin)
        return begin + place, ended

    def take(self, piece: Piece) -> None:
        """Add annotations in the order of the file, the plain ones as columns."""
        if piece.plain and (masks := decoded.masks(piece)):
            self._add_masks(masks)
        elif piece.plain and (captions := decoded.captions(piece)):
            self._add_captions(captions)
        else:
            self._take_each(piece)

    def _take_each(self, piece: Piece) -> None:
        """Add a piece of which some annotations are odd, perhaps."""
        masks: list[tuple[Any, ...]] = []
        captions: list[tuple[Any, ...]] = []
        for given, start, end in zip(piece.items, piece.starts, piece.ends, strict=True):
            note = given.object() if piece.plain else given
            image = self._image(note)
            if image is None or self._is_caption(note, image, start, captions):
                continue
            odd = cut(note, start, end, why_wrong(given, note))
            if row := self._plain(odd, image):
                masks.append((*row, start, end))
            else:
                self.odd.setdefault(image, []).append(odd)
        self._masks.add(*zip(*masks, strict=True))
        self._captions.add(*zip(*captions, strict=True))

    def keep(self, given: Any) -> None:
        """Add an annotation as it is: a value of JSON, cut down if it is an object."""
        image = self._image(given)
        if image is not None:
            self.odd.setdefault(image, []).append(given)

    def _image(self, note: Any) -> int | None:
        """The number of an annotation's image; None if it names none: it becomes a stray."""
        is_object = isinstance(note, dict)
        if is_object and self.panoptic is None:
            self.panoptic = "segments_info" in note
        self.told &= is_object and "caption" in note
        given = note.get("image_id") if is_object else None
        id_ = scalars.identity(given)
        if id_ is None:
            self.strays.append(f"annotation {self.count} has image_id {repr(given)[:40]}")
        self.count += 1
        return None if id_ is None else self.images[id_]

    def _is_caption(self, note: Odd, image: int, start: int, found: list[tuple[Any, ...]]) -> bool:
        """Add a plain caption to those that were found; whether it is one."""
        text = note.get("caption")
        if is_region(note) or not records.text(text):
            return False
        found.append((image, start, *self._texts.add(text)))
        return True

    def _plain(self, note: Odd, image: int) -> tuple[Any, ...] | None:
        """The row of a plain mask but for its place, None for any other annotation."""
        number, kind = scalars.whole(note.get("id")), note.get("category_id")
        area, crowd = note.get("area"), note.get("iscrowd")
        crowd = 0 if crowd is None else scalars.whole(crowd)
        wrong = json_text.NOTE in note or "caption" in note or "segments_info" in note
        if wrong or number is None or scalars.identity(kind) is None or crowd not in (0, 1):
            return None
        if not isinstance(area, int | float) or isinstance(area, bool):
            return None
        if not 0 < area <= MAX_PIXELS:
            return None
        code = self.kinds[kind if type(kind) is int else (type(kind), kind)]
        return image, number, code, bool(crowd), area, type(area) is int

    def _add_masks(self, rows: MaskRows, begin: int = 0) -> None:
        """Add plain masks, one or more. begin: from where on in the file their places count."""
        self.told, self.count = False, self.count + len(rows.id)
        self.panoptic = bool(self.panoptic)
        self._masks.add(
            *(self.images.of(rows.image), rows.id, self.kinds.of(rows.kind)),
            *(rows.crowd, rows.area, rows.whole, rows.start + begin, rows.end + begin),
        )

    def _add_captions(self, rows: CaptionRows, begin: int = 0) -> None:
        """Add plain captions, one or more. begin: see _add_masks."""
        self.panoptic = bool(self.panoptic)
        self.count += len(rows.image)
        texts = self._texts.add_all(rows.texts, rows.bounds)
        self._captions.add(self.images.of(rows.image), rows.start + begin, texts)

    def settle(self) -> None:
        """Sort what was added by image. Nothing can be added any more."""
        self._scanner = None
        self._masked = self._masks.by("image", "id")
        self._told = self._captions.by("image", "start")
        order = self._told.rows["text"]
        self.texts, self._texts = self._texts.at(order), Texts()
        self._told.rows["text"] = np.arange(len(order))

    def noted(self, *, captions: bool) -> tuple[list[bool], list[bool]]:
        """For each image, by number, whether it has masks here, and whether it has captions.

        captions: whether all annotations are captions, as in a file without classes.
        """
        assert self._masked
        assert self._told
        masked, told = (each.there(len(self.images)) for each in (self._masked, self._told))
        for image, odd in self.odd.items():
            masked[image] |= any(map(is_region, odd))
            told[image] |= not all(map(is_region, odd))
        if captions:
            masked, told = np.zeros_like(masked), masked | told
        return masked.tolist(), told.tolist()

    def classes(self) -> list[Any]:
        """What plain masks have as their class, by its number."""
        return [kind[1] if isinstance(kind, tuple) else kind for kind in self.kinds]

    @property
    def in_order(self) -> bool:
        """Whether images are numbered in the order of their entries."""
        return len(self.images) == self._expected

    def are_plain(self, image: int) -> bool:
        """Whether an image's masks are all plain and have ids of their own."""
        assert self._masked
        return image not in self.odd and image not in self._masked.twice

    def judged(self) -> NDArray[np.bool_]:
        """For each image, by number, whether anything of it is to be looked at as an object."""
        assert self._masked
        found = np.zeros(len(self.images), np.bool_)
        found[[*self.odd, *self._masked.twice]] = True
        return found

    def told_between(self, first: int, count: int) -> tuple[NDArray[np.int64], pa.LargeStringArray]:
        """The plain captions of some images from a first one on, and where those of each begin."""
        assert self._told
        bounds, _ = self._told.between(first, count)
        start = self._told.bounds[min(first, self._told.owners)]
        return bounds, self.texts[start : start + int(bounds[-1])]

    def plain(self) -> Sorted:
        """The plain masks, by image."""
        assert self._masked
        return self._masked

    def masks(self, image: int) -> list[Odd]:
        """An image's masks as objects, with the keys of KEPT only, in the order of the file."""
        assert self._masked
        known = self.classes()
        plain = [
            {"id": id_, "category_id": known[kind], "iscrowd": int(crowd)}
            | {"area": int(area) if whole else area, json_text.PLACE: (start, end)}
            for id_, kind, crowd, area, whole, start, end in self._masked.of(image)
        ]
        every = [*plain, *filter(is_region, self.odd.get(image, ()))]
        return sorted(every, key=lambda each: each[json_text.PLACE])

    def captions(self, image: int, *, every: bool) -> list[Any]:
        """What is given as an image's captions, in the order of the file.

        every: whether annotations with a class, or without a caption, count as captions, too.
        """
        assert self._told
        every = every and not self.told
        if not every and image not in self.odd:
            return self._told_of(image)
        starts = [start for start, _ in self._told.of(image)]
        told: list[tuple[int, Any]] = [*zip(starts, self._told_of(image), strict=True)]
        odd = [each for each in self.odd.get(image, ()) if not is_region(each)]
        if every:
            odd += self.masks(image)
        if odd:
            told += [(each[json_text.PLACE][0], each.get("caption")) for each in odd]
            told.sort(key=lambda pair: pair[0])
        return [text for _, text in told]

    def _told_of(self, image: int) -> list[str]:
        """The plain captions of an image."""
        assert self._told
        found: list[str] = self.texts[self._told.slice_of(image)].to_pylist()
        return found


def _ids(images: Sequence[Any]) -> list[Any]:
    """The ids of image records (scalars.identity), each once, in the order of their entries."""
    given: list[Any] = [each.get("id") for each in images if isinstance(each, dict)]
    if {*map(type, given)} == {int} and min(given) >= 0 and max(given) < scalars.PADDED:
        ordered = np.sort(np.array(given))  # numbers of 12 digits are in the order of their names
        ids: list[int] = ordered[np.append(True, np.diff(ordered) > 0)].tolist()
        return ids
    found = {id_ for id_ in map(scalars.identity, given) if id_ is not None}
    return sorted(found, key=scalars.name_of)
