"""KITTI's semantic benchmark: image_2 with label maps in training/."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from .parts.places import NOT_COUNTED, OFFICIAL, ROOT, by_root, counted

RANK = OFFICIAL
IMAGE = re.compile(
    ROOT + r"(?:training|testing)/(?P<what>image_2|instance|semantic(?:_rgb)?)/\d{6}_10\.png"
)


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """The label maps of the training images."""
    for root, matches in by_root(glimpse.paths, IMAGE).items():
        kinds = {match["what"] for match in matches}
        if "image_2" in kinds and kinds & {"instance", "semantic"}:
            what = "instance" if "instance" in kinds else "semantic"
            count = sum(match["what"] == what for match in matches)
            yield Found(
                root=root,
                about=f"KITTI semantics: {counted(count, 'label map')}",
                count=count,
                labels=("segments",),
                unfit=() if "instance" in kinds else NOT_COUNTED,
                options={},
                files=frozenset(match[0] for match in matches),
            )
