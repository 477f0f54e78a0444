"""RefCOCO, RefCOCO+ and RefCOCOg: phrases that people wrote to tell one object from the others.

Licence: the refer API is Apache-2.0, Google's RefCOCOg expressions CC BY 4.0; the authors name
none for the rest. Masks are COCO's (CC BY 4.0), each picture has its own licence. Layout, in the
root or in its data/:

    refcoco/{instances.json,refs(unc).p,refs(google).p}    refcoco+/{instances.json,refs(unc).p}
    refcocog/{instances.json,refs(umd).p,refs(google).p}
    images/mscoco/images/train2014/COCO_train2014_000000098304.jpg
    or train2014/ (such names), train2017/ and val2017/ (000000098304.jpg) for what is not there

All pictures are COCO training pictures, so an entry is an image with the id and the group that
pipelines/coco.py gives it: what is held out here can be kept out there. google's splits share
images. The split `test` of unc is testA (people) and testB (other objects) together.

- segments: all of the image's annotations, numbered by annotation id, by the rules of
  pipelines/coco.py (annotations with area 0 are left out); but those that an expression of the
  entry refers to are painted over all others, larger first, so that nothing which is not itself
  referred to hides a part of them.
- expressions: the sentences (`sent`, which the authors made plain: lower case, no punctuation) of
  the split's refs, in the order of the file; white space is made single and blank ones are left
  out. targets: the number, from 0, of the one segment. The same words may stand for two objects.
- a ref's file_name is ignored ("COCO_train2014_000000098304_0.jpg" is no file): so say its
  authors. So are its category and tokens. Pictures are found by image id alone.
- a ref that is garbled, repeats a ref_id or sent_id, or names an image or annotation that
  instances.json does not have (with an area), is a fault of its own, stray-000000 and on; the
  image keeps its other refs. Images without a ref in the split are no entries.
- the pickles are read by an allow-list of opcodes (pipelines/_plain_pickle.py): nothing runs.

Sources: github.com/lichengunc/refer (README, refer.py); Kazemzadeh et al., "ReferItGame", EMNLP
2014; Yu et al., ECCV 2016; Mao et al., "Generation and Comprehension", CVPR 2016.
"""

from __future__ import annotations

import reprlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from pipelines import _coco_json as coco_json
from pipelines import _plain_pickle as plain_pickle
from pipelines import _records as records
from pipelines import coco
from pipelines._coco_json import Picture, garbled
from vbdata.errors import BadSample, SourceError
from vbdata.nouns import Entry, Expression, FileRef, Sample

if TYPE_CHECKING:
    from vbdata.storage import Folder

LICENSE = "Apache-2.0 and CC-BY-4.0"
HOMEPAGE = "https://github.com/lichengunc/refer"
LABELS = ("segments", "expressions")

UNC = ("train", "val", "testA", "testB", "test")
SPLITS: dict[str, dict[str, tuple[str, ...]]] = {
    "refcoco": {"unc": UNC, "google": ("train", "val", "test")},
    "refcoco+": {"unc": UNC},
    "refcocog": {"umd": ("train", "val", "test"), "google": ("train", "val")},
}
KNOWN = {"train", "val", "test", "testA", "testB", "testC"}  # what a ref may say (refer.py)
TESTS = {"test", "testA", "testB", "testC"}

PICTURES = (  # in the order in which they are tried
    ("images/mscoco/images/train2014", "COCO_train2014_{:012d}.jpg"),
    ("train2014", "COCO_train2014_{:012d}.jpg"),
    ("train2017", "{:012d}.jpg"),
    ("val2017", "{:012d}.jpg"),
)
MAX_TEXT = 1000  # characters of a sentence; the longest of RefCOCOg has some 200


class Ref(NamedTuple):
    """A checked record: what an annotation is called."""

    image: int
    annotation: int
    texts: tuple[str, ...]


@dataclass(slots=True)
class _Seen:
    """Numbers that may come once: else one sentence, shared by all refs, outgrows all memory."""

    refs: set[int] = field(default_factory=set)
    sentences: set[int] = field(default_factory=set)


def index(
    root: Folder, *, variant: str = "refcoco", by: str = "unc", split: str = "train"
) -> Iterator[Entry]:
    """The images that a split's refs are about, in order of their ids, then what is no good."""
    records.one_of("variant", variant, SPLITS)
    records.one_of(f"by (of {variant})", by, SPLITS[variant])
    records.one_of(f"split (of {variant} by {by})", split, SPLITS[variant][by])
    top = "" if root.exists(f"{variant}/instances.json") else "data/"
    drawn = coco_json.table(root, f"{top}{variant}/instances.json", thing=True)
    if drawn is None:
        raise SourceError(f"{root.url}: no {variant}/instances.json, nor below data/")
    shelf = coco.Shelf(split, "instances", drawn.categories, _picture_files(root, top), "", {})
    pictures, strays = coco_json.pictures(drawn, None)
    del drawn  # what is gathered by image is let go of image by image
    listed = plain_pickle.read(root, f"{top}{variant}/refs({by}).p")
    if not isinstance(listed, list):
        raise SourceError(f"refs({by}).p: holds a {type(listed).__name__}, expected a list")
    refs, bad = _by_image(listed, split, pictures)
    for number in sorted(refs):
        yield _entry(number, pictures.pop(number), refs.pop(number), shelf, top)
    for place, detail in enumerate([*strays, *bad]):
        name = f"stray-{place:06d}"
        yield _faulty(name, "unknown", f"garbled annotation: {detail}")


def load(root: Folder, entry: Entry, kinds: Collection[str]) -> Sample:
    """The picture's file as it is, its masks and its expressions. Raises BadSample."""
    records.refuse(entry, kinds)
    labels: dict[str, Any] = {}
    image = records.read_image(root, entry)
    if "segments" in kinds:
        referred = {target for each in entry.expressions for target in each.targets}
        labels["segments"] = coco.partition(root, entry, on_top=referred)
    if "expressions" in kinds:
        labels["expressions"] = entry.expressions
    return Sample(image=image, labels=labels)


def _by_image(
    listed: list[Any], split: str, pictures: dict[int, Picture]
) -> tuple[dict[int, list[Ref]], list[str]]:
    """The split's refs by image id, and what is wrong with those that have no place."""
    wanted = TESTS if split == "test" else {split}
    found: dict[int, list[Ref]] = {}
    bad: list[str] = []
    seen = _Seen()
    for place, record in enumerate(listed):
        try:
            if _split_of(record) in wanted:
                ref = _ref(record, seen)
                _check_target(ref, pictures)
                found.setdefault(ref.image, []).append(ref)
        except BadSample as err:
            bad.append(f"ref {place} of the file: {err.detail}")
    return found, bad


def _split_of(record: Any) -> str:
    split = record.get("split") if isinstance(record, dict) else None
    if not isinstance(split, str) or split not in KNOWN:
        raise garbled(f"its split is {_brief(split)}, expected one of {', '.join(sorted(KNOWN))}")
    return split


def _ref(record: dict[str, Any], seen: _Seen) -> Ref:
    """A record, checked. Raises BadSample."""
    number, image, annotation = (_number(record, k) for k in ("ref_id", "image_id", "ann_id"))
    sentences = record.get("sentences")
    if not isinstance(sentences, list):
        raise garbled(f"its sentences are {type(sentences).__name__}, expected a list")
    _once("ref_id", number, seen.refs)
    texts = [_sentence(sentence, seen) for sentence in sentences]
    return Ref(image, annotation, tuple(filter(None, texts)))


def _sentence(sentence: Any, seen: _Seen) -> str:
    """A sentence's text with single spaces, perhaps empty."""
    sentence = sentence if isinstance(sentence, dict) else {}
    number, text = _number(sentence, "sent_id"), sentence.get("sent")
    if not isinstance(text, str) or len(text) > MAX_TEXT or not records.text(text):
        said = f"sentence {number} is {_brief(text)}"
        raise garbled(f"{said}, expected text of {MAX_TEXT} characters at most")
    _once("sent_id", number, seen.sentences)
    return " ".join(text.split())


def _number(record: dict[str, Any], key: str) -> int:
    value = record.get(key)
    if not records.whole(value) or value >= coco_json.MAX_ID:
        raise garbled(f"its {key} is {_brief(value)}, expected a number")
    return value


def _brief(value: Any) -> str:
    """A value in some words; the plain repr of lists that hold each other has no end."""
    return reprlib.repr(value)[:60]


def _once(key: str, number: int, seen: set[int]) -> None:
    if number in seen:
        raise garbled(f"{key} {number} is that of an earlier one")
    seen.add(number)


def _check_target(ref: Ref, pictures: dict[int, Picture]) -> None:
    """Raise BadSample if instances.json does not have the image or the annotation."""
    picture = pictures.get(ref.image)
    if picture is None or not picture.image:
        raise garbled(f"instances.json has no image {ref.image}")
    if not any(a.get("id") == ref.annotation for a in _with_area(picture)):
        raise garbled(f"image {ref.image} has no annotation {ref.annotation} with an area")


def _with_area(picture: Picture) -> list[dict[str, Any]]:
    return [annotation for annotation in picture.masks if annotation.get("area") != 0]


def _picture_files(root: Folder, top: str) -> dict[str, int]:
    """Path -> size of all files in the folders of pictures. Raises SourceError without any."""
    folders = [folder for folder in _folders(top) if root.exists(folder)]
    if not folders:
        raise SourceError(f"{root.url}: no folder {' or '.join(_folders(top))}")
    return {path: size for folder in folders for path, size in records.sizes(root, folder).items()}


def _folders(top: str) -> list[str]:
    return [f"{above}{folder}" for above in dict.fromkeys((top, "")) for folder, _ in PICTURES]


def _file(number: int, known: dict[str, int], top: str) -> FileRef:
    """The picture of an image id: the first file that there is."""
    names = [name for _, name in PICTURES] * 2
    paths = [f"{f}/{name.format(number)}" for f, name in zip(_folders(top), names, strict=False)]
    return records.file_ref(next((p for p in paths if p in known), paths[0]), known)


def _entry(number: int, picture: Picture, refs: list[Ref], shelf: coco.Shelf, top: str) -> Entry:
    """An image's entry, or its fault."""
    name = f"{number:012d}"
    try:
        width, height = coco_json.size(picture)
        annotations = _with_area(picture)
        content = coco.masks_of(annotations, shelf)
    except BadSample as bad:
        return _faulty(name, picture.license, f"{bad.reason}: {bad.detail}")
    places = {each: place for place, each in enumerate(sorted(a["id"] for a in annotations))}
    expressions = tuple(
        Expression(text=text, targets=(places[ref.annotation],))
        for ref in refs
        for text in ref.texts
    )
    return Entry(
        id=name,
        group=f"coco:{name}",
        width=width,
        height=height,
        license=picture.license,
        files={"image": _file(number, shelf.images, top)},
        labels=LABELS if expressions else LABELS[:1],
        expressions=expressions,
        **content,
    )


def _faulty(name: str, license_: str, fault: str) -> Entry:
    return Entry(
        id=name,
        group=f"coco:{name}",
        width=0,
        height=0,
        license=license_,
        files={},
        labels=(),
        fault=fault,
    )
