"""PASCAL VOC: VOC2012/ or VOC2007/ with lists of images that have masks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..pascal_voc import SPLITS
from .parts.places import OFFICIAL, ROOT, below, by_root, counted, first, others

RANK = OFFICIAL
LIST = re.compile(
    ROOT + r"(?P<top>(?:VOCdevkit/)?VOC(?P<year>2007|2012))/ImageSets/Segmentation/"
    r"(?P<split>\w+)\.txt"
)


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each year of each root, of the split to train on."""
    for root, matches in by_root(glimpse.paths, LIST).items():
        for year in sorted({match["year"] for match in matches}):
            of_year = [match for match in matches if match["year"] == year]
            splits = {match["split"] for match in of_year} & SPLITS[year].keys()
            split = first(SPLITS[year], splits)
            own = below(glimpse.paths, of_year[0][0].partition("/ImageSets/")[0])
            masks = sum("/SegmentationClass/" in path for path in own)
            if split:
                yield Found(
                    name=f"voc{year}",
                    root=root,
                    about=f"PASCAL VOC {year}: {counted(masks, 'picture')} with masks",
                    count=masks,
                    labels=("segments",),
                    unfit=()
                    if any("/SegmentationObject/" in path for path in own)
                    else ("instance",),
                    options={"year": year, "split": split},
                    notes=others("split", split, splits),
                    files=frozenset(own),
                    lacking="" if masks else "SegmentationClass/",
                )
