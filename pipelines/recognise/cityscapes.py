"""Cityscapes: pictures in leftImg8bit with maps of label ids in gtFine or gtCoarse."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from .parts.places import NOT_COUNTED, OFFICIAL, ROOT, by_root, counted, first, others

RANK = OFFICIAL
NAME = r"[^/]+/[^/]+_\d{6}_\d{6}_"
FILE = re.compile(
    ROOT
    + r"(?P<top>leftImg8bit|gtFine|gtCoarse)/(?P<split>train|val|test|train_extra)/"
    + NAME
    + r"(?:leftImg8bit|gt(?:Fine|Coarse)_(?P<what>\w+))\.(?:png|json)"
)
TRUTHS = {"gtFine": "fine", "gtCoarse": "coarse"}


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """The labelled frames of train, of another split where there is no train."""
    for root, matches in by_root(glimpse.paths, FILE).items():
        tops = {match["top"] for match in matches}
        maps = [m for m in matches if m["what"] in ("labelIds", "instanceIds")]
        top = first(TRUTHS, {m["top"] for m in maps}) or first(TRUTHS, tops)
        splits = {m["split"] for m in maps if m["top"] == top}
        split = first(("train", "val", "train_extra"), splits) or "train"
        here = [m for m in maps if (m["top"], m["split"]) == (top, split)]
        instances = sum(m["what"] == "instanceIds" for m in here)
        count = instances or len(here)
        if not top:
            continue
        lacking = "" if here else "maps of label ids (labelIds, instanceIds)"
        yield Found(
            root=root,
            about=f"Cityscapes: {counted(count, 'labelled frame')} of {split} ({TRUTHS[top]})",
            count=count,
            labels=("segments",),
            unfit=() if instances else NOT_COUNTED,
            options={"split": split, "truth": TRUTHS[top]},
            notes=others("split", split, splits - {"test"}),
            files=frozenset(match[0] for match in matches),
            lacking=lacking if "leftImg8bit" in tops else "the pictures of leftImg8bit",
        )
