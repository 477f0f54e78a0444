"""ADE20K: the pictures and maps of the scene parsing benchmark, or of the full set."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from .parts.places import NOT_COUNTED, OFFICIAL, ROOT, by_root, counted, first, others

RANK = OFFICIAL
FILE = re.compile(
    ROOT + r"(?:ADEChallengeData2016/(?:images|annotations(?:_instance|_detectron2)?)|"
    r"(?:ADE20K_2021_17_01/)?images/ADE)/(?P<split>training|validation)/(?:.*/)?"
    r"ADE_(?:train|val)_\d{8}(?P<end>(?:_[a-z0-9_]+)?\.(?:jpg|png|json))"
)


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each root, of the split to train on."""
    for root, matches in by_root(glimpse.paths, FILE).items():
        pictures = [match for match in matches if match["end"] == ".jpg"]
        splits = {match["split"] for match in pictures}
        split = first(("training", "validation"), splits) or "training"
        count = sum(match["split"] == split for match in pictures)
        maps = any(match["end"] in (".png", "_seg.png") for match in matches)
        counts = any("annotations_instance/" in match[0] for match in matches)
        full = any(match["end"] == "_seg.png" for match in matches)
        yield Found(
            root=root,
            about=f"ADE20K, {'the full set' if full else 'scene parsing'}: "
            f"{counted(count, 'picture')} of {split}",
            count=count,
            labels=("segments",),
            unfit=() if full or counts else NOT_COUNTED,
            options={"split": split},
            notes=others("split", split, splits),
            files=frozenset(match[0] for match in matches),
            lacking="" if maps else "the maps, annotations/",
        )
