"""ReasonSeg: questions about an image whose answer is a region, which takes some thought to find.

Licence: none stated by its authors. Layout of train.zip, val.zip and test.zip, in the root, in
ReasonSeg/ or in reason_seg/ReasonSeg/:

    {train,val,test}/NAME.jpg
    {train,val,test}/NAME.json       {"text": [], "is_sentence": true, "shapes": [{label, points}]}

- The region is drawn as LISA draws it: shapes named "flag" are left out, the others are drawn on
  top of one another, those of more pixels first; a shape is its corners as whole numbers (cut, not
  rounded), a line of one pixel around them, and what is inside. One whose name has "ignore" in it
  is void, of no segment and not valid; every other name says "the region", whatever it is.
- segments: one, "target"; none where nothing is drawn: two images of test have no shapes, and an
  answer to them is right if it is empty. It is no class that anything else could be asked for.
- expressions: the texts, all of them in train (up to six ways to say the same), the first in val
  and test, as the official scores have it. White space is made single.
- JSON files are UTF-8, and some cp1252; they are not LabelMe's, for all that they look like it.
- Groups: each image its own.
- explanatory/ is not read.

Nothing of it was seen here: layout and drawing are those of the official loader.

Sources: dvlab-research/LISA at 3cb2d43 (utils/data_processing.py, utils/dataset.py; issues #107
and #157); Lai et al., "LISA: Reasoning Segmentation via Large Language Model", CVPR 2024.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Segments
from vbdata.core.types import Download, Entry, Expression, Official, Sample
from vbdata.errors import BadSample, SourceError

from .parts import own_records, picture_files, records, spans

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "none stated"
HOMEPAGE = "https://github.com/dvlab-research/LISA"
LABELS = ("segments", "expressions")
FILES = {"segments": ("shapes",), "expressions": ("shapes",)}  # that a kind of label is read from
HOLDOUTS = {f"reasonseg-{split}": {"split": split} for split in ("val", "test")}

SPLITS = {"train": 239, "val": 200, "test": 779}  # how many images
TOPS = ("", "ReasonSeg/", "reason_seg/ReasonSeg/")
NAME = re.compile(r"(?:.*/)?([^/]+)\.(?:json|jpe?g|png)", re.IGNORECASE)
TARGET = "target"  # what the one segment is called
NOTHING, INSIDE, IGNORED = 0, 1, 255
FARTHEST = 1 << 14  # pixels that a corner may be away; OpenCV draws up to 2^15
MOST_SHAPES, MOST_CORNERS = 1000, 100_000


def index(root: Root, *, split: str = "train") -> Iterator[Entry]:
    """The images of a split by name, with their questions.

    split: train, val or test. An image without JSON, or a JSON that is garbled, is a fault. Raises
    SourceError if there are none.
    """
    return spans.Spans(_all(root, split), lambda entry: _filled(root, entry, split), spans.MAPS)


index_parts, index_part = spans.parts(index)


def _all(root: Root, split: str) -> Iterator[Entry]:
    """The images of a split before anything is read. Raises SourceError."""
    records.one_of("split", split, SPLITS)
    top = next((top for top in TOPS if root.exists(f"{top}{split}")), "")
    sizes = records.sizes(root, f"{top}{split}")
    names = sorted({match[1] for path in sizes if (match := NAME.fullmatch(path))})
    if not names:
        raise SourceError(
            f"{root.url}: no files NAME.jpg and NAME.json in {split}, {_elsewhere(split)}"
        )
    for name in names:
        yield _entry(f"{top}{split}/{name}", name, sizes)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, its region and questions. Raises BadSample."""
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.STORED)
    labels: dict[str, Any] = {}
    if "segments" in kinds:
        path = entry.files["shapes"].path
        value = _parsed(records.read(root, entry, "shapes"), path)
        labels["segments"] = _segments(_drawn(value, entry, path))
    if "expressions" in kinds:
        labels["expressions"] = entry.expressions
    return Sample(image=image, labels=labels)


def official(*, split: str = "train") -> Official:
    """The release of a split: its archive, and how many images it has."""
    records.one_of("split", split, SPLITS)
    also = tuple(f"{top}{split}" for top in TOPS[1:])
    url = f"{HOMEPAGE}#dataset"
    download = Download(path=split, archive=f"{split}.zip", url=url, also=also)
    return Official(entries=SPLITS[split], downloads=(download,))


def _elsewhere(split: str) -> str:
    return " or ".join(f"{top}{split}" for top in TOPS[1:])


def _entry(stem: str, name: str, sizes: dict[str, int]) -> Entry:
    """An image's entry before it is read. stem: its path without the type."""
    return Entry(
        id=name,
        group=f"reasonseg:{name}",
        width=0,
        height=0,
        license=LICENSE,
        files={
            "image": records.picture_ref(stem, "jpg", sizes),
            "shapes": records.file_ref(f"{stem}.json", sizes),
        },
        labels=LABELS,
    )


def _filled(root: Root, entry: Entry, split: str) -> Entry:
    """The entry with its size and questions, or its fault."""
    path = entry.files["shapes"].path
    try:
        entry = own_records.measured(root, entry, picture_files.STORED)
        value = _parsed(records.read(root, entry, "shapes"), path)
        texts = own_records.texts(value.get("text"), "text")
        there = (0,) if (_drawn(value, entry, path) == INSIDE).any() else ()
    except BadSample as bad:
        return records.faulty(entry, bad, bad.file or path)
    asked = texts if split == "train" else texts[:1]
    return replace(entry, expressions=tuple(Expression(text=t, targets=there) for t in asked))


def _parsed(data: bytes, path: str) -> dict[str, Any]:
    """The object of a JSON file in UTF-8 or cp1252. Raises BadSample("garbled annotation")."""
    try:
        value = records.unpack(records.without_mark(data))
    except (ValueError, RecursionError):
        try:
            value = json.loads(data.decode("cp1252"))
        except (ValueError, RecursionError) as err:
            raise BadSample("garbled annotation", f"no JSON: {err!s:.100}", path) from err
    if not isinstance(value, dict):
        raise BadSample("garbled annotation", f"a {type(value).__name__}, no object", path)
    return value


def _drawn(value: dict[str, Any], entry: Entry, path: str) -> NDArray[np.uint8]:
    """uint8[H, W]: INSIDE, IGNORED or NOTHING, as the official loader draws it. BadSample."""
    shapes = [(label, corners) for label, corners in _shapes(value, path) if label != "flag"]
    alone = [_paint(np.zeros((entry.height, entry.width), np.uint8), c, INSIDE) for _, c in shapes]
    areas = np.array([int(np.count_nonzero(mask)) for mask in alone], np.int64)
    mask = np.zeros((entry.height, entry.width), np.uint8)
    for place in np.argsort(areas, kind="stable")[::-1].tolist():
        label, corners = shapes[place]
        _paint(mask, corners, IGNORED if "ignore" in label else INSIDE)
    return mask


def _paint(mask: NDArray[np.uint8], corners: NDArray[np.int32], value: int) -> NDArray[np.uint8]:
    """Draw a shape into a mask: its outline, and what is inside."""
    import cv2

    cv2.polylines(mask, [corners], True, value, 1)
    cv2.fillPoly(mask, [corners], value)
    return mask


def _shapes(value: dict[str, Any], path: str) -> Iterator[tuple[str, NDArray[np.int32]]]:
    """(name in lower case, corners int32[N, 2]) of each shape. Raises BadSample."""
    listed = value.get("shapes")
    if not isinstance(listed, list) or len(listed) > MOST_SHAPES:
        detail = f"its shapes are {listed!r:.60}, expected a list of at most {MOST_SHAPES}"
        raise BadSample("garbled annotation", detail, path)
    for place, shape in enumerate(listed):
        label = shape.get("label") if isinstance(shape, dict) else None
        if not isinstance(label, str):
            raise BadSample("garbled annotation", f"shape {place} has no label", path)
        yield label.lower(), _corners(shape.get("points"), place, path)


def _corners(points: Any, place: int, path: str) -> NDArray[np.int32]:
    """The corners of a shape, cut to whole numbers. Raises BadSample."""
    try:
        corners = np.array(points, np.float64)
    except (TypeError, ValueError):
        corners = np.zeros(0)
    if corners.ndim != 2 or corners.shape[1] != 2 or not 0 < len(corners) <= MOST_CORNERS:
        detail = f"shape {place}: points {points!r:.60}, expected pairs of numbers"
        raise BadSample("garbled annotation", detail, path)
    if not math.isfinite(corners.sum()) or np.abs(corners).max() > FARTHEST:
        raise BadSample("out of range", f"shape {place} leads {FARTHEST} pixels away", path)
    return np.ascontiguousarray(np.trunc(corners), np.int32)


def _segments(mask: NDArray[np.uint8]) -> Segments:
    there = bool((mask == INSIDE).any())
    return Segments(
        ids=(mask == INSIDE).astype(np.int32),
        classes=(TARGET,) * there,
        things=(False,) * there,
        crowds=(False,) * there,
        valid=mask != IGNORED,
    )
