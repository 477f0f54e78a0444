"""COCO 2017 (or 2014), and any COCO-format file: photographs with masks, and captions.

Licence of COCO: the annotations are CC BY 4.0, each picture has its own, named in its entry.
COCO's own layout:

    train2017/000000000790.jpg      (2014: train2014/COCO_train2014_000000000790.jpg)
    annotations/{instances,captions,panoptic,stuff,person_keypoints}_train2017.json
    annotations/panoptic_train2017/000000000790.png, or panoptic_train2017/ in the root

Other layouts (Roboflow, CVAT, labelme2coco, Label Studio, LVIS, a JSON and a folder): the only
COCO-format JSON of the split below the root is read, or those that `annotations` names; pictures
are looked for in `images`, else beside the JSON, in images/, in the split's folder, everywhere.

The files that are there decide what is offered: captions alone will do, and so will masks alone. An
entry is an image record of either JSON file, also one on which nothing is marked (1,021 of
train2017 have no instance). Annotations of an image that has no record are a fault of that image.

- instances: one segment for each annotation, numbered by annotation id (by place in the file where
  one of the image has no id). They may overlap: the largest mask is painted first (then the lower
  id), so smaller ones lie on top; crowds are painted before all others. One that is hidden, or too
  thin for a pixel, keeps its number.
- person_keypoints: as instances, for persons only; all else is unmarked. Images with a labelled
  joint have keypoints, too (parts/coco/keypoints.py), also those of other classes with joints.
- panoptic: a PNG, id = R + 256 G + 65536 B, 0 = void = not valid. The ids of the PNG and of the
  JSON must be the same set.
- stuff: one segment for each annotation, none a thing. Category 183, "other", is all things merged:
  known not to be stuff, so no segment (id 0) and valid. What no annotation covers is void, not
  valid.
- federated labels (LVIS: records with neg_category_ids) name some classes only: what no annotation
  covers is not valid, but for prompts of one class that is marked exhaustively. Those of
  neg_category_ids are known to be absent, and no others. Classes in not_exhaustive_category_ids are
  never asked for one by one. Where a class lies under a mask of another (a shirt on a person),
  prompts for that class alone have it on top (Segments.under).
- iscrowd may be absent or null, which is 0. An `area` that is absent, null or 0 is what the mask
  covers. Ids are any scalar; 7, 7.0 and "7" are one id.
- left out, named in the entry and counted: an annotation without a mask (a box alone), with one
  that cannot be drawn or covers no pixel (train2017 has two lines: cocoapi issue #355), or of a
  class that is not listed. Pixels of its mask, else of its box, that nothing else covers are not
  valid.
- a mask that contradicts its area or bbox grossly (pipelines/parts/coco/witness.py) is a fault of
  its image when it is loaded: normalised, swapped, shifted or scaled coordinates. Boxes serve for
  nothing else.
- class names are single lines of visible characters; a blank one, or two that differ in case alone,
  is an error.
- facts: instances and smallest are of things that are no crowds; stuff classes have 0 and 0.
- sizes are of the stored pixels, as in COCO; where a record has none, those of the picture's
  header. Captions are stripped of white space; blank ones are dropped.
- groups: coco:ID for COCO's own pictures, by their coco_url or their names of 2014; any other
  picture is SOURCE:PATH, so that no set of COCO and no other source has it. Plans warn of those
  that are named as a held-out picture of COCO, unless `ids` says whether they are.

Sources: cocodataset.org/#format-data; cocoapi (maskApi.c, coco.py); panopticapi (utils.py); Lin et
al., "Microsoft COCO", ECCV 2014; Kirillov et al., CVPR 2019; Caesar et al., "COCO-Stuff", 2018;
Gupta et al., "LVIS", CVPR 2019, and lvis-api.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from inspect import signature
from typing import TYPE_CHECKING, Any

from vbdata.core.types import Entry, Official, Sample
from vbdata.errors import SourceError

from .parts import picture_files, records
from .parts.coco import files as coco_files
from .parts.coco import keypoints, pictures, tables
from .parts.coco import official as release
from .parts.coco.entries import COCO
from .parts.coco.masks import partition
from .parts.coco.names import coco_group
from .parts.coco.opened import Opened, opened

if TYPE_CHECKING:
    import pyarrow as pa

    from vbdata.storage.folder import Root

LICENSE = "CC-BY-4.0"
HOMEPAGE = "https://cocodataset.org/#download"
LABELS = ("segments", "captions", "keypoints")
FILES = {"segments": ("panoptic",)}  # that a kind of label is read from

SPLITS = coco_files.SPLITS
SEGMENTS = {  # kind of masks -> whether its classes are things where they do not say
    "instances": True,
    "panoptic": True,
    "stuff": False,
    "person_keypoints": True,
}
HOLDOUTS = {"coco-val2017": {"split": "val2017"}, "coco-val2014": {"split": "val2014"}}
KNOWN_GROUPS = r"^coco:\d{12}$"  # of COCO's own pictures
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

Texts = str | Sequence[str]


def index(
    root: Root,
    *,
    split: str = "train2017",
    segments: str = "instances",
    annotations: Texts = "",
    images: Texts = "",
    pngs: str = "",
    ids: str = "",
    licence: str = "",
    exif: str = "",
    source: str = "",
) -> Iterator[Entry]:
    """The images of a split in order of their names, with the masks of one annotation file each.

    split: its name in folders and files; segments: which masks, one of SEGMENTS; annotations: paths
    or globs of annotation files; images: folders of the pictures; pngs: folder of panoptic PNGs;
    ids: "coco" if all image ids are COCO's, "own" if none is, "" to see it in each record; another
    name is that of groups which several sources share; licence: of all pictures, whatever records
    say; exif: whether masks lie on the pixels as "stored" or as "shown" by viewers (COCO's own:
    stored); source: the source's name, of which groups are. Raises SourceError if the files are not
    there or not of COCO's form.
    """
    source_files = _opened(
        root,
        split=split,
        segments=segments,
        annotations=annotations,
        images=images,
        pngs=pngs,
        ids=ids,
        licence=licence,
        exif=exif,
        source=source,
    )
    yield from source_files.entries()


def index_columns(root: Root, **options: Any) -> Iterator[Entry | pa.RecordBatch]:
    """What `index` says, of most images as batches of vbdata.core.entry_columns."""
    given = signature(index).bind(root, **options)
    given.apply_defaults()
    yield from _opened(*given.args, **given.kwargs).columns()


def groups(root: Root, *, split: str = "train2017", segments: str = "instances") -> Iterator[str]:
    """COCO's groups of a split, from any of its annotation files: no picture needs to be there.

    Raises SourceError if there is no such file.
    """
    _check(split, segments)
    kinds = dict.fromkeys((segments, *SEGMENTS, "captions"))
    paths = [f"annotations/{kind}_{split}.json" for kind in kinds]
    there = [path for path in paths if root.exists(path)]
    if not there:
        raise SourceError(f"{root.url}: no {paths[0]}, nor {paths[-1]}")
    either = {paths[0], paths[-1]} & set(there) or set(there[:1])
    files = (tables.table(root, path, thing=True, either=True) for path in sorted(either))
    by_name, _ = pictures.pictures([file for file in files if file])
    for name in sorted(by_name):
        yield coco_group({"id": name}, ids=True)


def official(
    *,
    split: str = "train2017",
    segments: str = "instances",
    annotations: Texts = "",
    images: Texts = "",
    pngs: str = "",
    ids: str = "",
    licence: str = "",
    exif: str = "",
) -> Official:
    """COCO's release of a split; nothing for files of one's own. Options: as for `index`."""
    _check(split, segments, ids, exif)
    if annotations or images or pngs or licence or split not in SPLITS or ids not in ("", COCO):
        return Official(entries=None, downloads=())
    return release.official(split, segments)


def whose(*, ids: str = "", **_: Any) -> str:
    """What to say where pictures are COCO's that do not look so; "" if `ids` says it already."""
    return "" if ids else "say ids: coco (and ids: own if not)"


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The picture, its file's bytes as they are unless it is to be turned; masks and captions.

    Raises BadSample.
    """
    records.refuse(entry, kinds)
    labels: dict[str, Any] = {}
    head = records.unpack(entry.record.partition(b"\n")[0]) if entry.record else {}
    image = picture_files.read(root, entry, head.get("exif", picture_files.STORED))
    if "segments" in kinds:
        labels["segments"] = partition(root, entry)
    if "keypoints" in kinds:
        labels["keypoints"] = keypoints.read(entry)
    if "captions" in kinds:
        labels["captions"] = entry.captions
    return Sample(image=image, labels=labels)


def _check(split: str, segments: str, ids: str = "", exif: str = "") -> None:
    for key, value in (("split", split), ("ids", ids)):
        if value != "" and not (isinstance(value, str) and NAME.fullmatch(value)):
            raise SourceError(f"{key}: {value!r} is no name of letters, digits, '_', '.' and '-'")
    records.one_of("segments", segments, SEGMENTS)
    records.one_of("exif", exif, ("", *picture_files.FRAMES))


def _opened(root: Root, *, annotations: Texts, images: Texts, **options: str) -> Opened:
    """The files of a source. options: the other ones of `index`. Raises SourceError."""
    _check(options["split"], options["segments"], options["ids"], options["exif"])
    files, folders = _listed("annotations", annotations), _listed("images", images)
    return opened(root, SEGMENTS, files, folders, **options)


def _listed(key: str, value: Texts) -> tuple[str, ...]:
    """An option that is a text or a list of texts, as a list without blank ones."""
    several = [value] if isinstance(value, str) else list(value)
    if not all(isinstance(each, str) for each in several):
        raise SourceError(f"{key}: {value!r:.80} should be a text or a list of texts")
    return tuple(filter(None, several))
