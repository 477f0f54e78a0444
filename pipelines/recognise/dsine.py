"""DSINE's pack of normals: pictures NAME_img with NAME_normal and NAME_intrins.npy."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..dsine import PARTS
from .parts.places import OFFICIAL, ROOT, by_root, counted

RANK = OFFICIAL
FILE = re.compile(
    ROOT + r"(?:dsine_eval/)?(?P<part>nyuv2/(?:test|train)|scannet/scene\d{4}_\d\d|ibims/ibims|"
    r"sintel/\w+|vkitti/Scene\d\d|oasis/val)/[^/]+_(?P<what>img|normal|intrins)\.(?:png|jpg|exr|pkl|npy)"
)


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each benchmark of the pack."""
    for root, matches in by_root(glimpse.paths, FILE).items():
        for part, (folder, _, _) in PARTS.items():
            here = [m for m in matches if f"{m['part']}/".startswith(f"{folder}/")]
            pairs = [sum(m["what"] == what for m in here) for what in ("img", "normal")]
            if all(pairs):
                yield Found(
                    name=f"dsine-{part}",
                    root=root,
                    about=f"DSINE's pack: {counted(min(pairs), 'picture')} of {part}",
                    count=min(pairs),
                    labels=("normals",),
                    options={"part": part},
                    files=frozenset(match[0] for match in here),
                )
