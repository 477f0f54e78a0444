"""ADE20K: scenes with a class for each pixel; the benchmark of 150 classes, and the full set.

Licence: pictures for non-commercial research and education only; annotations BSD-3-Clause. Layout
of ADEChallengeData2016.zip and annotations_instance.tar (the benchmark, "scene_parsing"), in the
root or in ADEChallengeData2016/, and of the full set ("full"), in the root or in the folders above:

    images/{training,validation}/ADE_train_00000001.jpg
    annotations/{training,validation}/ADE_train_00000001.png             uint8, 1 to 150
    annotations_instance/{training,validation}/ADE_train_00000001.png    RGB, R class, G number
    annotations_detectron2/...                                           uint8, 0 to 149, 255

    ADE20K_2021_17_01/images/ADE/{training,validation}/urban/street/ADE_train_00016869.jpg
        ..._seg.png, ..._parts_1.png, ..._parts_2.png    RGB, coded as parts/ade20k/full.py says
        ....json                                         what the codes are called

- Scene parsing: 0 is what was given none of the 150 classes. It is void, of no segment and not
  valid, and never a class "background". Maps in annotations_detectron2 are one less, 255 is void:
  they are read where annotations/ is not there. A 255 in annotations/ is refused, since such a map
  was shifted, too, and all of its classes would be wrong by one.
- Instances: R is the number of one of 100 classes from 1 (parts/ade20k/classes.py), G that of an
  instance in the image. Where they contradict the class of a pixel, or say nothing of it, the
  pixel is of a crowd of its class; without the file all of such a class is a crowd.
- Full set: a segment for each pair of class and B, of the classes that the benchmark counts; all
  of another class is one segment. Classes are called by the first of their names; a class that no
  object of the JSON has is void. In an image of more than 255 objects B tells none apart [inf].
- level: objects, parts, or subparts, parts of parts. Pixels without a part are void, since
  parts are marked of some objects only, so that no part is known to be absent. Parts are one
  segment a class ("wheel" of all cars).
- Of the full set's amodal masks and polygons, attributes and scenes nothing is read. The release of
  2016, whose names stand in a .mat, is not read.
- Groups: ade20k:NAME, in both releases, which share numbers [inf: the first 20,210].
- The index reads every map, and for the full set every JSON: 0.1 s for an image of 3 megapixels.

Seen: three images of the full set, which its repository has. The benchmark was not.

Sources: CSAILVision/ADE20K at 6b1e8f9 (README, utils/utils_ade20k.py, dataset/); CSAILVision/
semantic-segmentation-pytorch; facebookresearch/Mask2Former at 161be51 (datasets/README.md,
prepare_ade20k_ins_seg.py); Zhou et al., CVPR 2017 and IJCV 2019.
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
from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import BadSample, SourceError

from .parts import coded_segments as coded
from .parts import maps, own_records, picture_files, records, spans
from .parts.ade20k import full
from .parts.ade20k.classes import KINDS, THINGS

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "ADE20K, non-commercial research; annotations BSD-3-Clause"
HOMEPAGE = "https://ade20k.csail.mit.edu"
LABELS = ("segments",)
FILES = {"segments": ("map", "instances", "notes")}  # that a kind of label is read from
HOLDOUTS = {"ade20k-validation": {"split": "validation"}}

SPLITS = ("training", "validation")
LEVELS = ("objects", "parts", "subparts")  # by the number that files have
RELEASES = {"scene_parsing": (20_210, 2_000), "full": (25_574, 2_000)}  # images by split
TOPS = {
    "scene_parsing": ("", "ADEChallengeData2016/"),
    "full": ("ADE20K_2021_17_01/images/ADE/", "images/ADE/", "ADE/", ""),
}
NAME = re.compile(r"ADE_(?:train|val)_\d{8}")
SHIFTED = 255  # void of maps that are one less
PICTURES_AT = "http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip"
INSTANCES_AT = "http://sceneparsing.csail.mit.edu/data/ChallengeData2017/annotations_instance.tar"


def index(
    root: Root, *, release: str = "", split: str = "training", level: str = "objects"
) -> Iterator[Entry]:
    """The images of a split by name, with the classes and sizes of their maps.

    release: scene_parsing or full, "" for the one that is there; split: training or validation;
    level: objects; of the full set also parts, or subparts. Raises SourceError if
    there are no images or no maps.
    """
    return spans.Spans(_all(root, release, split, level), partial(_filled, root), spans.MAPS)


index_parts, index_part = spans.parts(index)


def _all(root: Root, release: str, split: str, level: str) -> Iterator[Entry]:
    """The images of a split before their maps are read. Raises SourceError."""
    release, top = _found(root, release, split, level)
    depth = LEVELS.index(level)
    sizes = records.sizes(root, f"{top}{split}" if release == "full" else top.rstrip("/"))
    for name, stem in _pictures(root, sizes, release, top, split):
        files = _files(stem, name, sizes, (release, top, split), depth)
        if files["map"].size < 0 and depth:
            continue  # an image without parts
        yield Entry(
            id=name,
            group=f"ade20k:{name}",
            width=0,
            height=0,
            license=LICENSE,
            files=files,
            labels=LABELS,
            record=records.pack(depth),
            absent=() if depth else None,  # parts are marked of some objects only
        )


def groups(root: Root, *, release: str = "", split: str = "training") -> Iterator[str]:
    """The groups of a split's images, by the names of their files."""
    release, top = _found(root, release, split, LEVELS[0])
    below = f"{top}{split}" if release == "full" else f"{top}images/{split}"
    for name, _ in _pictures(root, records.sizes(root, below), release, top, split):
        yield f"ade20k:{name}"


def official(*, release: str = "", split: str = "training", level: str = "objects") -> Official:
    """The release of a split. Without a release: that of scene parsing, for parts the full set."""
    release = release or ("scene_parsing" if level == LEVELS[0] else "full")
    _check(release, split, level)
    count = RELEASES[release][SPLITS.index(split)]
    if release == "full":
        path, *others = (f"{top}{split}" for top in TOPS[release][:-1])
        needed = Download(path=path, archive="", url=f"{HOMEPAGE}/request_data", also=(*others,))
        return Official(entries=count if level == LEVELS[0] else None, downloads=(needed,))
    above = TOPS[release][1]
    downloads = [
        Download(
            path=f"{folder}/{split}",
            archive=url.rpartition("/")[2],
            url=url,
            also=(f"{above}{folder}/{split}",),
        )
        for folder, url in (
            ("images", PICTURES_AT),
            ("annotations", PICTURES_AT),
            ("annotations_instance", INSTANCES_AT),
        )
    ]
    return Official(entries=count, downloads=tuple(downloads))


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, and its segments. Raises BadSample."""
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.STORED)
    return Sample(image=image, labels={"segments": _segments(root, entry)} if kinds else {})


def _check(release: str, split: str, level: str) -> None:
    records.one_of("release", release, ("", *RELEASES))
    records.one_of("split", split, SPLITS)
    records.one_of("level", level, LEVELS[:1] if release == "scene_parsing" else LEVELS)


def _found(root: Root, release: str, split: str, level: str) -> tuple[str, str]:
    """The release that is there, and the folder above it. Raises SourceError."""
    _check(release, split, level)
    for kind in [release] if release else RELEASES:
        for top in TOPS[kind]:
            if root.exists(f"{top}{split}" if kind == "full" else f"{top}images/{split}"):
                return kind, top
    tops = [f"{top}images/{split}" for top in TOPS["scene_parsing"]]
    raise SourceError(f"{root.url}: no {' or '.join(tops)}, nor {TOPS['full'][0]}{split}")


def _pictures(
    root: Root, sizes: dict[str, int], release: str, top: str, split: str
) -> list[tuple[str, str]]:
    """(name, path without the type) of a split's images, by name. Raises SourceError for none."""
    below = f"{top}{split}/" if release == "full" else f"{top}images/{split}/"
    paths = (path for path in sizes if path.startswith(below) and path.endswith(".jpg"))
    stems = (path.removesuffix(".jpg") for path in paths)
    named = {stem.rpartition("/")[2]: stem for stem in stems}
    found = sorted((name, stem) for name, stem in named.items() if NAME.fullmatch(name))
    if not found:
        raise SourceError(f"{root.url}: no files ADE_..._00000001.jpg below {below}")
    return found


def _files(
    stem: str, name: str, sizes: dict[str, int], place: tuple[str, str, str], level: int
) -> dict[str, Any]:
    """An image's files. stem: its path without the type; place: release, top and split."""
    release, top, split = place
    image = records.file_ref(f"{stem}.jpg", sizes)
    if release == "full":
        map_ = f"{stem}_parts_{level}.png" if level else f"{stem}_seg.png"
        notes = records.file_ref(f"{stem}.json", sizes)
        return {"image": image, "map": records.file_ref(map_, sizes), "notes": notes}
    plain, shifted, instances = (
        f"{top}annotations{kind}/{split}/{name}.png" for kind in ("", "_detectron2", "_instance")
    )
    path = shifted if plain not in sizes and shifted in sizes else plain
    more = {"instances": records.file_ref(instances, sizes)} if instances in sizes else {}
    return {"image": image, "map": records.file_ref(path, sizes), **more}


def _filled(root: Root, entry: Entry) -> Entry:
    """The entry with the size and classes of its maps, or with its fault."""
    try:
        entry = own_records.measured(root, entry, picture_files.STORED)
        parts, _, strange = _parts(root, entry)
    except BadSample as bad:
        return records.faulty(entry, bad, bad.file)
    lost = tuple(
        f"unknown category: class {code} of the map is not in its JSON" for code in strange
    )
    return replace(entry, classes=coded.facts(parts), left_out=lost)


def _segments(root: Root, entry: Entry) -> Segments:
    parts, codes, _ = _parts(root, entry)
    return coded.segments(coded.numbers(codes, parts, entry.files["map"].path), parts)


def _parts(root: Root, entry: Entry) -> tuple[list[coded.Part], NDArray[Any], list[int]]:
    """An image's segments, their codes by pixel, and classes without a name. BadSample."""
    path = entry.files["map"].path
    if "notes" not in entry.files:
        codes: NDArray[Any] = _parsing_codes(root, entry)
        return coded.parts(codes, KINDS, path), codes, []
    level = int(records.unpack(entry.record))
    kinds, apart = full.named(root, entry, level)
    codes = full.codes(root, entry, apart=apart and not level)
    return coded.parts(codes, kinds, path), codes, full.unnamed(codes, kinds)


def _parsing_codes(root: Root, entry: Entry) -> NDArray[np.uint16]:
    """uint16[H, W]: 256 x class + instance number of the benchmark's maps. Raises BadSample."""
    path = entry.files["map"].path
    kind = maps.grey(root, entry, "map", np.uint8)
    records.check_size(kind.shape, entry, path)
    if "annotations_detectron2/" in path:
        kind = kind + np.uint8(1)  # 255, void, becomes 0
    elif (kind == SHIFTED).any():
        detail = "label 255: a map that is one less, which belongs in annotations_detectron2"
        raise BadSample("unknown category", detail, path)
    if "instances" not in entry.files:
        return np.asarray(kind.astype(np.uint16) << 8)
    found = maps.colours(root, entry, "instances")
    of_class, number = found & 255, (found >> 8) & 255
    if (most := int(of_class.max())) > len(THINGS):
        detail = f"instance class {most}, known: 0 to {len(THINGS)}"
        raise BadSample("unknown category", detail, entry.files["instances"].path)
    agrees = np.array([0, *THINGS], np.uint8)[of_class] == kind
    return np.asarray(kind.astype(np.uint16) << 8 | np.where(agrees, number, 0).astype(np.uint16))
