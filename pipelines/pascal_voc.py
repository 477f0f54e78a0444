"""PASCAL VOC 2012 or 2007: photographs with masks of 20 classes, every object told apart.

Licence: pictures are Flickr's, each under its own terms, which the release does not list; none is
stated for the annotations. Layout of VOCtrainval_11-May-2012.tar (2007: VOCtrainval_06-Nov-2007.tar
and VOCtest_06-Nov-2007.tar), in the root, in VOC2012/ or in VOCdevkit/VOC2012/:

    JPEGImages/2007_000032.jpg
    SegmentationClass/2007_000032.png      palette PNG, its index is the class: 1 to 20
    SegmentationObject/2007_000032.png     palette PNG, its index is the object, from 1
    SegmentationClassAug/2008_000002.png   of converters of SBD: the class as grey, no objects
    ImageSets/Segmentation/{train,val,trainval,trainaug}.txt

- 0 is background: known to be none of the 20 classes, so no segment and valid. 255 is the border
  around objects and what was too hard to tell: void, of no segment and not valid, in no target.
- Pixels of a class that no object claims are a crowd of their class. Without SegmentationObject all
  of them are. An index above 20 that is not 255 is refused: palettes of other sets look alike.
- A PNG must have kept its palette: one that was opened and saved as colours is refused, since the
  index is what counts (colours are bits of the index spread over red, green and blue).
- split trainaug is that of most papers: 10,582 images, those of train and of SBD ("Semantic
  Boundaries") that are not in val. Its list is trainaug.txt or train_aug.txt; where an image has an
  official map, that is read. SBD's maps have no border. Its own .mat files are not read: mmseg's
  voc_aug.py and DeepLab's pack make the PNGs.
- Pictures without a mask, boxes (Annotations/*.xml), actions and layouts are not read.
- Groups: voc:ID. Images 2007_* of VOC 2012 are in VOC 2007 under numbers that nothing maps, so
  holding out `voc2012-val` does not hold out their twins there.
- The index reads every map: which classes it has, and how large.

Nothing of it was seen here: layout and codes are those of the official documentation.

Sources: host.robots.ox.ac.uk/pascal/VOC/voc2012 (htmldoc/devkit_doc.html, section on
segmentation; index.html: 1,464 and 1,449 images); voc2007; Hariharan et al., "Semantic Contours",
ICCV 2011; open-mmlab/mmsegmentation (tools/dataset_converters/voc_aug.py); Chen et al., DeepLab
(10,582). Counts of VOC 2007 [inf, from its lists: 209, 213, 210].
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.types import Download, Entry, Official, Sample, Segments
from vbdata.errors import BadSample, SourceError

from .formats import palettes
from .parts import coded_segments as coded
from .parts import own_records, picture_files, records

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "none stated; pictures of Flickr"
HOMEPAGE = "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/"
LABELS = ("segments",)
FILES = {"segments": ("class", "object")}  # that a kind of label is read from
HOLDOUTS = {
    "voc2012-val": {"year": "2012", "split": "val"},
    "voc2007-test": {"year": "2007", "split": "test"},
}

SPLITS = {  # images with masks, by split
    "2012": {"train": 1_464, "val": 1_449, "trainval": 2_913, "trainaug": 10_582},
    "2007": {"train": 209, "val": 213, "trainval": 422, "test": 210},
}
LISTS = {"trainaug": ("trainaug", "train_aug")}  # names of a split's list, if not its own
NAMES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("dining table", "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa"),
    *("train", "tv monitor"),
)
BORDER = 255
KINDS = (coded.Kind("", False), *(coded.Kind(name, True) for name in NAMES))
ID = re.compile(r"[0-9_]{6,11}")


def index(root: Root, *, year: str = "2012", split: str = "train") -> Iterator[Entry]:
    """The images of a split by name, with the classes and sizes of their maps.

    year: 2012 or 2007; split: train, val, trainval; of 2012 trainaug, of 2007 test. Raises
    SourceError if the split's list is missing or names nothing.
    """
    top, names = _listed(root, year, split)
    folders = ("JPEGImages", "SegmentationClass", "SegmentationClassAug", "SegmentationObject")
    sizes = {folder: records.sizes(root, f"{top}{folder}") for folder in folders}
    for name in names:
        plain, other = (f"{top}{each}/{name}.png" for each in folders[1:3])
        aug = plain not in sizes[folders[1]] and other in sizes[folders[2]]
        files = {
            "image": records.file_ref(f"{top}JPEGImages/{name}.jpg", sizes["JPEGImages"]),
            "class": records.file_ref(other if aug else plain, sizes[folders[1 + aug]]),
        }
        object_ = f"{top}SegmentationObject/{name}.png"
        if object_ in sizes["SegmentationObject"] and not aug:
            files["object"] = records.file_ref(object_, sizes["SegmentationObject"])
        entry = Entry(
            id=name,
            group=f"voc:{name}",
            width=0,
            height=0,
            license=LICENSE,
            files=files,
            labels=LABELS,
        )
        yield _filled(root, entry)


def groups(root: Root, *, year: str = "2012", split: str = "train") -> Iterator[str]:
    """The groups of a split, by its list alone. Raises SourceError."""
    for name in _listed(root, year, split)[1]:
        yield f"voc:{name}"


def official(*, year: str = "2012", split: str = "train") -> Official:
    """The release of a split: its archive, and how many images with masks it has."""
    _check(year, split)
    archive = {
        "2012": "VOCtrainval_11-May-2012.tar",
        "2007": f"VOC{'test' if split == 'test' else 'trainval'}_06-Nov-2007.tar",
    }[year]
    url = f"{HOMEPAGE.replace('2012', year)}{archive}"
    also = tuple(f"{top}JPEGImages" for top in _tops(year)[:-1])
    path = f"{_tops(year)[-1]}JPEGImages"
    return Official(
        entries=SPLITS[year][split],
        downloads=(Download(path=path, archive=archive, url=url, also=also),),
    )


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, and its segments. Raises BadSample."""
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.STORED)
    return Sample(image=image, labels={"segments": _segments(root, entry)} if kinds else {})


def _check(year: str, split: str) -> None:
    records.one_of("year", year, SPLITS)
    records.one_of(f"split (of {year})", split, SPLITS[year])


def _tops(year: str) -> tuple[str, ...]:
    return "", f"VOC{year}/", f"VOCdevkit/VOC{year}/"


def _listed(root: Root, year: str, split: str) -> tuple[str, list[str]]:
    """The folder of the layout, and the names of a split's images, sorted. Raises SourceError."""
    _check(year, split)
    files = [f"ImageSets/Segmentation/{name}.txt" for name in LISTS.get(split, (split,))]
    for top in _tops(year):
        for file in files:
            if root.exists(f"{top}{file}"):
                return top, _names(root, f"{top}{file}")
    raise SourceError(f"{root.url}: no {' or '.join(files)}, nor below {_tops(year)[-1]}")


def _names(root: Root, path: str) -> list[str]:
    """The names that a list has, a line each; of lines with paths, the last name. SourceError."""
    text = records.without_mark(records.source_bytes(root, path, "the split's list"))
    lines = (line.split() for line in text.decode("utf-8", "replace").splitlines())
    names = {words[-1].rpartition("/")[2].removesuffix(".png") for words in lines if words}
    for name in names:
        if not ID.fullmatch(name):
            raise SourceError(f"{path}: {name!r:.80} is no image, expected names as 2007_000032")
    if not names:
        raise SourceError(f"{path}: names no image")
    return sorted(names)


def _filled(root: Root, entry: Entry) -> Entry:
    """The entry with the size and classes of its maps, or with its fault."""
    try:
        entry = own_records.measured(root, entry, picture_files.STORED)
        parts = coded.parts(_codes(root, entry)[0], KINDS, entry.files["class"].path)
    except BadSample as bad:
        return records.faulty(entry, bad, bad.file)
    return replace(entry, classes=coded.facts(parts))


def _segments(root: Root, entry: Entry) -> Segments:
    codes, valid = _codes(root, entry)
    path = entry.files["class"].path
    parts = coded.parts(codes, KINDS, path)
    return replace(coded.segments(coded.numbers(codes, parts, path), parts), valid=valid)


def _codes(root: Root, entry: Entry) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """uint16[H, W]: 256 x class + object, 0 for background and border; and what is no border."""
    kind = _map(root, entry, "class")
    border = kind == BORDER
    kind[border] = 0
    if (most := int(kind.max())) > len(NAMES):
        detail = f"class {most}, known: 0 to {len(NAMES)}, and {BORDER}"
        raise BadSample("unknown category", detail, entry.files["class"].path)
    if "object" not in entry.files:
        return kind << np.uint16(8), ~border
    number = _map(root, entry, "object")
    number[(number == BORDER) | (kind == 0)] = 0
    return kind << np.uint16(8) | number, ~border


def _map(root: Root, entry: Entry, key: str) -> NDArray[np.uint16]:
    """One of the entry's maps, uint16[H, W] of its size. Raises BadSample."""
    path = entry.files[key].path
    stored = palettes.indices(records.read(root, entry, key), path)
    records.check_size(stored.shape, entry, path)
    return stored.astype(np.uint16)
