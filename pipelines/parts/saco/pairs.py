"""Pairs of image and phrase out of SA-Co/Gold's JSON files, one for each of three annotators.

The files are like COCO's, but an item of `images` is a pair, and what belongs together in the three
has the same id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from vbdata.errors import BadSample, SourceError

from .. import records

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LONGEST = 1 << 30  # bytes of a file
MOST_MASKS = 5000  # of a pair


class Mask(NamedTuple):
    """A mask as it is stored, compressed RLE. crowd: it covers several that were not told apart."""

    counts: str
    crowd: bool


class Truth(NamedTuple):
    """What one annotator said of a pair.

    whole: every instance has a mask of its own; covered: masks cover all of what is meant.
    """

    whole: bool
    covered: bool
    masks: list[Mask]


class Pair(NamedTuple):
    """A pair as every file has it. width, height: pixels; name: of the picture's file."""

    number: int
    name: str
    phrase: str
    width: int
    height: int


@dataclass(slots=True)
class Said:
    """One annotator's file.

    pairs, masks: by number; flags: whether its instances, and its pixels, are all marked; bad: what
    is wrong with one of the masks of a pair; strays: what is wrong with what is of no pair.
    """

    pairs: dict[int, Pair] = field(default_factory=dict)
    flags: dict[int, tuple[bool, bool]] = field(default_factory=dict)
    masks: dict[int, list[Mask]] = field(default_factory=dict)
    bad: dict[int, str] = field(default_factory=dict)
    strays: list[str] = field(default_factory=list)

    def truth(self, pair: Pair) -> Truth:
        """What the annotator said of a pair. Raises BadSample if that is not clear."""
        here = self.pairs.get(pair.number)
        if here is None:
            raise BadSample("missing", f"pair {pair.number} is not there")
        if here != pair:
            detail = f"pair {pair.number} is {here.phrase!r:.40} in {here.name!r:.80}"
            raise BadSample("garbled annotation", f"{detail}, not as in the first file")
        if said := self.bad.get(pair.number):
            raise BadSample("garbled annotation", said)
        return Truth(*self.flags[pair.number], self.masks.get(pair.number, []))


def read(root: Root, path: str) -> Said:
    """The file of one annotator. Raises SourceError if it is no object with images."""
    if root.size(path) > LONGEST:
        raise SourceError(f"{root.url}: {path} has more than {LONGEST} bytes")
    data = records.source_bytes(root, path, "what an annotator marked")
    try:
        value = records.unpack(records.without_mark(data))
    except (ValueError, RecursionError) as err:
        raise SourceError(f"{root.url}: {path} is no JSON: {err!s:.200}") from err
    listed = [
        value.get(key) if isinstance(value, dict) else None for key in ("images", "annotations")
    ]
    if not all(isinstance(each, list) for each in listed):
        raise SourceError(f"{root.url}: {path} has no lists `images` and `annotations`")
    said = Said()
    for place, item in enumerate(listed[0] or ()):
        try:
            _add_pair(said, item)
        except BadSample as bad:
            said.strays.append(f"{path}: images[{place}] {bad.detail}")
    for place, item in enumerate(listed[1] or ()):
        _add_mask(said, item, f"annotations[{place}]", path)
    return said


def _add_pair(said: Said, item: Any) -> None:
    """Add an item of `images`. Raises BadSample."""
    fields = item if isinstance(item, dict) else {}
    number, name, phrase = (fields.get(key) for key in ("id", "file_name", "text_input"))
    width, height = fields.get("width"), fields.get("height")
    if not records.whole(number) or number in said.pairs:
        raise _garbled(f"has the id {number!r:.40}, expected one of its own")
    if not (records.text(name) and name and records.text(phrase) and phrase.split()):
        raise _garbled(f"has the file {name!r:.40} and the words {phrase!r:.40}")
    if not (records.whole(width) and records.whole(height) and width and height):
        raise _garbled(f"is {width!r:.20} x {height!r:.20}")
    said.pairs[number] = Pair(number, name, " ".join(phrase.split()), width, height)
    whole, covered = (fields.get(f"is_{what}_exhaustive") for what in ("instance", "pixel"))
    said.flags[number] = (whole in (1, True), covered in (1, True))


def _add_mask(said: Said, item: Any, where: str, path: str) -> None:
    """Add an item of `annotations` to its pair, or what is wrong with it."""
    number = item.get("image_id") if isinstance(item, dict) else None
    pair = said.pairs.get(number) if records.whole(number) else None
    if pair is None:
        said.strays.append(f"{path}: {where} is of the pair {number!r:.40}, which is not there")
        return
    try:
        masks = said.masks.setdefault(pair.number, [])
        masks.append(_mask(item, pair))
        if len(masks) > MOST_MASKS:
            raise _garbled(f"is one of more than {MOST_MASKS} masks")
    except BadSample as bad:
        said.bad.setdefault(pair.number, f"{where} {bad.detail}")


def _mask(item: Mapping[str, Any], pair: Pair) -> Mask:
    shape, crowd = item.get("segmentation"), item.get("iscrowd", 0)
    fields: Mapping[str, Any] = shape if isinstance(shape, dict) else {}
    counts, size = fields.get("counts"), fields.get("size")
    if not isinstance(counts, str) or not counts.isascii():
        raise _garbled(f"has no compressed RLE, but {shape!r:.60}")
    if size != [pair.height, pair.width]:
        raise _garbled(f"is of the size {size!r:.40}, not {[pair.height, pair.width]}")
    if crowd not in (0, 1):
        raise _garbled(f"has iscrowd {crowd!r:.20}")
    return Mask(counts, bool(crowd))


def _garbled(detail: str) -> BadSample:
    return BadSample("garbled annotation", detail)


def strays(files: Mapping[str, Said]) -> Iterator[str]:
    """What is wrong with what is of no pair of the first file, in words. files: by path."""
    first = next(iter(files.values()))
    for path, said in files.items():
        yield from said.strays
        for number in sorted(said.pairs.keys() - first.pairs.keys()):
            yield f"{path}: pair {number} is not in the first annotator's file"
