"""Annotations of a kind of their own on COCO's pictures of 2017."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ...parts.coco.of_2017 import FOLDERS
from .places import below, by_root, counted, first, joined, others


def found(
    glimpse: Glimpse,
    notes: re.Pattern[str],
    splits: Sequence[str],
    named: Callable[[str], str],
    options: dict[str, str],
    more: tuple[str, ...] = (),
) -> Iterator[Found]:
    """A source for each root, of the split to train on.

    notes: paths of annotation files, with the groups root and split; splits: in the order in which
    they are preferred; named: what the data of a split are; options, more: of each source, besides
    the split.
    """
    for root, matches in by_root(glimpse.paths, notes).items():
        there = {match["split"] for match in matches}
        folders = [joined(root, folder) for folder in FOLDERS]
        pictures = [path for folder in folders for path in below(glimpse.paths, folder)]
        split = first(splits, there)
        yield Found(
            root=root,
            about=f"{named(split)}, and {counted(len(pictures), 'picture')}",
            count=len(pictures),
            labels=("segments",),
            unfit=("panoptic",),
            options={"split": split, **options},
            notes=(*others("split", split, there), *more),
            files=frozenset(match[0] for match in matches),
            shared=frozenset(pictures),
            lacking="" if pictures else "COCO's pictures of train2017 and val2017",
        )
