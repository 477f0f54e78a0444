"""Procedural scenes: scenes.jsonl with arrays of all of a split's pictures beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..procedural import ARRAYS, LABELS, SPLITS
from .parts.places import OFFICIAL, ROOT, by_root, counted, first, others

RANK = OFFICIAL
FILE = re.compile(ROOT + rf"(?P<split>{'|'.join(SPLITS)})/(?P<what>scenes\.jsonl|\w+\.npy)")
MOST_LINES = 64 << 20  # bytes of the lines that are counted


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """The first split that has its lines and all of its arrays."""
    wanted = {"scenes.jsonl", *(f"{name}.npy" for name in ARRAYS)}
    for root, matches in by_root(glimpse.paths, FILE).items():
        there = {
            split
            for split in SPLITS
            if wanted <= {match["what"] for match in matches if match["split"] == split}
        }
        if not (split := first(SPLITS, there)):
            continue
        (lines,) = (m[0] for m in matches if m["what"] == "scenes.jsonl" and m["split"] == split)
        count = glimpse.head(lines, MOST_LINES).count(b"\n")
        yield Found(
            root=root,
            about=f"procedural scenes: {counted(count, 'scene')} of {split}",
            count=count,
            labels=LABELS,
            options={"split": split},
            notes=others("split", split, there),
            files=frozenset(match[0] for match in matches),
        )
