"""Annotation files of one set of images, of which nothing but numbers tell what is whose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from . import scalars
from .pictures import Gathered, Picture
from .tables import Table

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aligned:
    """Files that say something of the same images, which stand in all of them in one order.

    files: the first has all images, and masks, if any has, and one has plain captions at most;
    names: of the entries, in order; images: their records, in the first file; before: of each file,
    how many of its images come before each image, with one more; noted: of each file and each of
    its own images whether it has masks and captions of it; judged: of each image whether any of its
    annotations is to be looked at as an object.
    """

    files: Sequence[Table]
    names: list[str]
    images: list[dict[str, Any]]
    before: Sequence[Ints]
    noted: Sequence[tuple[list[bool], list[bool]]]
    judged: NDArray[np.bool_]

    @property
    def drawn(self) -> Table | None:
        """The file of masks. The numbers of its images are their places here."""
        return self.files[0] if self.files[0].categories is not None else None

    @property
    def strays(self) -> list[str]:
        """What names no image, in words."""
        return [*chain.from_iterable(file.annotations.strays for file in self.files)]

    def captions(self, first: int, count: int) -> tuple[Ints, pa.LargeStringArray]:
        """The plain captions of some images from a first one on, and where those of each begin."""
        for file, before in zip(self.files, self.before, strict=True):
            if len(file.annotations.texts):
                own = before[first : first + count + 1]
                start = int(own[0])
                bounds, texts = file.annotations.told_between(start, int(own[-1]) - start)
                return bounds[own - start], texts
        return np.zeros(count + 1, np.int64), pa.array([], pa.large_string())

    def picture(self, place: int) -> Picture:
        """What the files say of an image."""
        gathered = Gathered(one_set=True)
        name, image = self.names[place], self.images[place]
        for file, before, noted in zip(self.files, self.before, self.noted, strict=True):
            number = int(before[place])
            if before[place + 1] > number:
                masks, captions = (each[number] for each in noted)
                picture = gathered.with_image(name, image, file)
                picture.note(file, number, masks=masks, captions=captions)
        return gathered.by_name[name]


def aligned(files: Sequence[Table]) -> Aligned | None:
    """Files as one set of images, None if they are not so plain; their lists of images are emptied.

    The ids of the image records have to be whole numbers, each once, every annotation has to name
    one of its file's, and the files have to be as `Aligned` says.
    """
    numbers: list[Ints] = []  # of the images of each file, by the first
    for file in files:
        known = files[0].annotations.images
        of_file = [*map(known.get, _ids(file))]
        if not of_file or None in of_file or (numbers and file.categories is not None):
            return None
        numbers.append(np.array(of_file, np.int64))
    noted = [file.annotations for file in files]
    if not noted or sum(len(each.texts) > 0 for each in noted) > 1:
        return None
    count = len(noted[0].images)
    before = [np.searchsorted(np.sort(each), np.arange(count + 1)) for each in numbers]
    judged = np.zeros(count, np.bool_)
    for each, own in zip(noted, before, strict=True):
        judged[np.diff(own) > 0] |= each.judged()
    images = [files[0].images[place] for place in np.argsort(numbers[0]).tolist()]
    for file in files:
        file.images.clear()  # else those of the other files would stay in memory
    return Aligned(
        files=files,
        names=[*map(scalars.name_of, noted[0].images)],
        images=images,
        before=before,
        noted=[file.annotations.noted(captions=file.categories is None) for file in files],
        judged=judged,
    )


def _ids(file: Table) -> list[int]:
    """The ids of a file's image records, none if they are not plain."""
    noted, images = file.annotations, file.images
    if not noted.in_order or (file.categories is None and not noted.told):
        return []
    ids: list[Any] = [image.get("id") if type(image) is dict else None for image in images]
    if {*map(type, ids)} != {int} or min(ids) < 0 or max(ids) >= scalars.MAX_ID:
        return []
    return ids if len(ids) == len(noted.images) else []
