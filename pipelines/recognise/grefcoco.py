"""gRefCOCO: grefcoco/grefs(unc).json and instances.json with COCO's pictures of 2014."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..parts.refcoco.entries import PICTURES
from .parts.places import OFFICIAL, ROOT, below, by_root, counted, joined

RANK = OFFICIAL
REFS = re.compile(ROOT + r"(?P<top>data/)?grefcoco/grefs\(unc\)\.(?:json|p)")


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each root, of its training split."""
    paths = glimpse.paths
    for root, (match, *_) in by_root(paths, REFS).items():
        folders = [joined(root, top + at) for top in ("", "data/") for at, _ in PICTURES]
        pictures = [path for folder in dict.fromkeys(folders) for path in below(paths, folder)]
        own = below(paths, match[0].rpartition("/")[0])
        masks = any(path.endswith("/instances.json") for path in own)
        yield Found(
            root=root,
            about=f"gRefCOCO, and {counted(len(pictures), 'picture')}",
            count=len(pictures),
            labels=("segments", "expressions"),
            options={"split": "train"},
            files=frozenset(own),
            shared=frozenset(pictures),
            lacking=""
            if masks and pictures
            else "COCO's pictures of train2014"
            if masks
            else "instances.json",
        )
