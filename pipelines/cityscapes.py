"""Cityscapes: streets of 50 cities with the class of every pixel, and instances of people and cars.

Licence: its own, for research and other non-commercial use; a login is needed. Layout, of
leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip, or of the archives of coarse labels:

    leftImg8bit/{train,val,test,train_extra}/aachen/aachen_000000_000019_leftImg8bit.png
    gtFine/{train,val}/aachen/aachen_000000_000019_gtFine_instanceIds.png
    gtFine/{train,val}/aachen/aachen_000000_000019_gtFine_labelIds.png
    gtCoarse/{train,val,train_extra}/aachen/aachen_000000_000019_gtCoarse_{instance,label}Ids.png

All are 2048 x 1024. One of the two maps is enough; where both are there, they must agree.

- labelIds: uint8, the label id, 0 to 33. instanceIds: uint16, 1000 x label id + number from 0 for
  an instance of a class that is counted; the plain label id, below 1000, for all other classes and
  for a group that was not told apart, which is one crowd of its class here. Without instanceIds
  all of such a class is a crowd.
- classes: `evaluated` has the 19 classes of the benchmark. What its evaluation ignores
  (ignoreInEval) is void: of no segment and not valid, so that a score leaves these pixels out and
  no answer can be right or wrong there. `named` makes void the category void alone, as in
  kitti_semantic.py, and keeps parking, rail track, guard rail, bridge, tunnel, pole group, caravan
  and trailer.
- Maps of train ids (labelTrainIds, 0 to 18 and 255), which many copies on the net hold alone, or
  under the name labelIds, are refused: read as label ids, cars would be fences.
- The truth of test is not published; its label maps hold void alone, so it cannot be read.
- ids: city_sequence_frame, as predictions for the official script must be named. Groups: the city,
  as the official splits are by city.
- The index reads every label map, 20 ms each: which classes it has, and how many pixels.
- polygons, colours, disparity, right and 16-bit pictures are not read.

Nothing of it was seen here: layout and codes are those of the official scripts.

Sources: mcordts/cityscapesScripts (README.md, helpers/labels.py, preparation/json2instanceImg.py,
evaluation/evalPixelLevelSemanticLabeling.py; issues #8, #68 and #78 on train ids); Cordts et al.,
"The Cityscapes Dataset", CVPR 2016.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Segments
from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import BadSample, SourceError

from .parts import cityscapes, maps, picture_files, records, spans
from .parts import coded_segments as coded

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "Cityscapes"
HOMEPAGE = "https://www.cityscapes-dataset.com"
LABELS = ("segments",)
FILES = {"segments": ("instance", "label")}  # that a kind of label is read from
HOLDOUTS = {"cityscapes-val": {"split": "val"}}

FRAMES = {"fine": {"train": 2975, "val": 500}, "coarse": {"train_extra": 19998}}
FRAMES["coarse"] |= FRAMES["fine"]
CLASSES = {"evaluated": cityscapes.EVALUATED, "named": cityscapes.NAMED}
FOLDERS = {"fine": "gtFine", "coarse": "gtCoarse"}
MAPS = {"instance": "instanceIds", "label": "labelIds"}
FRAME = re.compile(r".*/([^/]+)/(\1_\d{6}_\d{6})_(?:leftImg8bit|gt(?:Fine|Coarse)_\w+)\.\w+")
TYPES = {"label": np.uint8, "instance": np.uint16}
NUMBERED = 1000  # instances of a label: numbers 0 to 999
CODES = NUMBERED + 1  # of a label here: those and, as 0, what was not told apart
FIRST_UNKNOWN = NUMBERED * len(cityscapes.NAMED)
LOOKED_AT = 8  # label maps in which there is a label beyond the train ids
TRAIN_IDS = (
    "train ids (0 to 18, and 255 for what is ignored), but label ids are read (road 7, car 26): "
    "take the labelIds and instanceIds of the official archive"
)


def index(
    root: Root, *, split: str = "train", truth: str = "fine", classes: str = "evaluated"
) -> Iterator[Entry]:
    """The frames of a split by city, sequence and frame, with the classes of their label maps.

    split: train, val, or, of coarse labels, train_extra; truth: fine or coarse; classes: evaluated,
    the 19 of the benchmark, or named, 27. Raises SourceError if there are no pictures or no maps of
    label ids.
    """
    _check(split, truth, classes)
    return spans.Spans(_all(root, split, truth, classes), partial(_filled, root), spans.MAPS)


index_parts, index_part = spans.parts(index)


def _all(root: Root, split: str, truth: str, classes: str) -> Iterator[Entry]:
    """The frames of a split before their label maps are read. Raises SourceError."""
    folder = f"{FOLDERS[truth]}/{split}"
    pictures, labels = records.sizes(root, f"leftImg8bit/{split}"), records.sizes(root, folder)
    kinds = [k for k, name in MAPS.items() if any(p.endswith(f"_{name}.png") for p in labels)]
    if not kinds:
        raise SourceError(f"{root.url}: {_no_maps(folder, labels)}")
    of_files = (FRAME.fullmatch(path) for path in (*pictures, *labels))
    frames = sorted({(match[2], match[1]) for match in of_files if match})
    entries = [_entry(*frame, split, truth, kinds, pictures | labels, classes) for frame in frames]
    if not entries:
        raise SourceError(f"{root.url}: no CITY/CITY_000000_000019_leftImg8bit.png of {split}")
    _refuse_train_ids(root, entries)
    yield from entries


def groups(
    root: Root, *, split: str = "train", truth: str = "fine", classes: str = "evaluated"
) -> Iterator[str]:
    """The groups of a split: its cities, by the folders of its pictures."""
    _check(split, truth, classes)
    for city in root.folders(f"leftImg8bit/{split}"):
        yield f"cityscapes:{city}"


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's PNG as they are, and its segments. Raises BadSample."""
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.UNSAID)
    return Sample(image=image, labels={"segments": _segments(root, entry)} if kinds else {})


def official(*, split: str = "train", truth: str = "fine", classes: str = "evaluated") -> Official:
    """The release of a split: its pictures and its label maps."""
    _check(split, truth, classes)
    extra = "_trainextra" if split == "train_extra" else "_trainvaltest"
    labels = FOLDERS[truth]
    archives = {"leftImg8bit": f"leftImg8bit{extra}.zip"}
    archives[labels] = f"{labels}_trainvaltest.zip" if truth == "fine" else f"{labels}.zip"
    return Official(
        entries=FRAMES[truth][split],
        downloads=tuple(
            Download(path=f"{folder}/{split}", archive=archive, url=f"{HOMEPAGE}/downloads/")
            for folder, archive in archives.items()
        ),
    )


def _check(split: str, truth: str, classes: str) -> None:
    records.one_of("truth", truth, FOLDERS)
    records.one_of("classes", classes, CLASSES)
    if split == "test":
        raise SourceError("split: the truth of test is not published. Known: train, val")
    records.one_of(f"split (of {truth} labels)", split, sorted(FRAMES[truth]))


def _no_maps(folder: str, labels: dict[str, int]) -> str:
    """What to say where a folder has no maps of label ids."""
    made = next((path for path in labels if "TrainIds" in path.rpartition("/")[2]), "")
    if made:
        return f"{made} and its like hold {TRAIN_IDS}"
    return f"no files CITY/*_labelIds.png or *_instanceIds.png in {folder}"


def _entry(
    frame: str,
    city: str,
    split: str,
    truth: str,
    kinds: list[str],
    sizes: dict[str, int],
    classes: str,
) -> Entry:
    """A frame before its label maps are read. sizes: of all files by path."""
    labels = f"{FOLDERS[truth]}/{split}/{city}/{frame}_{FOLDERS[truth]}"
    picture = f"leftImg8bit/{split}/{city}/{frame}_leftImg8bit"
    return Entry(
        id=frame,
        group=f"cityscapes:{city}",
        width=0,
        height=0,
        license=LICENSE,
        files={"image": records.picture_ref(picture, "png", sizes)}
        | {kind: records.file_ref(f"{labels}_{MAPS[kind]}.png", sizes) for kind in kinds},
        labels=LABELS,
        record=records.pack({"classes": classes}),
    )


def _refuse_train_ids(root: Root, entries: list[Entry]) -> None:
    """Raise SourceError if the first label maps hold train ids under the name of label ids."""
    seen = set[int]()
    with_map = [e for e in entries if "label" in e.files and e.files["label"].size > 0]
    for entry in with_map[:LOOKED_AT]:
        try:
            seen |= set(np.unique(maps.grey(root, entry, "label", np.uint8)).tolist())
        except BadSample:  # raised again when the entry is filled
            continue
    if len(seen) > 1 and seen <= cityscapes.TRAIN_IDS:
        path = with_map[0].files["label"].path
        raise SourceError(f"{root.url}: {path} and its like hold {TRAIN_IDS}")


def _filled(root: Root, entry: Entry) -> Entry:
    """The entry with the size and classes of its label maps, or with its fault."""
    try:
        codes = _codes(root, entry)
        parts = _parts(codes, entry)
    except BadSample as bad:
        return replace(entry, fault=str(bad))
    height, width = codes.shape
    return replace(entry, width=width, height=height, classes=coded.facts(parts))


def _segments(root: Root, entry: Entry) -> Segments:
    codes, path = _codes(root, entry), _label_file(entry)
    records.check_size(codes.shape, entry, path)
    parts = _parts(codes, entry)
    return coded.segments(coded.numbers(codes, parts, path), parts)


def _parts(codes: NDArray[np.uint16], entry: Entry) -> list[coded.Part]:
    kinds = CLASSES[records.unpack(entry.record)["classes"]]
    return coded.parts(codes, kinds, _label_file(entry), CODES)


def _label_file(entry: Entry) -> str:
    return entry.files["instance" if "instance" in entry.files else "label"].path


def _codes(root: Root, entry: Entry) -> NDArray[np.uint16]:
    """uint16[H, W]: CODES x label id + 1 + instance number, or + 0 where there is no instance.

    Raises BadSample for train ids, and where the two maps of an entry have other classes.
    """
    found = {key: maps.grey(root, entry, key, t) for key, t in TYPES.items() if key in entry.files}
    for key, stored in found.items():
        path = entry.files[key].path
        if (stored == 255).any():
            raise BadSample("unknown category", f"label 255: {TRAIN_IDS}", path)
        if (top := int(stored.max())) >= FIRST_UNKNOWN:
            raise BadSample("unknown category", f"{top}, known: label ids 0 to 33", path)
    if "instance" not in found:
        return np.asarray(found["label"].astype(np.uint16) * np.uint16(CODES))
    stored = found["instance"]
    labels, numbers = np.divmod(stored, np.uint16(NUMBERED))
    counted = labels > 0
    labels = np.where(counted, labels, numbers)
    if "label" in found:
        _agree(labels, found["label"], entry.files["label"].path)
    return np.asarray(labels * np.uint16(CODES) + np.where(counted, numbers + np.uint16(1), 0))


def _agree(ours: NDArray[np.uint16], label: NDArray[np.uint8], path: str) -> None:
    """Raise BadSample unless the two label maps of a frame have the same classes everywhere."""
    if ours.shape != label.shape:
        detail = f"instance map {ours.shape}, label map {label.shape} (height, width)"
        raise BadSample("wrong size", detail, path)
    if differ := int(np.count_nonzero(ours != label)):
        detail = f"{differ} pixels of another class than in the instance map"
        raise BadSample("garbled annotation", detail, path)
