"""SA-1B: 11 million photographs with 1.1 billion masks of anything, which have no names.

Licence: SA-1B Dataset Research License. Layout, the tars as they were downloaded or unpacked into
any folders, one of the two:

    sa_000000.tar      sa_1.jpg, sa_1.json and so on, some 11,000 photographs a tar, 1,000 tars
    sa_000000/sa_1.jpg, sa_000000/sa_1.json

- One JSON a photograph: image (image_id, width, height, file_name) and annotations, each with id,
  area, predicted_iou, stability_score and a segmentation in COCO's compressed RLE; bbox, crop_box
  and point_coords are not read.
- segments: every mask is an instance of one class, `name`, as nobody named them. A model made them,
  of whole things, of their parts and of parts of these, so they overlap: the smaller lies on top.
- What no mask covers is not valid: it may well be a thing, too. Nor is the class known to be marked
  completely, and no class is known to be absent.
- Masks of a predicted_iou below min_iou, or of a stability_score below min_stability, are left
  out; what they cover alone is not valid. `min_area` of a recipe leaves out small ones: a
  photograph has about 100, and the task `instance` serves those with 40 or fewer.
- Entries are indexed by the tar, or by the thousand files, in as many processes as there are cores.
  Masks stay in their files: an index that held them would be as large as the release.
- group: sa1b:sa_1, as of the pictures that SA-Co took from here.

Nothing of it was seen here but two files of annotations that others publish; layout and counts are
those of the pages.

Sources: facebookresearch/segment-anything (README, "Dataset"); ai.meta.com/datasets/
segment-anything; the catalogue of TensorFlow Datasets (the count); Kirillov et al., "Segment
Anything", arXiv 2304.02643.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from vbdata.core import images
from vbdata.core.types import Entry, Official, Part, Sample
from vbdata.errors import SourceError

from .formats import tars
from .formats.tars import Span
from .parts import own_records as own
from .parts import picture_files, records
from .parts.sa1b import frames, masks
from .parts.sa1b.masks import Kept

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "SA-1B Dataset Research License"
HOMEPAGE = "https://ai.meta.com/datasets/segment-anything/"
LABELS = ("segments",)
READS_ARCHIVES = True  # its tars are read as they are, not mounted as folders
PHOTOGRAPHS = 11_185_362
NAME = "object"


def index(
    root: Root, *, name: str = NAME, min_iou: float = 0, min_stability: float = 0
) -> Iterator[Entry]:
    """The photographs in order of their paths.

    name: of the one class; min_iou, min_stability: the least predicted_iou and stability_score of a
    mask that is kept. Raises SourceError unless there are tars, or photographs with a JSON.
    """
    for part in index_parts(root, name=name, min_iou=min_iou, min_stability=min_stability):
        yield from index_part(root, part, name=name, min_iou=min_iou, min_stability=min_stability)


def index_parts(
    root: Root, *, name: str = NAME, min_iou: float = 0, min_stability: float = 0
) -> Iterator[Part]:
    """What can be indexed by itself, in the order of ids: a tar, or some photographs.

    Options: as for `index`. Raises SourceError unless there are files of exactly one layout.
    """
    masks.kept(name, min_iou, min_stability)
    listed = list(root.files())
    archives = [file for file in listed if tars.is_tar(file.path)]
    pairs = list(frames.spans(listed))
    if bool(archives) == bool(pairs):
        found = f"{len(archives)} *.tar and {'some' if pairs else 'no'} sa_*.json"
        raise SourceError(f"{root.url}: {found}; expected files of one of the two")
    for tar in sorted(archives, key=lambda file: f"{file.path}/"):  # the order of the ids
        yield Part(name=tar.path, kind="tar", files=(tar,))
    for some in pairs:
        yield Part(name=f"{some[0].path} to {some[-1].path}", kind="pairs", files=some)


def index_part(
    root: Root, part: Part, *, name: str = NAME, min_iou: float = 0, min_stability: float = 0
) -> Iterator[Entry]:
    """The photographs of a part in order of their ids. Options: as for `index`."""
    wanted = masks.kept(name, min_iou, min_stability)
    read = frames.of_tar if part.kind == "tar" else frames.of_files
    yield from read(root, part.files, LICENSE, wanted)


def official(*, name: str = NAME, min_iou: float = 0, min_stability: float = 0) -> Official:
    """The release's count of photographs; its thousand links are handed out one by one."""
    masks.kept(name, min_iou, min_stability)
    return Official(entries=PHOTOGRAPHS, downloads=())


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the photograph's file as they are, and its masks. Raises BadSample."""
    records.refuse(entry, kinds)
    about = records.unpack(entry.record)
    image = _picture(root, entry, about.get("image"))
    if "segments" not in kinds:
        return Sample(image=image, labels={})
    text = _text(root, entry, about.get("segments"))
    labels = masks.segments(text, entry, Kept(*about["kept"]))
    return Sample(image=image, labels={"segments": labels})


def _picture(root: Root, entry: Entry, span: Any) -> bytes | images.Pixels:
    """The photograph, where it is in its tar, or a file. Raises BadSample."""
    if span is None:
        return picture_files.read(root, entry, picture_files.STORED)
    return own.tar_image(root, entry, entry.files["image"].path, Span(*span), picture_files.STORED)


def _text(root: Root, entry: Entry, span: Any) -> bytes:
    """The JSON of the photograph. Raises BadSample."""
    if span is None:
        return records.read(root, entry, "segments")
    return tars.read(root, entry.files["segments"].path, Span(*span))
