"""iBims-1: rgb, depth and the masks mask_invalid and mask_transp beside one another."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from .parts.places import OFFICIAL, ROOT, by_root, counted

RANK = OFFICIAL
FILE = re.compile(
    ROOT + r"(?:ibims1_core_raw/)?(?P<what>rgb|depth|calib|edges|mask_\w+)/\w+_\d\d\.(?:png|txt)"
)
NEEDED = {"rgb", "depth", "mask_invalid", "mask_transp"}


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """The pictures, where all four kinds of files are there."""
    for root, matches in by_root(glimpse.paths, FILE).items():
        if not {match["what"] for match in matches} >= NEEDED:
            continue
        count = sum(match["what"] == "depth" for match in matches)
        yield Found(
            root=root,
            about=f"iBims-1: {counted(count, 'picture')} with depth",
            count=count,
            labels=("depth",),
            options={},
            files=frozenset(match[0] for match in matches),
        )
