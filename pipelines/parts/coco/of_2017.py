"""Other data sets on COCO's pictures of 2017, whose splits have images of both of its folders."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from vbdata.core.types import Download, Entry, Sample
from vbdata.errors import SourceError

from .. import picture_files, records
from ..places import Places
from . import pictures, tables
from .entries import Context, bare, entry_of
from .masks import partition
from .names import coco_group

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

FOLDERS = ("train2017", "val2017")
PICTURES_AT = "http://images.cocodataset.org/zips"


def table(
    root: Root, paths: Sequence[str], *, thing: bool, spelled: Callable[[str], str]
) -> tables.Table:
    """The first of some annotation files that is there. thing, spelled: see tables.table.

    Raises SourceError if none is there, or the first is not of COCO's form.
    """
    there = next((path for path in paths if root.exists(path)), paths[0])
    found = tables.table(root, there, thing=thing, spelled=spelled)
    if found is None:
        raise SourceError(f"{root.url}: no {' or '.join(paths)}")
    return found


def entries(
    root: Root, file: tables.Table, split: str, own: str, kept: frozenset[str] | None = None
) -> Iterator[Entry]:
    """The images of a file in order of their ids, then annotations that name no image.

    split, own, kept: see entries.Context. Raises SourceError if neither folder is there.
    """
    folders = [folder for folder in FOLDERS if root.exists(folder)]
    if not folders:
        raise SourceError(f"{root.url}: no folder {' or '.join(FOLDERS)}")
    sizes = {path: size for each in folders for path, size in records.sizes(root, each).items()}
    context = Context(
        root=root,
        split=split,
        segments="instances",
        images=Places(sizes, ("", *FOLDERS)),
        pngs=None,
        ids="coco",
        own=own,
        licence="",
        exif="",
        kept=kept,
    )
    by_name, strays = pictures.pictures([file])
    with tables.settled():
        for name in sorted(by_name):
            picture = by_name.pop(name)
            _name_file(picture.image)
            yield entry_of(picture, context)
    for place, detail in enumerate(strays):
        yield bare(f"stray-{place:06d}", context, fault=f"garbled annotation: {detail}")


def groups(file: tables.Table) -> Iterator[str]:
    """COCO's groups of the images of a file."""
    by_name, _ = pictures.pictures([file])
    for name in sorted(by_name):
        yield coco_group({"id": name}, ids=True)


def downloads(*, both: bool) -> list[Download]:
    """COCO's archives of pictures: of train2017 alone, or of both folders."""
    return [
        Download(path=folder, archive=f"{folder}.zip", url=f"{PICTURES_AT}/{folder}.zip")
        for folder in FOLDERS[: 1 + both]
    ]


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, and its masks. Raises BadSample."""
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.STORED)
    labels: dict[str, Any] = {"segments": partition(root, entry)} if "segments" in kinds else {}
    return Sample(image=image, labels=labels)


def _name_file(image: dict[str, Any]) -> None:
    """Give a record the file that its coco_url names, FOLDER/NAME, in place of any other name."""
    if isinstance(url := image.get("coco_url"), str) and url.count("/") > 1:
        image["file_name"] = "/".join(url.rsplit("/", 2)[1:])
