"""A source of COCO-format files, its annotation files parsed, and the entries of its images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vbdata.core.types import Entry
from vbdata.errors import SourceError

from . import blocks, files, keypoints, pictures, tables
from .aligned import aligned
from .entries import COCO, Context, bare, entry_of

if TYPE_CHECKING:
    import pyarrow as pa

    from vbdata.storage.folder import Root

OWN = "own"  # the option ids: no id is COCO's


@dataclass(slots=True)
class Opened:
    """read: the annotation files; context: what their entries share.

    one_set: whether an id means the same image in all files.
    """

    read: list[tables.Table]
    context: Context
    one_set: bool

    def entries(self) -> Iterator[Entry]:
        """The images in order of their names, then what names no image. The files are emptied."""
        by_name, strays = pictures.pictures(self.read, one_set=self.one_set)
        self.read.clear()
        with tables.settled():
            for name in sorted(by_name):
                yield entry_of(by_name.pop(name), self.context)
        yield from self._strays(strays)

    def columns(self, **sizes: int) -> Iterator[Entry | pa.RecordBatch]:
        """What `entries` yields, most of it in batches of vbdata.core.entry_columns.

        sizes: of the blocks, other than the usual ones (blocks.entries).
        """
        able = self.one_set and blocks.able(self.read, self.context)
        images = aligned(self.read) if able else None
        if images is None:
            yield from self.entries()
            return
        with tables.settled():
            yield from blocks.entries(images, self.context, **sizes)
        yield from self._strays(images.strays)

    def _strays(self, strays: Sequence[str]) -> Iterator[Entry]:
        for place, detail in enumerate(strays):
            fault = f"garbled annotation: {detail}"
            yield bare(f"stray-{place:06d}", self.context, fault=fault)


def opened(
    root: Root,
    things: Mapping[str, bool],
    annotations: Sequence[str],
    images: Sequence[str],
    *,
    split: str,
    segments: str,
    pngs: str,
    ids: str,
    licence: str,
    exif: str,
    source: str,
) -> Opened:
    """A source's files, parsed, by the options of coco.index. things: coco.SEGMENTS.

    Raises SourceError if the files are not there or not of COCO's form.
    """
    found = files.find(root, split, segments, annotations)
    read = _tables(root, found, segments, things[segments])
    context = Context(
        root=root,
        split=split,
        segments=segments,
        images=files.pictures_of(root, found, split, images),
        pngs=files.pngs_of(root, found, split, pngs) if segments == "panoptic" else None,
        ids=ids,
        own=ids if ids not in ("", COCO, OWN) else source,
        licence=licence,
        exif=exif,
        joints=_joints(read) if segments == "person_keypoints" else {},
    )
    return Opened(read, context, not found.own or len(found.masks) < 2)


def _tables(root: Root, found: files.Files, segments: str, thing: bool) -> list[tables.Table]:
    """The annotation files, parsed: those of masks, then those of captions."""
    masks = [tables.table(root, path, thing=thing, either=found.own) for path in found.masks]
    for each in masks:
        if each and each.categories is not None:
            _check_kind(each, segments)
    captions = [tables.table(root, path) for path in found.captions]
    return [table for table in (*masks, *captions) if table]


def _joints(read: Sequence[tables.Table]) -> dict[str, keypoints.Joints]:
    """The joints of files that have any, by their paths. Raises SourceError."""
    found = ((each.path, keypoints.joints_of(each.jointed, each.path)) for each in read)
    return {path: joints for path, joints in found if joints}


def _check_kind(table: tables.Table, segments: str) -> None:
    """Raise SourceError for panoptic masks that are read as others, or the other way round."""
    panoptic = table.annotations.panoptic
    if panoptic is not None and panoptic != (segments == "panoptic"):
        right = "panoptic" if panoptic else "instances"
        raise SourceError(f"{table.path}: its masks are of the kind {right!r}: set segments")
