"""Referring expressions as the refer API has them, checked: which objects are called what.

A ref is a dict of ref_id, ann_id, category_id, image_id, split, file_name, sent_ids and sentences,
each a dict of sent_id, sent, raw and tokens (github.com/lichengunc/refer, refer.py). In gRefCOCO
ann_id is a list, [-1] for none, there is no_target, and refs without a sentence are to be skipped.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from vbdata.errors import BadSample, SourceError

from ...formats import plain_pickle
from .. import records
from ..coco import parts, scalars
from ..coco.pictures import Picture, garbled, stated_size

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

KNOWN = {"train", "val", "test", "testA", "testB", "testC"}  # what a ref may say (refer.py)
TESTS = {"test", "testA", "testB", "testC"}
NONE = -1  # as the one annotation of an expression that means nothing
MAX_TEXT = 1000  # characters of a sentence; the longest of RefCOCOg has some 200


class Ref(NamedTuple):
    """A checked ref: the texts that refer to annotations of one image, both by id."""

    image: int
    annotations: tuple[int, ...]
    texts: tuple[str, ...]


@dataclass(slots=True)
class _Seen:
    """Ids that may come once only.

    In a pickle a sentence costs a few bytes each time it is referred to: one that all refs share
    would outgrow any memory.
    """

    refs: set[int] = field(default_factory=set)
    sentences: set[int] = field(default_factory=set)


def read(root: Root, path: str) -> list[Any]:
    """The refs of a file, unchecked. Raises SourceError if it is not a list, pickled or as JSON."""
    if path.endswith(".json"):
        try:
            listed = records.unpack(records.source_bytes(root, path, "referring expressions"))
        except (ValueError, RecursionError) as err:
            raise SourceError(f"{path}: not readable as JSON: {err}") from err
    else:
        listed = plain_pickle.read(root, path)
    if not isinstance(listed, list):
        raise SourceError(f"{path}: holds a {type(listed).__name__}, expected a list")
    return listed


def images(listed: list[Any], split: str) -> Iterator[int]:
    """The image ids of a split's refs; a ref that is too garbled to name one is skipped."""
    for record in listed:
        try:
            if _split_of(record) in _wanted(split):
                yield _number(record, "image_id")
        except BadSample:
            continue  # the index reports it


def by_image(
    listed: list[Any], split: str, pictures: dict[str, Picture], *, several: bool = False
) -> tuple[dict[int, list[Ref]], list[str]]:
    """A split's refs by image id, and what is wrong with the garbled ones, in words.

    pictures: the images and annotations that a ref may name, by the name of the entry; several:
    whether a ref has gRefCOCO's form, for any number of annotations.
    """
    refs: dict[int, list[Ref]] = {}
    bad: list[str] = []
    seen = _Seen()
    for place, record in enumerate(listed):
        try:
            if _split_of(record) in _wanted(split):
                ref = _ref(record, seen, several)
                _check_targets(ref, pictures)
                refs.setdefault(ref.image, []).append(ref)
        except BadSample as err:
            bad.append(f"ref {place} of the file: {err.detail}")
    return refs, bad


def _wanted(split: str) -> set[str]:
    return TESTS if split == "test" else {split}


def _split_of(record: Any) -> str:
    split = record.get("split") if isinstance(record, dict) else None
    if not isinstance(split, str) or split not in KNOWN:
        raise garbled(f"its split is {_brief(split)}, expected one of {', '.join(sorted(KNOWN))}")
    return split


def _ref(record: dict[str, Any], seen: _Seen, several: bool) -> Ref:
    """A record, checked. Raises BadSample."""
    number, image = (_number(record, k) for k in ("ref_id", "image_id"))
    annotations = _several(record) if several else (_number(record, "ann_id"),)
    sentences = record.get("sentences")
    if not isinstance(sentences, list):
        raise garbled(f"its sentences are {type(sentences).__name__}, expected a list")
    _once("ref_id", number, seen.refs)
    texts = [_sentence(sentence, None if several else seen) for sentence in sentences]
    return Ref(image, annotations, tuple(filter(None, texts)))


def _several(record: dict[str, Any]) -> tuple[int, ...]:
    """The annotations of a ref of gRefCOCO, () for none. Raises BadSample."""
    given = record.get("ann_id")
    listed = given if isinstance(given, list) else [given]
    numbers = [n for n in listed if records.whole(n) and n < scalars.MAX_ID]
    none = listed == [NONE]
    if not none and (len(numbers) < len(listed) or not numbers):
        raise garbled(f"its ann_id is {_brief(given)}, expected numbers, or [{NONE}] for none")
    if (said := record.get("no_target", none)) is not none:
        raise garbled(f"its no_target is {_brief(said)}, but its ann_id {_brief(given)}")
    return tuple(dict.fromkeys(numbers))


def _sentence(sentence: Any, seen: _Seen | None) -> str:
    """A sentence's text with single spaces, perhaps empty. seen: None where ids may come again."""
    sentence = sentence if isinstance(sentence, dict) else {}
    number, text = _number(sentence, "sent_id"), sentence.get("sent")
    if not isinstance(text, str) or len(text) > MAX_TEXT or not records.text(text):
        what = f"sentence {number} is {_brief(text)}"
        raise garbled(f"{what}, expected text of {MAX_TEXT} characters at most")
    if seen:
        _once("sent_id", number, seen.sentences)
    return " ".join(text.split())


def _number(record: dict[str, Any], key: str) -> int:
    value = record.get(key)
    if not records.whole(value) or value >= scalars.MAX_ID:
        raise garbled(f"its {key} is {_brief(value)}, expected a number")
    return value


def _brief(value: Any) -> str:
    """A value in a few words. The plain repr of lists that hold each other never ends."""
    return reprlib.repr(value)[:60]


def _once(key: str, number: int, seen: set[int]) -> None:
    if number in seen:
        raise garbled(f"{key} {number} is that of an earlier one")
    seen.add(number)


def _check_targets(ref: Ref, pictures: dict[str, Picture]) -> None:
    """Raise BadSample if instances.json does not have the image or one of the annotations."""
    picture = pictures.get(scalars.name_of(ref.image))
    if picture is None or picture.drawn is None or not picture.image:
        raise garbled(f"instances.json has no image {ref.image}")
    size = stated_size(picture) or (0, 0)
    for number in ref.annotations:
        named = [a for a in picture.masks if scalars.whole(a.get("id")) == number]
        if not any(parts.usable(annotation, picture.drawn, size) for annotation in named):
            raise garbled(f"image {ref.image} has no annotation {number} with a mask")
