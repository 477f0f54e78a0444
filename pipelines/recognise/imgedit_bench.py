"""ImgEdit-Bench: basic_edit.json and UGE_edit.json, and the pictures that they name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..imgedit_bench import SUITES
from .parts.places import OFFICIAL, below, counted, is_picture, name, parent

RANK = OFFICIAL
PICTURE = re.compile(rb'"id" *: *"([^"]+)"')


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each suite; the root is the deepest folder that has its pictures, too."""
    paths = glimpse.paths
    for suite, about in SUITES.items():
        for notes in [path for path in paths if name(path) == name(about.notes)]:
            wanted = {
                n.decode(errors="replace") for n in PICTURE.findall(glimpse.head(notes, 1 << 22))
            }
            root = parent(notes)
            while root and not _there(below(paths, root), wanted):
                root = parent(root)
            own = _there(below(paths, root), wanted)
            yield Found(
                name=f"imgedit-bench-{suite}",
                root=root,
                about=f"ImgEdit-Bench: {counted(len(wanted), 'picture')} of {suite} to be edited",
                count=len(wanted),
                labels=("edited",),
                options={"suite": suite},
                files=frozenset({notes, *own}),
                lacking="" if own else "the pictures that it names",
            )


def _there(paths: list[str], wanted: set[str]) -> list[str]:
    """The pictures whose paths end in one of the names."""
    return [
        path
        for path in paths
        if is_picture(path)
        and any(path == each or path.endswith(f"/{each}") for each in _ends(path, wanted))
    ]


def _ends(path: str, wanted: set[str]) -> list[str]:
    """The names that a path may end in: its last parts, one or two."""
    parts = path.split("/")
    return [end for end in (parts[-1], "/".join(parts[-2:])) if end in wanted]
