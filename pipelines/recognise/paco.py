"""PACO-LVIS: paco_lvis_v1_train.json, ..._val.json or ..._test.json with COCO's pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..paco import SPLITS
from ..parts.coco.of_2017 import FOLDERS
from .parts.places import OFFICIAL, ROOT, below, by_root, counted, first, joined, others

RANK = OFFICIAL
NOTES = re.compile(ROOT + r"(?:annotations/)?paco_lvis_v1_(?P<split>train|val|test)\.json")


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each root, of the objects of the split to train on."""
    for root, matches in by_root(glimpse.paths, NOTES).items():
        splits = {match["split"] for match in matches}
        folders = [joined(root, folder) for folder in FOLDERS]
        pictures = [path for folder in folders for path in below(glimpse.paths, folder)]
        split = first(SPLITS, splits)
        yield Found(
            root=root,
            about=f"PACO-LVIS, objects of {split}, and {counted(len(pictures), 'picture')}",
            count=len(pictures),
            labels=("segments",),
            unfit=("panoptic",),
            options={"split": split, "level": "objects"},
            notes=(*others("split", split, splits), "also there, by level: parts"),
            files=frozenset(match[0] for match in matches),
            shared=frozenset(pictures),
            lacking="" if pictures else "COCO's pictures of train2017 and val2017",
        )
