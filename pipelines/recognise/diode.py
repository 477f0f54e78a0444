"""DIODE: frames of scans by their long names, with depth beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from .parts.places import OFFICIAL, ROOT, by_root, counted, first, others

RANK = OFFICIAL
FRAME = re.compile(
    ROOT + r"(?P<split>train|val)/(?:indoors|outdoor)/scene_\d{5}/scan_\d{5}/"
    r"\d{5}_\d{5}_(?:indoors|outdoor)_\d{3}_\d{3}(?P<what>\.png|_depth\.npy|_depth_mask\.npy)"
)


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """The frames of train, of val where there is no other."""
    for root, matches in by_root(glimpse.paths, FRAME).items():
        splits = {match["split"] for match in matches}
        split = first(("train", "val"), splits)
        count = sum(m["split"] == split and m["what"] == "_depth.npy" for m in matches)
        if count:
            yield Found(
                root=root,
                about=f"DIODE: {counted(count, 'frame')} of {split}",
                count=count,
                labels=("depth",),
                options={"split": split},
                notes=others("split", split, splits),
                files=frozenset(match[0] for match in matches),
            )
