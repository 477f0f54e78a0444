"""SA-1B: photographs sa_N.jpg, each with a JSON of masks, beside each other or in tars."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..parts.sa1b.frames import FILE
from .parts import tables
from .parts.places import OFFICIAL, below, counted, name, parent

RANK = OFFICIAL
SAYS = b'"predicted_iou"'


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for the photographs in folders, and one for those in tars."""
    listed = [path for path in glimpse.files if FILE.fullmatch(path)]
    notes = sorted(path for path in listed if path.lower().endswith(".json"))
    if notes and SAYS in glimpse.head(notes[0], 1 << 20):
        root = _above(notes)
        about = f"SA-1B: {counted(len(notes), 'photograph')} with masks"
        yield _found(root, about, len(notes), below(listed, root))
    tars = [
        tar
        for _, several in tables.tars_of(glimpse)
        if name(several[0]).startswith("sa_") and {"jpg", "json"} <= _kinds(glimpse, several[0])
        for tar in several
    ]
    if tars:
        count = sum(tables.samples(glimpse, tar).seen for tar in tars)
        about = f"SA-1B: {counted(count, 'photograph')} in {counted(len(tars), 'tar')}"
        yield _found(_above(tars), about, count, tars)


def _above(paths: list[str]) -> str:
    """The deepest folder that has all of some files below it."""
    return posixpath.commonpath([f"/{parent(path)}" for path in paths]).strip("/")


def _kinds(glimpse: Glimpse, tar: str) -> set[str]:
    return set(tables.samples(glimpse, tar).extensions)


def _found(root: str, about: str, count: int, files: list[str]) -> Found:
    return Found(
        root=root,
        about=about,
        count=count,
        labels=("segments",),
        unfit=("semantic", "panoptic", "boxes"),
        options={},
        files=frozenset(files),
    )
