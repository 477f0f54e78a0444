"""Marigold's tars of depth benchmarks, by their names or by what is in them."""

from __future__ import annotations

from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..marigold import PARTS
from .parts.places import OFFICIAL, counted, joined, name, parent

RANK = OFFICIAL


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each tar; the root is the folder that has the tars' folders."""
    listed = {name(path): path for path in glimpse.paths}
    for part, about in PARTS.items():
        folder, _, tar = about.tar.partition("/")
        for path in [p for p in glimpse.files if name(p) == tar]:
            inside = glimpse.inside(path)
            pairs = [
                match
                for member in inside
                if (match := about.picture.fullmatch(member.removeprefix("./")))
            ]
            above = parent(path)
            root = parent(above) if name(above) == folder else above
            frames = listed.get(about.frames, "")
            if root and not frames.startswith(f"{root}/"):
                frames = ""
            members = {joined(above, member.removeprefix("./")) for member in inside}
            yield Found(
                name=f"marigold-{part}",
                root=root,
                about=f"Marigold's tar of {part}: {counted(len(pairs), 'picture')}",
                count=len(pairs),
                labels=("depth",),
                options={"part": part},
                notes=() if frames else (f"no {about.frames}, so all pictures with depth",),
                files=frozenset({path, *members, *([frames] if frames else [])}),
                lacking="" if pairs else "pictures in its tar",
            )
