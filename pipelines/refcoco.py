"""RefCOCO, RefCOCO+ and RefCOCOg: phrases that people wrote to tell one object from the others.

Licence: the refer API is Apache-2.0, Google's RefCOCOg expressions CC BY 4.0; the authors state
none for the rest. Masks are COCO's (CC BY 4.0); each picture has its own licence. Layout, in the
root or in its data/:

    refcoco/{instances.json,refs(unc).p,refs(google).p}    refcoco+/{instances.json,refs(unc).p}
    refcocog/{instances.json,refs(umd).p,refs(google).p}
    images/mscoco/images/train2014/COCO_train2014_000000098304.jpg
    or, for pictures that are not there, images/train2014/ or train2014/ (such names), train2017/
    and val2017/ (000000098304.jpg)

All pictures are COCO training pictures, so an entry is an image with the id and the group that
pipelines/coco.py gives it: what is held out here can be held out there. google's splits share
images. The split `test` of unc is testA (people) and testB (other objects) together.

- segments: all of the image's annotations, numbered by annotation id, by the rules of
  pipelines/coco.py (annotations of area 0 are left out); but those that an expression of the entry
  refers to are painted over all others, larger ones first, so that nothing that is not itself
  referred to hides a part of them.
- expressions: the sentences (`sent`, which the authors made plain: lower case, no punctuation) of
  the split's refs, in the order of the file; white space is made single and blank ones are left
  out. targets: the number, from 0, of the one segment. The same words may mean two objects.
- a ref's file_name is ignored, as its authors advise ("COCO_train2014_000000098304_0.jpg" is no
  file), and so are its category and tokens. Pictures are found by image id alone.
- a ref that is garbled, repeats a ref_id or sent_id, or names an image or annotation that
  instances.json does not have (with an area), is a fault of its own, stray-000000 and on; the image
  keeps its other refs. Images without a ref in the split are no entries.
- the pickles are read by an allow-list of opcodes (formats/plain_pickle.py): nothing runs.

Sources: github.com/lichengunc/refer (README, refer.py); Kazemzadeh et al., "ReferItGame", EMNLP
2014; Yu et al., ECCV 2016; Mao et al., "Generation and Comprehension", CVPR 2016.
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

LICENSE = "Apache-2.0 and CC-BY-4.0"
HOMEPAGE = "https://github.com/lichengunc/refer"
LABELS = entries.LABELS

UNC = ("train", "val", "testA", "testB", "test")
SPLITS: dict[str, dict[str, tuple[str, ...]]] = {
    "refcoco": {"unc": UNC, "google": ("train", "val", "test")},
    "refcoco+": {"unc": UNC},
    "refcocog": {"umd": ("train", "val", "test"), "google": ("train", "val")},
}
IMAGES = {  # how many have a ref, by split in the order of SPLITS; TensorFlow Datasets, ref_coco
    ("refcoco", "unc"): (16_994, 1_500, 750, 750, 1_500),
    ("refcoco", "google"): (19_213, 4_559, 4_527),
    ("refcoco+", "unc"): (16_992, 1_500, 750, 750, 1_500),
    ("refcocog", "umd"): (21_899, 1_300, 2_600),
    ("refcocog", "google"): (24_698, 4_650),
}
HOLDOUTS = {
    f"{variant}-{google}{split}": {"variant": variant, "by": by, "split": split}
    for variant, google, by, splits in (
        ("refcoco", "", "unc", ("val", "testA", "testB")),
        ("refcoco+", "", "unc", ("val", "testA", "testB")),
        ("refcocog", "", "umd", ("val", "test")),
        ("refcoco", "google-", "google", ("val", "test")),
        ("refcocog", "google-", "google", ("val",)),
    )
    for split in splits
}
REFS_AT = "http://bvisionweb1.cs.unc.edu/licheng/referit/data"  # README of the refer API
PICTURES_AT = "http://images.cocodataset.org/zips/train2014.zip"


def index(
    root: Root, *, variant: str = "refcoco", by: str = "unc", split: str = "train"
) -> Iterator[Entry]:
    """The images that a split's refs are about, in order of their ids, then the garbled refs.

    variant: refcoco, refcoco+ or refcocog; by: whose split, unc, umd or google; split: of theirs.
    Raises SourceError if a file is missing or cannot be read.
    """
    _check(variant, by, split)
    top = "" if root.exists(f"{variant}/instances.json") else "data/"
    masks = tables.table(root, f"{top}{variant}/instances.json", thing=True)
    if masks is None:
        raise SourceError(f"{root.url}: no {variant}/instances.json, nor below data/")
    images = entries.picture_sizes(root, top)
    pictures, strays = coco_pictures.pictures([masks])
    listed = refs_of.read(root, f"{top}{variant}/refs({by}).p")
    refs, bad = refs_of.by_image(listed, split, pictures)
    for number in sorted(refs):
        name = scalars.name_of(number)
        yield entries.entry_of(number, pictures.pop(name), refs.pop(number), images, top)
    for place, detail in enumerate([*strays, *bad]):
        name = f"stray-{place:06d}"
        yield entries.faulty(name, "unknown", f"garbled annotation: {detail}")


def groups(
    root: Root, *, variant: str = "refcoco", by: str = "unc", split: str = "train"
) -> Iterator[str]:
    """The groups of the images that a split's refs name; nothing but the refs needs to be there."""
    _check(variant, by, split)
    path = f"{variant}/refs({by}).p"
    listed = refs_of.read(root, path if root.exists(path) else f"data/{path}")
    for number in sorted(set(refs_of.images(listed, split))):
        yield f"coco:{number:012d}"


def official(*, variant: str = "refcoco", by: str = "unc", split: str = "train") -> Official:
    """The official release of a split. variant, by, split: as for `index`."""
    _check(variant, by, split)
    archive, folder = f"{variant}.zip", entries.PICTURES[0][0]
    files = [f"{variant}/instances.json", f"{variant}/refs({by}).p"]
    count = IMAGES[variant, by][SPLITS[variant][by].index(split)]
    notes = [Download(path=path, archive=archive, url=f"{REFS_AT}/{archive}") for path in files]
    pictures = Download(path=folder, archive="train2014.zip", url=PICTURES_AT)
    return Official(entries=count, downloads=(*notes, pictures))


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, its masks and expressions. Raises BadSample."""
    return entries.load(root, entry, kinds)


def _check(variant: str, by: str, split: str) -> None:
    records.one_of("variant", variant, SPLITS)
    records.one_of(f"by (of {variant})", by, SPLITS[variant])
    records.one_of(f"split (of {variant} by {by})", split, SPLITS[variant][by])
