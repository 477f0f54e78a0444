"""PhraseCut: phrases with all that they mean in an image, one thing or several, by outlines.

Licence: none stated for the phrases; Visual Genome, whose pictures they are about, is CC BY 4.0,
each picture its own. Layout of VGPhraseCut_v0, in the root, in VGPhraseCut_v0/ or in
data/VGPhraseCut_v0/:

    refer_{train,val,test,miniv}.json     [{task_id, image_id, phrase, Polygons, ...}]
    image_data_split.json                 [{image_id, width, height, coco_id, split, ...}]; some
                                          copies are called image_data_split3000.json
    images/2405722.jpg, or Visual Genome's own VG_100K/ and VG_100K_2/

- An entry is a phrase of an image; its id is the task_id. The same object was outlined anew for
  each phrase ("woman", "woman in a red hat"), and no pixel can be of two segments, so phrases of an
  image are not one entry. `Polygons` has a list for each instance, of a list for each polygon.
- segments: the instances of the phrase, the larger below; a corner is cut to whole numbers, and
  outline and inside are drawn, by Pillow as in the official code. All of the image is valid.
- expressions: the phrase, which means all of its instances. Its words are Visual Genome's
  annotators' and simple: "blue and white ball", "person sitting on bench".
- No classes: nobody marked all of a class, only what the phrase says. So nothing but `refer` can
  use it, and no class is known to be absent. refer_input_*.json, scene graphs and skip.json (what
  annotators could not mark) are not read.
- miniv is 100 images of the validation that are not in val.
- Groups: coco:ID for pictures that Visual Genome took from COCO (coco_id, half of them [inf]), so
  that what COCO holds out is held out here; vg:ID for the others.
- A phrase that is garbled, has no outline, or names an image that image_data_split.json does not
  have in this split, is a fault.

Nothing of it was seen here: layout, drawing and counts are those of the official README and code.

Sources: ChenyunWu/PhraseCutDataset at 276470b (README, utils/refvg_loader.py,
utils/data_transfer.py, utils/file_paths.py); Wu et al., "PhraseCut", CVPR 2020.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vbdata.core.labels import Segments
from vbdata.core.texts import seen
from vbdata.core.types import Download, Entry, Expression, Official, Sample
from vbdata.errors import BadSample, SourceError

from .parts import picture_files, records
from .parts.phrasecut import tasks as tasks_of
from .parts.phrasecut.tasks import NAME, Picture, Task
from .parts.places import Places

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "none stated; Visual Genome CC-BY-4.0"
HOMEPAGE = "https://github.com/ChenyunWu/PhraseCutDataset"
LABELS = ("segments", "expressions")
SPLITS = {"train": 310_816, "val": 20_316, "test": 14_354, "miniv": 821}  # how many phrases
HOLDOUTS = {f"phrasecut-{split}": {"split": split} for split in ("val", "test", "miniv")}

TOPS = ("", "VGPhraseCut_v0/", "data/VGPhraseCut_v0/")
PICTURES = ("image_data_split.json", "image_data_split3000.json")
FOLDERS = ("images", "images/VG_100K", "images/VG_100K_2", "VG_100K", "VG_100K_2")
MAX_TEXT = 1000  # characters of a phrase
NOTES_AT = "https://drive.google.com/drive/folders/1oxRFGV_JHZO6dZSpeBSXNf9J_VLCkgL0"
PICTURES_AT = "https://visualgenome.org/api/v0/api_home.html"


def index(root: Root, *, split: str = "train") -> Iterator[Entry]:
    """The phrases of a split in order of their ids, then those that have none.

    split: train, val, test or miniv. Raises SourceError if a file is missing or no JSON.
    """
    top = _top(root, split)
    about = tasks_of.pictures(root, _about(root, top), split)
    folders = [f"{top}{each}" for each in FOLDERS] + [each for each in FOLDERS if top]
    sizes = {p: n for each in folders if root.exists(each) for p, n in _sizes(root, each)}
    places = Places(sizes, folders)
    named: dict[str, Entry] = {}
    strays: list[str] = []
    for place, task in enumerate(tasks_of.tasks(root, f"{top}refer_{split}.json")):
        name = task.task_id if task else None
        if task is None or not isinstance(name, str) or not NAME.fullmatch(name) or name in named:
            strays.append(f"phrase {place} of the file has the task_id {name!r:.60}")
            continue
        named[name] = _entry(task, name, about, places)
    for name in sorted(named):
        yield named.pop(name)
    for place, detail in enumerate(strays):
        yield replace(_bare(f"stray-{place:06d}"), fault=f"garbled annotation: {detail}")


def groups(root: Root, *, split: str = "train") -> Iterator[str]:
    """The groups of the images of a split, from the file that lists images alone."""
    records.one_of("split", split, SPLITS)
    top = next((top for top in TOPS for name in PICTURES if root.exists(f"{top}{name}")), "")
    about = tasks_of.pictures(root, _about(root, top), split)
    for number in sorted(about):
        yield _group(number, about[number])


def official(*, split: str = "train") -> Official:
    """The release of a split: its phrases, the list of images, and the pictures."""
    records.one_of("split", split, SPLITS)
    notes = [
        Download(
            path=name, archive="", url=NOTES_AT, also=tuple(f"{top}{name}" for top in TOPS[1:])
        )
        for name in (f"refer_{split}.json", PICTURES[0])
    ]
    also = (*(f"{top}images" for top in TOPS[1:]), "VG_100K")
    pictures = Download(path="images", archive="images.zip", url=PICTURES_AT, also=also)
    return Official(entries=SPLITS[split], downloads=(*notes, pictures))


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, what the phrase means, the phrase. BadSample."""
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.STORED)
    labels: dict[str, Any] = {}
    if "segments" in kinds:
        labels["segments"] = _segments(entry)
    if "expressions" in kinds:
        labels["expressions"] = entry.expressions
    return Sample(image=image, labels=labels)


def _sizes(root: Root, folder: str) -> Iterator[tuple[str, int]]:
    yield from records.sizes(root, folder).items()


def _top(root: Root, split: str) -> str:
    """Where the files are. Raises SourceError if those of a split are not there."""
    records.one_of("split", split, SPLITS)
    name = f"refer_{split}.json"
    for top in TOPS:
        if root.exists(f"{top}{name}"):
            return top
    raise SourceError(f"{root.url}: no {name}, nor below {' or '.join(TOPS[1:])}")


def _about(root: Root, top: str) -> str:
    """The path of the list of images. Raises SourceError if it is not there."""
    for name in PICTURES:
        if root.exists(f"{top}{name}"):
            return f"{top}{name}"
    raise SourceError(f"{root.url}: no {top}{PICTURES[0]}")


def _bare(name: str) -> Entry:
    """An entry of which nothing is known but its name."""
    return Entry(
        id=name, group=f"vg:{name}", width=0, height=0, license=LICENSE, files={}, labels=LABELS
    )


def _group(number: int, picture: Picture) -> str:
    return f"vg:{number}" if picture.coco < 0 else f"coco:{picture.coco:012d}"


def _entry(task: Task, name: str, about: dict[int, Picture], places: Places) -> Entry:
    """A phrase's entry, or its fault."""
    number, text = task.image_id, task.phrase
    picture = about.get(number) if records.whole(number) else None
    if picture is None:
        detail = f"image {number!r:.40} is not listed in its split"
        return replace(_bare(name), fault=f"garbled annotation: {detail}")
    path = places.path(f"{number}.jpg")
    entry = replace(
        _bare(name),
        group=_group(number, picture),
        width=picture.width,
        height=picture.height,
        files={"image": records.file_ref(path, places.sizes)},
    )
    try:
        if not records.text(text) or not 0 < len(seen(text)) <= MAX_TEXT:
            raise BadSample("garbled annotation", f"its phrase is {text!r:.60}")
        outlines = [each for each in tasks_of.instances(task) if each]
        if not outlines:
            raise BadSample("empty label", "it has no outline")
    except BadSample as bad:
        return records.faulty(entry, bad)
    said = task.phrase_structure
    kind = said.get("name") if isinstance(said, dict) else None
    kind = seen(kind) if records.text(kind) and kind.strip() else "target"
    targets = tuple(range(len(outlines)))
    return replace(
        entry,
        expressions=(Expression(text=seen(text), targets=targets),),
        record=records.pack({"name": kind, "outlines": outlines}),
        absent=(),
    )


def _segments(entry: Entry) -> Segments:
    record = records.unpack(entry.record)
    masks = [tasks_of.drawn(each, entry.width, entry.height) for each in record["outlines"]]
    ids = np.zeros((entry.height, entry.width), np.int32)
    for place in sorted(range(len(masks)), key=lambda k: (-int(masks[k].sum()), k)):
        ids[masks[place]] = place + 1
    if not ids.any():
        raise BadSample("empty label", "its outlines cover no pixel", entry.files["image"].path)
    off = (False,) * len(masks)
    return Segments(
        ids=ids,
        classes=(record["name"],) * len(masks),
        things=off,
        crowds=off,
        valid=np.ones(ids.shape, np.bool_),
    )
