"""What annotation files say, gathered by image in one pass.

A malformed record stays with its image, for the reader to judge; one that names no image becomes a
stray, an entry of its own that is a fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vbdata.core.images import MAX_PIXELS
from vbdata.core.types import ClassFact
from vbdata.errors import BadSample

from .. import records
from . import scalars
from .annotations import Annotations
from .tables import Table, no_collections

UNKNOWN = "unknown"  # licence


@dataclass(slots=True)
class Picture:
    """What the annotation files say of one image.

    name: of its entry; image: its record, {} if there is none; license: short name; table: the file
    of its record, or of its annotations if it has none; drawn: the file of masks that has its
    record; twice: whether a file has two records of it; fault: why its annotations cannot be used;
    masked: its numbers among the annotations of `drawn`; told: the files that may have captions of
    it, with its number there.
    """

    name: str
    table: Table
    image: dict[str, Any] = field(default_factory=dict)
    license: str = UNKNOWN
    drawn: Table | None = None
    twice: bool = False
    fault: str = ""
    masked: tuple[int, ...] = ()
    told: tuple[tuple[Table, int], ...] = ()

    @property
    def masks(self) -> list[dict[str, Any]]:
        """Its annotations with masks, with the keys of noted.KEPT only."""
        return [each for image in self.masked for each in self._noted.masks(image)]

    def described(
        self, kind: str, more: Mapping[str, Any]
    ) -> tuple[tuple[ClassFact, ...], bytes] | None:
        """Its masks as plain.Masks describes them, None if they are to be looked at with care."""
        assert self.drawn is not None
        if len(self.masked) > 1 or not all(map(self._noted.are_plain, self.masked)):
            return None
        return self.drawn.masks.described(next(iter(self.masked), None), kind, more)

    def note(self, file: Table, number: int, *, masks: bool, captions: bool) -> None:
        """Add a file in which it has a number, and whether that has masks and captions of it."""
        if captions:
            self.told += ((file, number),)
        if not masks:
            return
        if self.drawn is None:
            self.drawn = file
        if self.drawn is file:
            self.masked += (number,)
        else:
            self.fault = f"both {self.drawn.path} and {file.path} have masks of it"

    @property
    def _noted(self) -> Annotations:
        assert self.drawn is not None
        return self.drawn.annotations

    @property
    def captions(self) -> list[Any]:
        """What is given as its captions, in the order of the files."""
        found: list[Any] = []
        for file, image in self.told:
            found += file.annotations.captions(image, every=file.categories is None)
        return found


def pictures(
    files: Sequence[Table], *, one_set: bool = True
) -> tuple[dict[str, Picture], list[str]]:
    """What annotation files say, by the name of the entry, and strays: records of no image.

    A file with classes is one of masks, but for annotations with a caption and no class; any other
    is one of captions. Lists of image records are emptied. one_set: whether an id means the same
    image in all files; if it does not, a file's path stands before its ids, and an image that
    several files have is known by its file_name.
    """
    gathered = Gathered(one_set=one_set)
    with no_collections():
        for file in files:
            gathered.add(file)
            file.images.clear()  # else the memory of an image would not be free before the last
    return gathered.by_name, gathered.strays


@dataclass(slots=True, kw_only=True)
class Gathered:
    """What was gathered so far, by name.

    one_set: see `pictures`; by_file_name: the first image of a file_name, if not one_set.
    """

    one_set: bool
    by_name: dict[str, Picture] = field(default_factory=dict)
    by_file_name: dict[str, Picture] = field(default_factory=dict)
    strays: list[str] = field(default_factory=list)

    def add(self, file: Table) -> None:
        """Add the records of a file."""
        prefix = "" if self.one_set else f"{file.path.removesuffix('.json')}/"
        of_file: dict[int | str, Picture] = {}
        for place, image in enumerate(file.images):
            id_ = scalars.identity(image.get("id")) if isinstance(image, dict) else None
            if id_ is None:
                self.strays.append(f"image record {place} has id {_id_of(image, 'id')}")
                continue
            if id_ in of_file:
                of_file[id_].twice = True
            of_file[id_] = self.with_image(prefix + scalars.name_of(id_), image, file)
        noted = file.annotations
        self.strays.extend(noted.strays)
        masked, told = noted.noted(captions=file.categories is None)
        for (id_, number), has_masks, has_captions in zip(
            noted.images.items(), masked, told, strict=True
        ):
            picture = of_file.get(id_)
            if picture is None:
                picture = self._named(prefix + scalars.name_of(id_), file)
            picture.note(file, number, masks=has_masks, captions=has_captions)

    def _named(self, name: str, file: Table) -> Picture:
        if (picture := self.by_name.get(name)) is None:
            picture = self.by_name[name] = Picture(name, file)
        return picture

    def with_image(self, name: str, image: dict[str, Any], file: Table) -> Picture:
        """The picture of an image record, which it gets if it has none yet."""
        known = image.get("file_name")
        if self.one_set or not isinstance(known, str):
            picture = self._named(name, file)
        else:
            picture = self.by_file_name.get(known) or self._named(name, file)
            self.by_file_name[known] = picture
        if file.categories is not None and picture.drawn is None:
            picture.drawn = file
        if not picture.image:
            picture.image, picture.table = image, file
            picture.license = licence(image, file)
        return picture


def licence(image: dict[str, Any], file: Table) -> str:
    """The short name of the licence that an image record states, by its file."""
    id_ = scalars.identity(image.get("license"))
    return UNKNOWN if id_ is None else file.licenses.get(id_, UNKNOWN)


def _id_of(record: Any, key: str) -> str:
    return repr(record.get(key) if isinstance(record, dict) else None)[:40]


def stated_size(picture: Picture) -> tuple[int, int] | None:
    """(width, height) of an image by its record, None if that has neither.

    Raises BadSample("garbled annotation").
    """
    if not picture.image or picture.twice or picture.fault:
        twice = "its id has two image records" if picture.twice else ""
        raise garbled(twice or picture.fault or "it has no image record")
    given = [picture.image.get(side) for side in ("width", "height")]
    if given == [None, None]:
        return None
    width, height = map(scalars.whole, given)
    if not width or not height or width * height > MAX_PIXELS:
        raise garbled(f"image record says {given[0]!r:.40} x {given[1]!r:.40} pixels")
    return width, height


def captions(picture: Picture) -> tuple[str, ...]:
    """An image's captions, stripped, without blank ones. Raises BadSample("garbled annotation")."""
    given = picture.captions
    if not _are_ascii(given):
        for caption in given:
            if not records.text(caption):
                raise garbled(f"caption is {caption!r:.40}, expected text")
    return tuple(filter(None, map(str.strip, given)))


def _are_ascii(values: Sequence[Any]) -> bool:
    try:
        return "".join(values).isascii()
    except TypeError:
        return False


def garbled(detail: str) -> BadSample:
    """What to raise for a record that is not of COCO's form."""
    return BadSample("garbled annotation", detail)
