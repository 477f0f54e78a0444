"""LVIS v1: COCO's photographs with masks of 1,203 classes, and classes that are known to be absent.

Licence: annotations CC BY 4.0, each picture its own. Layout, the JSON in the root, in lvis/ or in
annotations/:

    lvis_v1_train.json, lvis_v1_val.json
    train2017/000000000790.jpg, val2017/000000000139.jpg      COCO's

- Image records have no file_name: coco_url has folder and name. Of a record that has both, as those
  of v0.5, the file_name is that of 2014 and is not used.
- The 19,809 images of val are from both folders, 4,809 of val2017 and 15,000 of train2017 [inf: the
  sum is official]: both folders are needed for either split, and no folder is a holdout. `lvis-val`
  holds out by image ids. The 4,809 are what others call minival.
- Labels are federated: of each image annotators looked for some classes only. neg_category_ids are
  classes that they looked for in vain, which prompts may ask for as absent; of all others nothing
  is known. Pixels without a mask are not valid, but for prompts of one class that is marked
  exhaustively or absent. Classes in not_exhaustive_category_ids are one crowd: never counted.
- Masks overlap on purpose (a shirt on a person, a wheel of a bicycle): the smaller lies on top, but
  in prompts for the class below that class is drawn whole (Segments.under). Where two of its masks
  lie under another class, nothing says which is in front, and the pixels are not valid.
- All classes are things, and there is no iscrowd. Names are written in words: "aerosol_can" is
  "aerosol can", "bow_(weapon)" is "bow (weapon)", since some words mean several classes. Frequency,
  synset, synonyms and definition are not read.
- All else is as for COCO's instances (pipelines/coco.py). Test images have no annotations.

Seen: 100 images of v0.5's val, real records of the same form, in lvis-api; v1 itself was not.

Sources: lvisdataset.org (dataset page: counts, archives, the note on val); lvis-api at 7d7f07d
(lvis/lvis.py, data/; issues #32 and #43); Gupta et al., CVPR 2019; Li et al., "GLIP", CVPR 2022
(minival).
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

LICENSE = "CC-BY-4.0"
HOMEPAGE = "https://www.lvisdataset.org/dataset"
LABELS = ("segments",)
HOLDOUTS = {"lvis-val": {"split": "val"}}
KNOWN_GROUPS = r"^coco:\d{12}$"

SPLITS = {"train": 100_170, "val": 19_809}  # how many images
TOPS = ("", "annotations/", "lvis/")
NOTES_AT = "https://dl.fbaipublicfiles.com/LVIS"


def index(root: Root, *, split: str = "train") -> Iterator[Entry]:
    """The images of a split in order of their ids, then annotations that name no image.

    split: train or val. Raises SourceError if the JSON or both folders are missing.
    """
    yield from of_2017.entries(root, _table(root, split), split, "lvis")


def groups(root: Root, *, split: str = "train") -> Iterator[str]:
    """COCO's groups of a split, from the JSON alone. Raises SourceError if it is not there."""
    yield from of_2017.groups(_table(root, split))


def official(*, split: str = "train") -> Official:
    """The release of a split: its JSON, and both of COCO's archives of pictures."""
    records.one_of("split", split, SPLITS)
    name = f"lvis_v1_{split}.json"
    notes = Download(
        path=name,
        archive=f"{name}.zip",
        url=f"{NOTES_AT}/{name}.zip",
        also=tuple(f"{top}{name}" for top in TOPS[1:]),
    )
    pictures = of_2017.downloads(both=split == "val")
    return Official(entries=SPLITS[split], downloads=(notes, *pictures))


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, and its masks. Raises BadSample."""
    return of_2017.load(root, entry, kinds)


def in_words(name: str) -> str:
    """The name of a class as a prompt says it: "bow_(weapon)" is "bow (weapon)"."""
    return " ".join(name.replace("_", " ").split())


def _table(root: Root, split: str) -> Table:
    records.one_of("split", split, SPLITS)
    paths = [f"{top}lvis_v1_{split}.json" for top in TOPS]
    return of_2017.table(root, paths, thing=True, spelled=in_words)
