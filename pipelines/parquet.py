"""Tables of pictures: Parquet files of your own, from the Hub, or written by `datasets`.

Licence: that of whoever made them, named by the option `licence`. Columns are named in the recipe:

    rooms:
      dataset: parquet
      root: rooms
      split: train
      image: rgb
      captions: text
      depth: {column: depth, scale: 1000, kind: z, invalid: [0]}

- preset: omniedit, ultraedit, magicbrush, hq-edit, hq-edit-inverse, imgedit, pico-banana or
  instructpix2pix: the columns of a known data set (parts/parquet/preset_files, a YAML each); what
  the recipe says comes on top, key by key. Without preset and image it is the one whose columns are
  all there.
- files: a pattern or several, "data/*.parquet"; by default every *.parquet. JSON lines (*.jsonl)
  are tables, too, whose pictures are files. split: a word of the files' paths; where they have
  several it is to be said, all takes all.
- a column of pictures has bytes of a file, image structs {bytes, path}, paths of files, or lists
  of structs or paths. A path is relative to the table or to the root; a folder that only its
  writer's machine has may stand before it. Of several in the column `image` of an edit the first is
  the input and the others, up to 9, are references, each of a size of its own; such a row serves
  for nothing but the edit. Several in another column leave the row out.
- image: the column of the pictures: JPEG, PNG, WebP, TIFF, BMP or GIF by their first bytes.
- size: two columns, [width, height], of the pictures as they are shown. Without it indexing reads
  every picture once, since Parquet is compressed.
- captions: a column or several, each of texts or lists of texts, cleaned as `captioned` does.
- edited: {column, instructions}: a column or several, of texts or lists of texts, each one way to
  say it; or instruction: a text for every row. Two sizes are brought to one frame, of the input's
  shape and never larger than either image: the edited one is scaled to cover it and its edges are
  cut off evenly (fit: crop, the default), or each of its sides is scaled by itself (fit: stretch);
  an input that is larger is scaled (parts/parquet/fit.py). size: two columns, of the edited image.
- depth: {column, scale, kind} and whatever else the reader `folders` has for it: invalid, sky, max,
  baseline, resize, dataset, channels. A map is a file of PNG, TIFF, NPY, NPZ, EXR, PFM, DPT or
  HDF5; a column of lists of numbers is refused.
- normals: {column, frame, coding} and two_sided, resize, dataset, channels, as in `folders`; those
  in world axes need poses, which `folders` alone reads.
- segments: {column, coding, names} and void, background, things, resize, as in `folders`; coding:
  index, palette, colours, ids or voc. instances: a second column, of a map that tells things apart.
  names may be {files: PATH}, one file of the root.
- camera: [fx, fy, cx, cy] in pixels of the picture, or a column of such lists or of matrices.
- group: what must not be split: a column, or a template of them, {file} and {row}, such as
  "coco:{img_id:012}". One without ":" is put behind the source's name, or behind `groups`, a name
  that several sources share. By default each row is a group of its own.
- exif: shown (default without maps) or stored. With depth, normals or segments it is to be said
  where an EXIF tag turns a picture; unsaid, such a picture is a fault.
- id: FILE/ROW. Rows are numbered from 0, lines of JSON from 1.
- what is wrong with one kind of label leaves out that kind, and is counted. Damage is a fault of
  its row, row group or file; the rest is kept.
- Parquet is read by pages, as in `captioned`: a load reads the pages of its row's pictures alone.

Sources: huggingface.co/docs/datasets (Image feature, file names of splits); apache/parquet-format.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from vbdata.core import exif as orientation
from vbdata.core import images
from vbdata.core.types import Entry, Official, Part, Sample
from vbdata.errors import BadSample, SourceError

from .parts import own_records as own
from .parts import picture_files, records
from .parts.folders import codings, labelled
from .parts.folders import doubts as checks
from .parts.folders.patterns import Listing
from .parts.parquet import cells, entries, fit, options, pictures, presets
from .parts.parquet import files as tables
from .parts.places import Places

if TYPE_CHECKING:
    from vbdata.core.images import Pixels
    from vbdata.storage.folder import Root

    from .parts.parquet.spec import Spec

LICENSE = "unknown: set by the option licence"
HOMEPAGE = "https://huggingface.co/docs/datasets/image_dataset"
LABELS = ("depth", "normals", "segments", "captions", "edited")
STORED = {
    "depth": "z, ray, disparity or inverse, as the recipe says",
    "unit": "as the recipe says",
    "sky": "as the recipe says",
    "invalid": "as the recipe says; what is not finite, 0 or less",
    "normals": "as the recipe says",
}
FILES = {"segments": ("segments", "instances")}  # that a kind of label is read from
NOTHING: Mapping[str, Any] = MappingProxyType({})

Texts = str | Sequence[str]


def index(
    root: Root,
    *,
    preset: str = "",
    files: Texts = "",
    split: str = "",
    image: str = "",
    size: Texts = "",
    captions: Texts = "",
    edited: Mapping[str, Any] = NOTHING,
    depth: Mapping[str, Any] = NOTHING,
    normals: Mapping[str, Any] = NOTHING,
    segments: Mapping[str, Any] = NOTHING,
    camera: Texts = "",
    group: str = "",
    groups: str = "",
    licence: str = "",
    exif: str = picture_files.UNSAID,
    source: str = "parquet",
) -> Iterator[Entry]:
    """The rows in order of their files and numbers. source: the source's name, of which groups are.

    The options are those of the module's docstring. Raises SourceError for options that are wrong,
    for columns that are not there, and where no file is found.
    """
    given: dict[str, Any] = {
        **{"preset": preset, "files": files, "split": split, "image": image, "size": size},
        **{"captions": captions, "edited": edited, "depth": depth, "normals": normals},
        **{"segments": segments, "camera": camera, "group": group, "licence": licence},
        **{"exif": exif, "groups": groups, "source": source},
    }
    for part in index_parts(root, **given):
        yield from index_part(root, part, **given)


def index_parts(root: Root, *, source: str = "", groups: str = "", **given: Any) -> Iterator[Part]:
    """The tables, each of which can be indexed by itself, in the order of ids.

    Options: as for `index`. Raises SourceError for options that are wrong, for columns that are not
    there, and where no file is found.
    """
    own.prefix_of(groups, source)
    listed = {file.path: file for file in root.files()}
    sizes = {path: file.size for path, file in listed.items()}
    spec = options.spec(presets.chosen(given, root, sizes))
    found = tables.find(root, spec.files, spec.split, sizes)
    for file in sorted(found, key=lambda file: f"{file.path}/"):
        yield Part(name=file.path, kind="table", files=(listed[file.path],))


def index_part(
    root: Root, part: Part, *, source: str = "parquet", groups: str = "", **given: Any
) -> Iterator[Entry]:
    """The rows of a table in order of their numbers. Options: as for `index`; SourceError."""
    sizes = _Sizes(root)
    spec = options.spec(presets.chosen(given, root, sizes))
    about = pictures.Context(
        spec=spec,
        root=cells.Cells(root, {}),
        prefix=own.prefix_of(groups, source),
        places=Places(sizes, [""]),
        frame=entries.frame_of(spec),
        named=_named(root, spec),
        legends=labelled.Legends(),
    )
    yield from entries.entries(root, list(part.files), about)


class _Sizes(Mapping[str, int]):
    """Path -> bytes of all files of a root, which is listed when it is first asked for."""

    def __init__(self, root: Root) -> None:
        self._root = root

    @cached_property
    def _known(self) -> dict[str, int]:
        return records.sizes(self._root, "")

    def __getitem__(self, path: str) -> int:
        return self._known[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def _named(root: Root, spec: Spec) -> tuple[bytes, str] | None:
    """The file of names of classes and its path, None where the recipe has them.

    Raises SourceError unless there is one.
    """
    if spec.segments is None or spec.segments.named is None:
        return None
    (pattern,) = spec.segments.named.patterns
    found = list(Listing(root).matches(pattern))
    if len(found) != 1:
        raise SourceError(
            f"{root.url}: segments.names: {len(found)} files match {pattern.text!r}, expected one"
        )
    return records.source_bytes(root, found[0], "segments.names"), found[0]


def option_faults(given: Mapping[str, Any]) -> list[str]:
    """What is wrong with the options of a recipe, a line each with its key; no file is read."""
    try:
        own.prefix_of(str(given.get("groups", "")), "")
        chosen = presets.chosen({k: v for k, v in given.items() if k != "groups"})
    except SourceError as err:
        return [str(err)]
    return options.checked(chosen)[1]


def official(**given: Any) -> Official:
    """Neither counts nor downloads: what is there is yours. Raises SourceError for options."""
    if faults := option_faults(given):
        raise SourceError("\n".join(faults))
    return Official(entries=None, downloads=())


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The row's picture, its bytes or uint8 RGB [H, W, 3], and its labels. Raises BadSample."""
    records.refuse(entry, kinds)
    about = records.unpack(entry.record)
    opened, (view,) = cells.opened(root, [entry], [about])
    labels: dict[str, Any] = {}
    if "depth" in kinds:
        labels["depth"] = codings.depth_label(opened, view, about["depth"])
    if "normals" in kinds:
        labels["normals"] = codings.normals_label(opened, view, about["normals"])
    if "segments" in kinds:
        labels["segments"] = labelled.load(opened, view, about["segments"]).label()
    if "captions" in kinds:
        labels["captions"] = entry.captions
    frame = about.get("exif", picture_files.UNSAID)
    references: tuple[bytes | Pixels, ...] = ()
    if "edited" in kinds:
        labels["edited"] = _edited(opened, view, about["fit"], frame)
        references = picture_files.references(opened, view, frame)
    try:
        image = _image(opened, view, about.get("source"), frame)
    except BadSample as bad:
        if bad.reason != "wrong size" or not about.get("stated"):
            raise
        detail = f"{bad.detail}: that of its columns; without the option size it is measured"
        raise BadSample(bad.reason, detail, bad.file) from bad
    return Sample(image=image, labels=labels, references=references)


def doubts(root: Root, entries: Sequence[Entry]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What some records say of the options: (ok or warn, a sentence, what to do about it).

    As in `folders`: range and kind of depth, and the frame of normals by those of depth.
    """
    kept = [entry for entry in entries if not entry.fault]
    opened, views = cells.opened(root, kept, [records.unpack(entry.record) for entry in kept])
    yield from checks.doubts(opened, views)


def _image(root: Root, entry: Entry, source: Sequence[int] | None, frame: str) -> bytes | Pixels:
    """The picture, of the entry's size. source: its own, where it is larger; BadSample."""
    if source is None:
        return picture_files.read(root, entry, frame)
    width, height = source
    picture = picture_files.read(root, replace(entry, width=width, height=height), frame)
    geometry = fit.whole((width, height), (entry.width, entry.height))
    return fit.fitted(picture, geometry, entry.files["image"].path)


def _edited(root: Root, entry: Entry, mode: str, frame: str) -> bytes | Pixels:
    """The edited image, of the entry's size. Raises BadSample."""
    path = entry.files["edited"].path
    data = records.read(root, entry, "edited")
    if len(data) > images.MAX_BYTES:
        raise BadSample("too large", f"{len(data)} bytes (at most {images.MAX_BYTES})", path)
    size = images.size(data, path)
    if frame == picture_files.SHOWN:
        size = orientation.shown_size(*size, images.orientation(data, path))
    geometry = fit.covering(size, (entry.width, entry.height), mode, path)
    whole = replace(entry, width=size[0], height=size[1])
    return fit.fitted(picture_files.framed(data, whole, path, frame), geometry, path)
