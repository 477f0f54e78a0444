"""Editing triplets: metadata.jsonl with two images a line, or tars with two images a sample."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..parts.triplets.names import ALIASES
from ..parts.triplets.tables import METADATA
from .parts import tables
from .parts.places import NAMED, below, counted, grown, is_picture, name, parent, to_train_on

RANK = NAMED


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each table, and for each folder of tars."""
    listed = {
        parent(path): path
        for path in glimpse.files
        if name(path) == METADATA and _are_edits(tables.columns(glimpse, path))
    }
    for folder, notes in to_train_on(listed).items():
        path = listed[folder]
        count = tables.lines(glimpse, path)
        pictures = [each for each in below(glimpse.files, folder) if is_picture(each)]
        yield Found(
            root=folder,
            about=f"editing triplets: {counted(count, 'line')} of {name(path)}",
            count=count,
            labels=("edited",),
            options={},
            notes=notes,
            files=frozenset([path, *pictures]),
            lacking="" if pictures else "the images beside the table",
        )
    of_tars = {folder: found for folder, found in tables.tars_of(glimpse) if _in(glimpse, found)}
    for root in grown(of_tars):
        tars = [tar for tar in below(glimpse.files, root) if parent(tar) in of_tars]
        tars = [tar for tar in tars if tar in of_tars[parent(tar)]]
        count = sum(tables.samples(glimpse, tar).seen for tar in tars)
        yield Found(
            root=root,
            about=f"editing triplets: {counted(count, 'sample')} in {counted(len(tars), 'tar')}",
            count=count,
            labels=("edited",),
            options={},
            files=frozenset(tars),
        )


def _in(glimpse: Glimpse, tars: list[str]) -> bool:
    """Whether the first tar of a folder has triplets."""
    found = tables.samples(glimpse, tars[0])
    pictures = {
        e for each in tables.images(found.extensions) for e in (each, each.rpartition(".")[0])
    }
    texts = {e.removesuffix(".txt") for e in found.extensions if e.endswith("txt")}
    return _are_edits({*pictures, *texts, *found.keys, *(("prompt",) if texts else ())})


def _are_edits(names: Collection[str]) -> bool:
    """Whether some columns or members name both images and an instruction."""
    return all(any(alias in names for alias in aliases) for aliases in ALIASES.values())
