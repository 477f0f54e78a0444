"""PASCAL VOC: VOC2012/ or VOC2007/ with lists of images that have masks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..pascal_voc import SPLITS
from .parts.places import NOT_COUNTED, OFFICIAL, ROOT, below, by_root, counted, first, others

RANK = OFFICIAL
LIST = re.compile(
    ROOT + r"(?P<top>(?:VOCdevkit/)?(?P<release>VOC2007|VOC2012))/ImageSets/Segmentation/"
    r"(?P<split>\w+)\.txt"
)


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each release of each root, of the split to train on."""
    for root, matches in by_root(glimpse.paths, LIST).items():
        for name in sorted({match["release"] for match in matches}):
            found, release = [m for m in matches if m["release"] == name], name.lower()
            splits = {match["split"] for match in found} & SPLITS[release].keys()
            split = first(SPLITS[release], splits)
            own = below(glimpse.paths, found[0][0].partition("/ImageSets/")[0])
            masks = sum("/SegmentationClass/" in path for path in own)
            if split:
                yield Found(
                    name=release,
                    root=root,
                    about=f"PASCAL {name}: {counted(masks, 'picture')} with masks",
                    count=masks,
                    labels=("segments",),
                    unfit=()
                    if any("/SegmentationObject/" in path for path in own)
                    else NOT_COUNTED,
                    options={"release": release, "split": split},
                    notes=others("split", split, splits),
                    files=frozenset(own),
                    lacking="" if masks else "SegmentationClass/",
                )
