"""ETH3D: scenes with images/dslr_images, and with ground_truth_depth/dslr_images."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from .parts.places import OFFICIAL, ROOT, by_root, counted

RANK = OFFICIAL
FILE = re.compile(
    ROOT + r"(?:rgb/|depth/)?(?:\w+_dslr_depth/)?\w+/(?:(?P<what>images|ground_truth_depth)/"
    r"dslr_images/[^/]+\.JPG|dslr_calibration_jpg/\w+\.txt)"
)


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """The pictures with depth."""
    for root, matches in by_root(glimpse.paths, FILE).items():
        count = sum(match["what"] == "ground_truth_depth" for match in matches)
        pictures = any(match["what"] == "images" for match in matches)
        if count:
            yield Found(
                root=root,
                about=f"ETH3D: {counted(count, 'picture')} with depth",
                count=count,
                labels=("depth",),
                options={},
                files=frozenset(match[0] for match in matches),
                lacking="" if pictures else "the pictures of images/dslr_images",
            )
