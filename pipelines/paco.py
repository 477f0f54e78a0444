"""PACO-LVIS: COCO's photographs with masks of 75 kinds of objects, and of the parts of each.

Licence: MIT, as the repository [inf]; LVIS's masks are CC BY 4.0, each picture has its own. Layout,
the JSON in the root, in annotations/, paco/ or paco/annotations/:

    paco_lvis_v1_train.json, paco_lvis_v1_val.json, paco_lvis_v1_test.json
    train2017/000000000790.jpg, val2017/000000000139.jpg      COCO's, as file_name has them [inf]

- 531 categories: 75 objects ("mug", "car_(automobile)") and 456 parts of objects ("mug:handle").
  Prompts say "mug", "car", "mug handle"; no two objects share a name without its brackets.
- level: `objects` or `parts`. An object's mask has its parts in it, so that no pixel could be of
  both: what is of the other level is not read. Parts lie on objects, not beside them: pixels of an
  object that no part covers are not valid, but for prompts of one kind of part.
- Objects are things. Parts are not: all parts of a name that an object has are one mask (two
  handles, four wheels), so they cannot be counted.
- Labels are federated, as LVIS's (pipelines/lvis.py): neg_category_ids are known to be absent, of
  not_exhaustive_category_ids not all are marked, and of all other classes nothing is known. Both
  lists have parts, too [inf]. The *_attrs lists of the same kind say nothing of masks.
- Masks are RLE or polygons. obj_ann_id, colours, materials, patterns and the queries of test are
  not read.
- train and val are images of LVIS's train, test those of its val, in both of COCO's folders.
- PACO-EGO4D, whose pictures are frames of videos under another licence, is not read.
- All else is as for LVIS.

Nothing of it was seen here: layout and counts are those of the official documentation, the 531
names those that LISA's loader reads.

Sources: facebookresearch/paco at 7ebddcf (docs/PACO_DATASET.md, README.md); dvlab-research/LISA
(utils/sem_seg_dataset.py); Ramanathan et al., "PACO", CVPR 2023.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from vbdata.core.types import Download, Entry, Official, Sample

from .parts import records
from .parts.coco import of_2017

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

    from .parts.coco.tables import Table

LICENSE = "MIT and CC-BY-4.0"
HOMEPAGE = "https://github.com/facebookresearch/paco"
LABELS = ("segments",)
SPLITS = {"train": 45_790, "val": 2_410, "test": 9_443}  # how many images
HOLDOUTS = {f"paco-lvis-{split}": {"split": split} for split in ("val", "test")}
KNOWN_GROUPS = r"^coco:\d{12}$"

OBJECTS, PARTS = "objects", "parts"
LEVELS = (OBJECTS, PARTS)
TOPS = ("", "annotations/", "paco/annotations/", "paco/")
NOTES_AT = "https://dl.fbaipublicfiles.com/paco/annotations/paco_lvis_v1.zip"


def index(root: Root, *, split: str = "train", level: str = OBJECTS) -> Iterator[Entry]:
    """The images of a split in order of their ids, then annotations that name no image.

    split: train, val or test; level: objects or parts. Raises SourceError if the JSON or both
    folders are missing.
    """
    table, kept = _table(root, split, level)
    yield from of_2017.entries(root, table, split, "paco", kept)


def groups(root: Root, *, split: str = "train", level: str = OBJECTS) -> Iterator[str]:
    """COCO's groups of a split, from the JSON alone. Raises SourceError if it is not there."""
    yield from of_2017.groups(_table(root, split, level)[0])


def official(*, split: str = "train", level: str = OBJECTS) -> Official:
    """The release of a split: its JSON, and both of COCO's archives of pictures."""
    _check(split, level)
    name, archive = f"paco_lvis_v1_{split}.json", NOTES_AT.rpartition("/")[2]
    also = tuple(f"{top}{name}" for top in TOPS[1:])
    notes = Download(path=name, archive=archive, url=NOTES_AT, also=also)
    pictures = of_2017.downloads(both=split == "test")
    return Official(entries=SPLITS[split], downloads=(notes, *pictures))


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, and its masks. Raises BadSample."""
    return of_2017.load(root, entry, kinds)


def in_words(name: str) -> str:
    """The name of a category as a prompt says it: "car_(automobile):door" is "car door"."""
    said = (part.partition("_(")[0].replace("_", " ") for part in name.split(":"))
    return " ".join(" ".join(said).split())


def _check(split: str, level: str) -> None:
    records.one_of("split", split, SPLITS)
    records.one_of("level", level, LEVELS)


def _table(root: Root, split: str, level: str) -> tuple[Table, frozenset[str]]:
    """The JSON of a split, and the classes of a level. Raises SourceError."""
    _check(split, level)
    kept: set[str] = set()

    def spelled(name: str) -> str:
        words = in_words(name)
        if (":" in name) == (level == PARTS):
            kept.add(words)
        return words

    paths = [f"{top}paco_lvis_v1_{split}.json" for top in TOPS]
    table = of_2017.table(root, paths, thing=level == OBJECTS, spelled=spelled)
    return table, frozenset(kept)
