"""Folders of your own: pictures with depth, normals, segments, mattes, texts or edits.

Licence: that of whoever made them, named by the option `licence`. Files are found by patterns:

    mine:
      dataset: folders
      root: f
      images: "rgb/{scene}/{id}.png"
      depth: {files: "depth/{scene}/{id}.png", scale: 1000, kind: z, invalid: [0]}

{name} is a part of a path without "/"; * and ? are as in globs, ** is any number of folders. An
image's file of another pattern is the one with the same parts (`**` is a part, too); in a pattern
without parts the first `*` of the file's name is {id}. Where files could be told apart by a part
that a pattern lacks, it is refused, or say `shared: true`.

- preset: ultralytics, blenderproc, replicator, kubric, infinigen, tum, scannet, voc or camvid: the
  options of a known layout (parts/folders/preset_files, a YAML each); yours come on top, key by
  key. Without preset and images it is ultralytics, so its data sets need no option at all. What a
  preset has and the root has not is not offered.
- split: which of the values of {split} counts; all takes all. Without it there may be only one.
  lists: a text file of ids or paths, a line each, instead: "ImageSets/{split}.txt".
- camera: [fx, fy, cx, cy] in pixels, pixel centres at whole numbers, or a pattern of files, or
  {files, at: keys of a JSON, dataset: of an NPZ} (parts/folders/cameras.py).
- group: what must not be split, such as "{scene}-{day}" (SOURCE: is put before it, or what `groups`
  says, so that sources which share pictures can say so) or "coco:{id}"; by default {scene}, or else
  the picture itself. licence: "unknown" by default.
- exif: stored or shown, on which pixels labels lie where an EXIF tag turns a picture; unsaid, such
  a picture is a fault. image_dataset: of pictures in HDF5, uint8 [H, W, 3].

Each kind of label has `files`: a pattern or several, of which the first counts that matches
anything. Nothing is guessed that no file says, so what has no default here is to be said.

- depth: PNG (16 bits), TIFF, NPY, NPZ, EXR, PFM, DPT, HDF5, MAT. kind: z, ray, disparity or
  inverse (parts/folders/depth.py has the formulas); scale: stored units a metre, as in `vbdata
  encode`, or a pixel of disparity, or unknown, for relative depth alone; invalid, sky: stored
  values; max: metres from above which depth is not valid; sky_from: metres from which on it is sky;
  camera: in pixels of the map, for ray and disparity; baseline: metres; bits: true if 16 bits, or
  RGBA, are those of floats. What is not finite, 0 or less is never valid; infinite depth is sky
  only if `sky: [inf]` or sky_from says so.
- normals: the same types. frame: opencv, opengl, or three of right, left, up, down, forward,
  backward: where x, y and z point; world with pose: {files, turns: camera-to-world or
  world-to-camera, axes: of the camera}; coding: signed, unsigned, png8, png128 or png16
  (parts/folders/normals.py); two_sided: turn round those that point away.
- segments: coding: index, palette, colours, ids or voc, maps of the same types or BMP
  (parts/folders/segments.py); yolo-seg or labelme, outlines (parts/folders/outlines.py). names: a
  list, {0: road}, {road: [128, 64, 128]}, or a file (parts/folders/names.py), with at, key, name
  where a table calls them otherwise; "*" names every id. void, background: codes or names of what
  is not valid, and of what is known to be none; a code that is nothing of these is a fault. things:
  classes that can be counted, or all (the default of ids, voc and outlines); instances: a second
  map that tells them apart.
- matte: grey PNGs, white foreground, of 8 bits at most, or the alpha of PNGs that have one, such as
  the pictures themselves; channel: alpha or grey, to be said where a file has both and its alpha
  hides nothing. For the tasks matte and foreground.
- captions: a text file an image, or JSONL, a line a caption, with image_key and text_key.
- expressions: JSONL with targets_key, the ids of segments: those of the map, of `instances`, or
  the place of a line or shape in its file, from 0.
- edited: a picture an image, with instruction: a text for all, or instructions: a pattern of text
  files; or JSONL with image_key, edited_key, instruction_key.
- of arrays: dataset: the name in an HDF5, NPZ or MAT; channels: of an EXR, or planes of any other
  array, from 0. resize: true for a map of another size that shows the same view: each pixel of the
  picture takes that in which its centre lies. nearest: {time: 0.02}: a part whose numbers need only
  be that near.

An entry is a picture; its id is its path. Masks are opened when the data are indexed, as only they
say which classes a picture has. What is wrong with one kind of label leaves out that kind, and is
counted; a file that is missing beside others is that of its picture.

Sources: docs.ultralytics.com/datasets (depth, semantic); github.com/DLR-RM/BlenderProc,
google-research/kubric, princeton-vl/infinigen, ScanNet/ScanNet; vision.in.tum.de/data/datasets/
rgbd-dataset; host.robots.ox.ac.uk/pascal/VOC; labelmeai/labelme (shapes).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from vbdata.core.types import Entry, FileRef, Official, Part, Sample
from vbdata.errors import BadSample, SourceError

from .formats import hdf5_named
from .parts import own_records as own
from .parts import picture_files, records
from .parts.folders import choose, codings, context, entries, labelled, mattes, options, presets
from .parts.folders import doubts as checks
from .parts.folders.patterns import Listing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vbdata.storage.folder import Root

LICENSE = "unknown: set by the option licence"
HOMEPAGE = "https://docs.ultralytics.com/datasets/semantic"
LABELS = (
    *("depth", "relative_depth", "normals", "segments", "matte"),
    *("captions", "expressions", "edited"),
)
STORED = {
    "depth": "z, ray, disparity or inverse, as the recipe says",
    "unit": "as the recipe says",
    "sky": "as the recipe says",
    "invalid": "as the recipe says; what is not finite, 0 or less",
    "normals": "as the recipe says",
}
FILES = {  # that a kind of label is read from, where it is not one of its own name
    "segments": ("segments", "instances"),
    "expressions": ("segments", "instances"),
}
NOTHING: Mapping[str, Any] = MappingProxyType({})
SPAN = 500  # images that are indexed together: their masks are opened


def index(
    root: Root,
    *,
    preset: str = "",
    images: str = "",
    image_dataset: str = "",
    split: str = "",
    lists: str = "",
    depth: Mapping[str, Any] = NOTHING,
    normals: Mapping[str, Any] = NOTHING,
    segments: Mapping[str, Any] = NOTHING,
    matte: Mapping[str, Any] = NOTHING,
    captions: Mapping[str, Any] = NOTHING,
    expressions: Mapping[str, Any] = NOTHING,
    edited: Mapping[str, Any] = NOTHING,
    camera: Mapping[str, Any] = NOTHING,
    group: str = "",
    groups: str = "",
    licence: str = "",
    exif: str = picture_files.UNSAID,
    source: str = "folders",
) -> Iterator[Entry]:
    """The images in order of their paths, then by place the lines of texts that are of no image.

    images: the pattern of the pictures' paths; source: the source's name, of which groups are; the
    other options are those of the module's docstring. Raises SourceError for options that are
    wrong, and where no picture or no file of a kind is found.
    """
    given = {
        **{"preset": preset, "images": images, "image_dataset": image_dataset, "split": split},
        **{"lists": lists, "depth": depth, "normals": normals, "segments": segments},
        **{"matte": matte},
        **{"captions": captions, "expressions": expressions, "edited": edited, "camera": camera},
        **{"group": group, "licence": licence, "exif": exif},
    }
    prefix = own.prefix_of(groups, source)
    yield from entries.entries(context.opened(root, _found(root, given, prefix)))


def index_parts(
    root: Root, *, groups: str = "", source: str = "folders", **given: Any
) -> Iterator[Part]:
    """Some images each, in the order of ids. Options: as for `index`; raises what it does."""
    every = _found(root, given, own.prefix_of(groups, source))
    names = every.names()
    for start in range(0, len(names), SPAN):
        span = names[start : start + SPAN]
        some = every.some(span)
        files = tuple(FileRef(path=path, size=size) for path, size in some.sizes.items())
        yield Part(name=f"{span[0]} to {span[-1]}", kind="images", files=files, about=some)


def index_part(root: Root, part: Part, **_: Any) -> Iterator[Entry]:
    """The entries of a part, in order of their ids."""
    assert isinstance(part.about, context.Found)
    yield from entries.entries(context.opened(root, part.about))


def _found(root: Root, given: Mapping[str, Any], prefix: str) -> context.Found:
    listing = Listing(root)
    specs = options.specs(presets.layouts(given, root, listing))
    return context.found(root, choose.layout(specs, listing), prefix, listing)


def option_faults(given: Mapping[str, Any]) -> list[str]:
    """What is wrong with the options of a recipe, a line each with its key; no file is read."""
    try:
        return options.checked(presets.layouts(given)[0])[1]
    except SourceError as err:
        return [str(err)]


def official(**given: Any) -> Official:
    """Neither counts nor downloads: these folders are your own. Raises SourceError for options."""
    options.specs(presets.layouts(given))
    return Official(entries=None, downloads=())


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The picture, its file's bytes or uint8 RGB [H, W, 3], and its labels. Raises BadSample."""
    records.refuse(entry, kinds)
    about = records.unpack(entry.record)
    labels: dict[str, Any] = {}
    frame = about.get("exif", picture_files.UNSAID)
    image = (
        _array_image(root, entry, about["image"])
        if "image" in about
        else picture_files.read(root, entry, frame)
    )
    for kind in {"depth", "relative_depth"}.intersection(kinds):
        labels[kind] = codings.depth_label(root, entry, about["depth"])
    if "normals" in kinds:
        labels["normals"] = codings.normals_label(root, entry, about["normals"])
    if "segments" in kinds:
        labels["segments"] = labelled.load(root, entry, about.get("segments")).label()
    if "matte" in kinds:
        data, path = records.read(root, entry, "matte"), entry.files["matte"].path
        size = entry.width, entry.height
        labels["matte"] = mattes.read(data, about["matte"], size, path)
    if "edited" in kinds:
        labels["edited"] = picture_files.read(root, entry, frame, "edited")
    said = {"captions": entry.captions, "expressions": entry.expressions}
    labels |= {kind: texts for kind, texts in said.items() if kind in kinds}
    return Sample(image=image, labels=labels)


def doubts(root: Root, entries: Sequence[Entry]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What some records say of the options: (ok or warn, a sentence, what to do about it).

    Range and kind of depth, and the frame of normals by those of depth. Damaged records are passed
    over.
    """
    yield from checks.doubts(root, entries)


def _array_image(root: Root, entry: Entry, dataset: str) -> NDArray[np.uint8]:
    """A picture that is an array in an HDF5 file: grey, RGB or RGBA of 8 bits. Raises BadSample."""
    path = entry.files["image"].path
    pixels = hdf5_named.array(records.read(root, entry, "image"), dataset, path)
    records.check_size(pixels.shape, entry, path)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        detail = f"{dataset} is {pixels.dtype} {list(pixels.shape)}, expected uint8 [H, W, 3]"
        raise BadSample("wrong dtype", detail, path)
    return np.ascontiguousarray(pixels[..., :3])
