"""MoGe's format: folders with image.jpg, depth.png and meta.json, in a list .index.txt above."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..formats import png_text
from ..moge import LIST, PARTS
from .parts.places import OFFICIAL, below, counted, joined, name, parent

RANK = OFFICIAL
DEPTH = re.compile(r"(?P<folder>.+)/depth\.png")


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each folder with a list, of which some depth.png says between what it is."""
    paths = glimpse.paths
    known = set(paths)
    folders = [m["folder"] for path in paths if (m := DEPTH.fullmatch(path))]
    pairs: dict[str, list[str]] = {}
    for folder in folders:
        if joined(folder, "meta.json") in known and (top := _listed(glimpse, folder)) is not None:
            pairs.setdefault(top, []).append(folder)
    for top, found in pairs.items():
        said = png_text.texts(glimpse.head(joined(found[0], "depth.png")))
        if "near" not in said or "far" not in said:
            continue
        part = name(top) if name(top) in PARTS else ""
        yield Found(
            name=f"moge-{part}" if part else "",
            root=parent(top) if part else top,
            about=f"MoGe's format: {counted(len(found), 'picture')} with depth in {top or '.'}",
            count=len(found),
            labels=("depth",),
            options={"part": part},
            files=frozenset(below(paths, top)),
        )


def _listed(glimpse: Glimpse, folder: str) -> str | None:
    """The folder above that has the list, None if none has."""
    while folder:
        folder = parent(folder)
        if glimpse.local(joined(folder, LIST)).is_file():
            return folder
    return None
