"""gRefCOCO: expressions that mean one object, several, or none that is there, on COCO's pictures.

Licence: none stated for the expressions; masks are COCO's (CC BY 4.0), each picture has its own.
Layout, in the root or in its data/:

    grefcoco/{grefs(unc).json, instances.json}        (or grefs(unc).p, which the loader knows, too)
    images/train2014/COCO_train2014_000000098304.jpg, or where RefCOCO's may lie

- A ref's ann_id is a list: of one, of several ("the two women in white"), or [-1] with no_target:
  true, where nothing in the picture is meant ("the kid in blue", where he wears red). Expressions
  of the last kind have no targets: their target is all background, and a model is right if it
  paints nothing (n_acc of the metrics). Such a text is no name of a class, and no class is known to
  be absent by it.
- Refs without sentences are left out, as the authors say; so are file_name (some end in _16.jpg,
  which is no file), category and tokens. ann_id may also be a number, and may repeat itself.
- A ref whose no_target contradicts its ann_id is garbled. One that names an annotation without a
  mask is, too, as a whole: what is left would not be what the text means.
- Splits, pictures, segments, groups and faults are those of RefCOCO by unc (pipelines/refcoco.py),
  the test of testA and testB together included: its refs are in the file beside the new ones.
- Images by split are RefCOCO's [inf: they add up to the 19,994 of the paper]. The file has 259,859
  expressions (209,344, 16,870, 18,712, 14,933), the paper counts 278,232: 6 % are held back.

Nothing of it was seen here: layout and meaning are those of the official loader.

Sources: henghuiding/ReLA (datasets/grefer.py), henghuiding/gRefCOCO at 77157de (README; issues #1,
#3, #6, #8); Liu et al., "GRES", CVPR 2023; He et al., "GREC", arXiv 2308.16182 (counts).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import SourceError

from .parts import records
from .parts.coco import pictures as coco_pictures
from .parts.coco import scalars, tables
from .parts.refcoco import entries
from .parts.refcoco import refs as refs_of

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "none stated, and CC-BY-4.0"
HOMEPAGE = "https://github.com/henghuiding/gRefCOCO"
LABELS = entries.LABELS
SPLITS = {"train": 16_994, "val": 1_500, "testA": 750, "testB": 750, "test": 1_500}  # images
HOLDOUTS = {f"grefcoco-{split}": {"split": split} for split in ("val", "testA", "testB")}

FOLDER = "grefcoco"
REFS = ("grefs(unc).json", "grefs(unc).p")
NOTES_AT = "https://drive.google.com/file/d/1WXifNjJ8gKQAcPQWcCkCdNYvRrkS6nbQ"
PICTURES_AT = "http://images.cocodataset.org/zips/train2014.zip"


def index(root: Root, *, split: str = "train") -> Iterator[Entry]:
    """The images that a split's refs are about, in order of their ids, then the garbled refs.

    split: train, val, testA, testB, or test for both. Raises SourceError if a file is missing or
    cannot be read.
    """
    records.one_of("split", split, SPLITS)
    top = _top(root)
    masks = tables.table(root, f"{top}{FOLDER}/instances.json", thing=True)
    if masks is None:
        raise SourceError(f"{root.url}: no {FOLDER}/instances.json, nor below data/")
    images = entries.picture_sizes(root, top)
    pictures, strays = coco_pictures.pictures([masks])
    listed = refs_of.read(root, _refs(root, top))
    refs, bad = refs_of.by_image(listed, split, pictures, several=True)
    for number in sorted(refs):
        name = scalars.name_of(number)
        yield entries.entry_of(number, pictures.pop(name), refs.pop(number), images, top)
    for place, detail in enumerate([*strays, *bad]):
        yield entries.faulty(f"stray-{place:06d}", "unknown", f"garbled annotation: {detail}")


def groups(root: Root, *, split: str = "train") -> Iterator[str]:
    """The groups of the images that a split's refs name; nothing but the refs needs to be there."""
    records.one_of("split", split, SPLITS)
    listed = refs_of.read(root, _refs(root, _top(root)))
    for number in sorted(set(refs_of.images(listed, split))):
        yield f"coco:{number:012d}"


def official(*, split: str = "train") -> Official:
    """The release of a split: its two files, and COCO's archive of pictures."""
    records.one_of("split", split, SPLITS)
    notes = [
        Download(path=f"{FOLDER}/{name}", archive="grefcoco.zip", url=NOTES_AT)
        for name in (REFS[0], "instances.json")
    ]
    folder, *others = (folder for folder, _ in entries.PICTURES)
    pictures = Download(
        path=folder, archive="train2014.zip", url=PICTURES_AT, also=tuple(others[:2])
    )
    return Official(entries=SPLITS[split], downloads=(*notes, pictures))


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, its masks and expressions. Raises BadSample."""
    return entries.load(root, entry, kinds)


def _top(root: Root) -> str:
    """Where the folders are: "" or "data/"."""
    return "" if any(root.exists(f"{FOLDER}/{name}") for name in REFS) else "data/"


def _refs(root: Root, top: str) -> str:
    """The path of the refs. Raises SourceError if neither form is there."""
    for name in REFS:
        if root.exists(path := f"{top}{FOLDER}/{name}"):
            return path
    raise SourceError(f"{root.url}: no {FOLDER}/{' or '.join(REFS)}, nor below data/")
