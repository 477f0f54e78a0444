"""NYU Depth V2: the labelled .mat, or the folders of frames that BTS trains on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from .parts.places import OFFICIAL, ROOT, by_root, counted, joined

RANK = OFFICIAL
MAT = re.compile(ROOT + r"nyu_depth_v2_labeled\.mat")
SYNC = re.compile(
    ROOT + r"(?:sync/)?[a-z]+(?:_[a-z]+)*_\d+[a-z]?/(?P<what>rgb|sync_depth)_\d{5}\.\w+"
)
LABELLED = 1449  # frames of the .mat
TRAIN = 795  # of them, by splits.mat


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """The .mat by its name; folders that have both pictures and depth."""
    paths = set(glimpse.paths)
    for root in by_root(glimpse.paths, MAT):
        splits = joined(root, "splits.mat")
        whole = splits not in paths
        yield Found(
            root=root,
            about="NYU Depth V2: the labelled frames" + " (no splits.mat: all of them)" * whole,
            count=LABELLED if whole else TRAIN,
            labels=("depth", "segments"),
            options={"layout": "labeled", "split": "both" if whole else "train"},
            files=frozenset({joined(root, "nyu_depth_v2_labeled.mat"), splits} & paths),
        )
    for root, matches in by_root(glimpse.paths, SYNC).items():
        counts = [sum(m["what"] == what for m in matches) for what in ("rgb", "sync_depth")]
        if all(counts):
            yield Found(
                root=root,
                about=f"NYU Depth V2: {counted(min(counts), 'frame')} in the folders of BTS",
                count=min(counts),
                labels=("depth",),
                options={"layout": "sync"},
                files=frozenset(match[0] for match in matches),
            )
