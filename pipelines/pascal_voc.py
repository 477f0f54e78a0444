"""PASCAL VOC 2012 or 2007, and SBD: photographs with masks of 20 classes, every object told apart.

Licence: pictures are Flickr's, each under its own terms, which the release does not list; none is
stated for the annotations. Layout of VOCtrainval_11-May-2012.tar (2007: VOCtrainval_06-Nov-2007.tar
and VOCtest_06-Nov-2007.tar), in the root, in VOC2012/ or in VOCdevkit/VOC2012/:

    JPEGImages/2007_000032.jpg
    SegmentationClass/2007_000032.png      palette PNG, its index is the class: 1 to 20
    SegmentationObject/2007_000032.png     palette PNG, its index is the object, from 1
    SegmentationClassAug/2008_000002.png   of converters of SBD: the class as grey, no objects
    ImageSets/Segmentation/{train,val,trainval,trainaug}.txt

and of SBD's benchmark.tgz ("Semantic Boundaries"), in the root, in dataset/ or in
benchmark_RELEASE/dataset/:

    img/2008_000002.jpg, cls/2008_000002.mat, inst/2008_000002.mat, train.txt, val.txt

- 0 is background: known to be none of the 20 classes, so no segment and valid. 255 is the border
  around objects and what was too hard to tell: void, of no segment and not valid, in no target.
- Pixels of a class that no object claims are a crowd of their class. Without SegmentationObject all
  of them are. An index above 20 that is not 255 is refused: palettes of other sets look alike.
- A PNG must have kept its palette: one that was opened and saved as colours is refused, since the
  index is what counts (colours are bits of the index spread over red, green and blue).
- split trainaug is that of most papers: 10,582 images, those of train and of SBD that are not in
  val. Its list is trainaug.txt or train_aug.txt; where an image has an official map, that is read.
  mmseg's voc_aug.py and DeepLab's pack make the PNGs.
- release sbd reads SBD itself: MAT-files, GTcls.Segmentation and GTinst.Segmentation. It has no
  border, and what was too hard to tell is background [inf]. Its train has images of VOC's val: hold
  out voc2012-val.
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
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Segments
from vbdata.core.types import Download, Entry, FileRef, Official, Sample
from vbdata.errors import BadSample, SourceError

from .formats import mat5, palettes
from .parts import coded_segments as coded
from .parts import own_records, picture_files, records, spans

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "none stated; pictures of Flickr"
HOMEPAGE = "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/"
LABELS = ("segments",)
FILES = {"segments": ("class", "object")}  # that a kind of label is read from
HOLDOUTS = {
    "voc2012-val": {"release": "voc2012", "split": "val"},
    "voc2007-test": {"release": "voc2007", "split": "test"},
}

SBD = "sbd"
SPLITS = {  # images with masks, by split
    "voc2012": {"train": 1_464, "val": 1_449, "trainval": 2_913, "trainaug": 10_582},
    "voc2007": {"train": 209, "val": 213, "trainval": 422, "test": 210},
    SBD: {"train": 8_498, "val": 2_857},
}
LISTS = {"trainaug": ("trainaug", "train_aug")}  # names of a split's list, if not its own
NAMES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("dining table", "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa"),
    *("train", "tv monitor"),
)
BORDER = 255
SBD_AT = "http://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours"
KINDS = (coded.Kind("", False), *(coded.Kind(name, True) for name in NAMES))
ID = re.compile(r"[0-9_]{6,11}")


def index(root: Root, *, release: str = "voc2012", split: str = "train") -> Iterator[Entry]:
    """The images of a split by name, with the classes and sizes of their maps.

    release: voc2012, voc2007 or sbd; split: train, val, of the first two trainval; of voc2012
    trainaug, of voc2007 test. Raises SourceError if the split's list is missing or names nothing.
    """
    return spans.Spans(_all(root, release, split), partial(_filled, root), spans.MAPS)


index_parts, index_part = spans.parts(index)


def _all(root: Root, release: str, split: str) -> Iterator[Entry]:
    """The images of a split before their maps are read. Raises SourceError."""
    top, names = _listed(root, release, split)
    sizes = records.sizes(root, top.rstrip("/"))
    for name in names:
        files = _sbd(top, name, sizes) if release == SBD else _files(top, name, sizes)
        yield Entry(
            id=name,
            group=f"voc:{name}",
            width=0,
            height=0,
            license=LICENSE,
            files=files,
            labels=LABELS,
        )


def groups(root: Root, *, release: str = "voc2012", split: str = "train") -> Iterator[str]:
    """The groups of a split, by its list alone. Raises SourceError."""
    for name in _listed(root, release, split)[1]:
        yield f"voc:{name}"


def official(*, release: str = "voc2012", split: str = "train") -> Official:
    """The release of a split: its archive, and how many images with masks it has."""
    _check(release, split)
    if release == SBD:
        path, *others = (f"{top}cls" for top in reversed(_tops(release)))
        needed = Download(
            path=path, archive="benchmark.tgz", url=f"{SBD_AT}/benchmark.tgz", also=tuple(others)
        )
        return Official(entries=SPLITS[release][split], downloads=(needed,))
    archive = {
        "voc2012": "VOCtrainval_11-May-2012.tar",
        "voc2007": f"VOC{'test' if split == 'test' else 'trainval'}_06-Nov-2007.tar",
    }[release]
    url = f"{HOMEPAGE.replace('voc2012', release)}{archive}"
    also = tuple(f"{top}JPEGImages" for top in _tops(release)[:-1])
    path = f"{_tops(release)[-1]}JPEGImages"
    return Official(
        entries=SPLITS[release][split],
        downloads=(Download(path=path, archive=archive, url=url, also=also),),
    )


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, and its segments. Raises BadSample."""
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.STORED)
    return Sample(image=image, labels={"segments": _segments(root, entry)} if kinds else {})


def _check(release: str, split: str) -> None:
    records.one_of("release", release, SPLITS)
    records.one_of(f"split (of {release})", split, SPLITS[release])


def _tops(release: str) -> tuple[str, ...]:
    """The folders that a layout may be in."""
    if release == SBD:
        return "", "dataset/", "benchmark_RELEASE/dataset/"
    name = release.upper()
    return "", f"{name}/", f"VOCdevkit/{name}/"


def _files(top: str, name: str, sizes: dict[str, int]) -> dict[str, FileRef]:
    """An image's files in VOC's layout."""
    plain, aug, object_ = (
        f"{top}Segmentation{each}/{name}.png" for each in ("Class", "ClassAug", "Object")
    )
    of_sbd = plain not in sizes and aug in sizes
    files = {
        "image": records.file_ref(f"{top}JPEGImages/{name}.jpg", sizes),
        "class": records.file_ref(aug if of_sbd else plain, sizes),
    }
    more = {"object": records.file_ref(object_, sizes)} if object_ in sizes and not of_sbd else {}
    return files | more


def _sbd(top: str, name: str, sizes: dict[str, int]) -> dict[str, FileRef]:
    """An image's files in SBD's layout."""
    return {
        "image": records.file_ref(f"{top}img/{name}.jpg", sizes),
        "class": records.file_ref(f"{top}cls/{name}.mat", sizes),
        "object": records.file_ref(f"{top}inst/{name}.mat", sizes),
    }


def _listed(root: Root, release: str, split: str) -> tuple[str, list[str]]:
    """The folder of the layout, and the names of a split's images, sorted. Raises SourceError."""
    _check(release, split)
    above = "" if release == SBD else "ImageSets/Segmentation/"
    files = [f"{above}{name}.txt" for name in LISTS.get(split, (split,))]
    for top in _tops(release):
        for file in files:
            if root.exists(f"{top}{file}"):
                return top, _names(root, f"{top}{file}")
    raise SourceError(f"{root.url}: no {' or '.join(files)}, nor below {_tops(release)[-1]}")


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
    data = records.read(root, entry, key)
    if path.endswith(".mat"):
        name = {"class": "GTcls", "object": "GTinst"}[key]
        found = mat5.field(data, name, "Segmentation", path)
        if found.ndim != 2 or found.dtype != np.uint8:
            what = f"{name}.Segmentation is {found.dtype}{list(found.shape)}"
            raise BadSample("wrong dtype", f"{what}, expected uint8[H, W]", path)
        stored: NDArray[Any] = found
    else:
        stored = palettes.indices(data, path)
    records.check_size(stored.shape, entry, path)
    return stored.astype(np.uint16)
