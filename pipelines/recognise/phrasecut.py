"""PhraseCut: refer_train.json and image_data_split.json with pictures of Visual Genome."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..phrasecut import FOLDERS, PICTURES, SPLITS, TOPS
from .parts.places import OFFICIAL, ROOT, below, by_root, counted, first, joined, others

RANK = OFFICIAL
NOTES = re.compile(
    ROOT + r"(?:(?:data/)?VGPhraseCut_v0/)?"
    r"(?:refer_(?P<split>train|val|test|miniv)|image_data_split(?:3000)?)\.json"
)


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each root, of the split to train on."""
    paths = glimpse.paths
    for root, matches in by_root(paths, NOTES).items():
        splits = {match["split"] for match in matches if match["split"]}
        if not splits:
            continue
        folders = [joined(root, f"{top}{each}") for top in TOPS for each in FOLDERS]
        pictures = {path for folder in folders for path in below(paths, folder)}
        listed = any(match[0].endswith(PICTURES) for match in matches)
        split = first(SPLITS, splits)
        lacking = "" if listed else PICTURES[0]
        yield Found(
            root=root,
            about=f"PhraseCut, {split}, and {counted(len(pictures), 'picture')}",
            count=len(pictures),
            labels=("segments", "expressions"),
            unfit=("semantic", "instance", "panoptic"),
            options={"split": split},
            notes=others("split", split, splits),
            files=frozenset(match[0] for match in matches),
            shared=frozenset(pictures),
            lacking=lacking or ("" if pictures else "the pictures of Visual Genome"),
        )
