"""SA-1B: photographs sa_N.jpg, each with a JSON of masks, beside each other or in tars."""

from __future__ import annotations

from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..parts.sa1b.frames import FILE
from .parts import tables
from .parts.places import OFFICIAL, counted, grown, name, parent

RANK = OFFICIAL
SAYS = b'"predicted_iou"'


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for the photographs in folders, and one for those in tars."""
    listed = [path for path in glimpse.files if FILE.fullmatch(path)]
    notes = sorted(path for path in listed if path.lower().endswith(".json"))
    if notes and SAYS in glimpse.head(notes[0], 1 << 20):
        for root in grown({parent(path) for path in notes}):
            here = [path for path in listed if path.startswith(f"{root}/" if root else "")]
            count = sum(path in here for path in notes)
            yield _found(root, f"SA-1B: {counted(count, 'photograph')} with masks", count, here)
    of_tars = {
        folder: tars
        for folder, tars in tables.tars_of(glimpse)
        if name(tars[0]).startswith("sa_") and {"jpg", "json"} <= _extensions(glimpse, tars[0])
    }
    for root in grown(of_tars):
        tars = [tar for several in of_tars.values() for tar in several]
        here = [tar for tar in tars if tar.startswith(f"{root}/" if root else "")]
        count = sum(tables.samples(glimpse, tar).seen for tar in here)
        about = f"SA-1B: {counted(count, 'photograph')} in {counted(len(here), 'tar')}"
        yield _found(root, about, count, here)


def _extensions(glimpse: Glimpse, tar: str) -> set[str]:
    return set(tables.samples(glimpse, tar).extensions)


def _found(root: str, about: str, count: int, files: list[str]) -> Found:
    return Found(
        root=root,
        about=about,
        count=count,
        labels=("segments",),
        unfit=("semantic", "panoptic"),
        options={},
        files=frozenset(files),
    )
