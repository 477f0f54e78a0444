"""Hypersim: rendered interiors with depth, surface normals and labelled objects of every pixel.

Licence: CC BY-SA 3.0 (data). Layout, with the scenes in evermotion_dataset/scenes/, in scenes/ or
in the root, and the CSV files beside them, in their official folders or in the root:

    ai_VVV_NNN/images/scene_cam_XX_final_hdf5/frame.IIII.color.hdf5              float16[H, W, 3]
    ai_VVV_NNN/images/scene_cam_XX_final_preview/frame.IIII.tonemap.jpg
    ai_VVV_NNN/images/scene_cam_XX_geometry_hdf5/frame.IIII.depth_meters.hdf5    float16[H, W]
                                                 frame.IIII.normal_cam.hdf5      float16[H, W, 3]
                                                 frame.IIII.render_entity_id.hdf5  int16[H, W]
                                                 frame.IIII.semantic{,_instance}.hdf5   the same
    ai_VVV_NNN/images/scene_cam_XX_final_hdf5/frame.IIII.diffuse_reflectance.hdf5   as color
                                              frame.IIII.diffuse_illumination.hdf5  as color
    evermotion_dataset/analysis/metadata_images_split_scene_v1.csv
    contrib/mikeroberts3000/metadata_camera_parameters.csv

Conventions and traps:
- depth_meters is the distance to the optical centre. Planar z = distance x the forward component of
  the pixel's unit ray, along M_cam_from_uv . (u, v, 1), with u right and v up from -1 to 1 at the
  picture's edges. M differs by scene: the usual constant focal length of 886.81 is wrong for half
  of them (parts/hypersim/camera.py).
- Hypersim's camera looks along -z with +y up: (x, -y, -z) brings its vectors to OpenCV axes.
- Normals may be zero, of another length, or face inwards (issue #26): not valid below a length of
  1e-3 or if not finite, else scaled to length 1, and turned round where normal . ray > 1e-3.
- Where render_entity_id is -1 there is nothing: depth and normals are NaN, and it is the sky of the
  normals. For a camera without these files, sky is where a normal is NaN. Depth is valid where it
  is finite and > 0.
- Segments: parts/hypersim/segments.py. Only its pixels say which classes a frame has, so segments
  are off unless a recipe says `segments: true`: the index then opens two files a frame, 8 ms of one
  core (8 minutes for all of train, once); depth and normals need no file opened. A frame without
  both files, or on which nobody labelled anything, does not offer them; a damaged file is a fault
  of its frame.
- Albedo is diffuse_reflectance, 0 to 1, shading diffuse_illumination, both linear: color is their
  product and a residual of highlights and light sources. Valid where all channels are finite, from
  0 to 1 or from 0 on, and where something is seen.
- Tone mapping: parts/hypersim/tonemap.py; without render_entity_id every pixel counts as valid.

Frames are those of the split CSV's partition in the public release, as far as they are on disk: a
camera offers a kind if any of its frames has that file, a frame without any file is no entry, and a
file that is missing beside others is a fault of its frame. Whatever the CSV does not list is not
part of the dataset.

Sources: apple/ml-hypersim README, issues #9 and #26, contrib/mikeroberts3000 notebook 01; Roberts
et al., "Hypersim", ICCV 2021; flip rule: Marigold, preprocess_hypersim_normals.py.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import BadSample, SourceError

from .parts import depth_rules, picture_files, records, spans
from .parts.hypersim import segments as partitions
from .parts.hypersim import stored, tables
from .parts.hypersim.camera import Camera, pinhole
from .parts.hypersim.stored import LABELLED

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "CC-BY-SA-3.0"
HOMEPAGE = "https://github.com/apple/ml-hypersim"
LABELS = ("depth", "normals", "segments", "albedo", "shading")
STORED = {
    "depth": "ray",
    "unit": "m",
    "sky": "NaN, where render_entity_id is -1: sky of the normals alone",
    "invalid": "NaN",
    "normals": "right, up, backward; some of other length or turned away",
}
FILES = {"segments": ("semantic", "instance")}  # that a kind of label is read from

SPLITS = tables.SPLITS
HOLDOUTS = {"hypersim-val": {"split": "val"}, "hypersim-test": {"split": "test"}}
IMAGES = {
    "tonemap": "images/scene_{}_final_hdf5/frame.{:04d}.color.hdf5",
    "preview": "images/scene_{}_final_preview/frame.{:04d}.tonemap.jpg",
}
GEOMETRY = {
    "depth": "images/scene_{}_geometry_hdf5/frame.{:04d}.depth_meters.hdf5",
    "normals": "images/scene_{}_geometry_hdf5/frame.{:04d}.normal_cam.hdf5",
    "entities": "images/scene_{}_geometry_hdf5/frame.{:04d}.render_entity_id.hdf5",
}

LIGHT = {
    "albedo": "images/scene_{}_final_hdf5/frame.{:04d}.diffuse_reflectance.hdf5",
    "shading": "images/scene_{}_final_hdf5/frame.{:04d}.diffuse_illumination.hdf5",
}
SCENES_AT = ("evermotion_dataset/scenes", "scenes", "")
PUBLIC = {"train": 59_543, "val": 7_386, "test": 7_690, "all": 74_619}  # frames, by the split CSV
REPOSITORY = "https://github.com/apple/ml-hypersim/blob/main/"


def index(
    root: Root,
    *,
    split: str = "train",
    image: str = "tonemap",
    segments: bool = False,
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The frames of a partition that are on disk, in order of scene, camera and frame.

    split: train, val, test or all; image: tonemap (from HDF5) or preview (the JPEG); segments:
    whether they are offered; min_rgb_range, max_invalid, min_depth_range: parts/depth_rules.py.
    Raises SourceError if there are none.
    """
    _check(split, image, segments)
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    frames: Iterator[Entry] = _all(root, split, image, segments)
    frames = spans.Spans(frames, partial(_labelled, root), spans.MAPS) if segments else frames
    return depth_rules.kept(frames, root, load, asked)


index_parts, index_part = spans.parts(index)


def _all(root: Root, split: str, image: str, segments: bool) -> Iterator[Entry]:
    """The frames of a partition that are on disk. Raises SourceError."""
    wanted = {"image": IMAGES[image]} | GEOMETRY | LIGHT | (LABELLED if segments else {})
    top, scenes = _scenes(root)
    frames, cameras = tables.frames(root, split), tables.cameras(root)
    nothing = True
    for scene in scenes:
        for name, numbers in sorted(frames.get(scene, {}).items()):
            if scene not in cameras:
                raise SourceError(f"{root.url}: {tables.CAMERA_CSV} has no row for {scene}")
            folder = f"{top}{scene}"
            for entry in _entries(root, folder, name, sorted(numbers), cameras[scene], wanted):
                nothing = False
                yield entry
    if nothing:
        raise SourceError(f"{root.url}: no geometry of split {split} in its {len(scenes)} scenes")


def groups(
    root: Root,
    *,
    split: str = "train",
    image: str = "tonemap",
    segments: bool = False,
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[str]:
    """The scenes of a partition by the split CSV alone: none of them needs to be there."""
    _check(split, image, segments)
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    yield from (f"hypersim:{scene}" for scene in sorted(tables.frames(root, split)))


def official(
    *,
    split: str = "train",
    image: str = "tonemap",
    segments: bool = False,
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """The public release of a partition: a zip for each scene, and tables in the repository."""
    _check(split, image, segments)
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    zips = "ai_VVV_NNN.zip, one a scene"
    script = f"{REPOSITORY}code/python/tools/dataset_download_images.py"  # has all their addresses
    csvs = (tables.SPLIT_AT[0] + tables.SPLIT_CSV, tables.CAMERA_AT[0] + tables.CAMERA_CSV)
    downloads = [Download(path=path, archive="", url=REPOSITORY + path) for path in csvs]
    downloads.append(Download(path=SCENES_AT[0], archive=zips, url=script))
    return Official(entries=PUBLIC[split], downloads=tuple(downloads))


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The frame, uint8 RGB or the bytes of its preview JPEG, and its labels. Raises BadSample."""
    records.refuse(entry, kinds)
    jpeg = entry.files["image"].path.endswith(".jpg")
    pixels = (
        picture_files.read(root, entry, picture_files.UNSAID)
        if jpeg
        else stored.tonemapped(root, entry)
    )
    readers: dict[str, Callable[[Root, Entry], Any]] = {
        "depth": stored.depth,
        "normals": stored.normals,
        "segments": lambda *record: partitions.segments(stored.partition(*record)),
        "albedo": stored.albedo,
        "shading": stored.shading,
    }
    return Sample(image=pixels, labels={k: readers[k](root, entry) for k in LABELS if k in kinds})


def warm() -> None:
    """Import what `load` needs, so that no record waits for it."""
    import h5py  # noqa: F401


def _check(split: str, image: str, segments: bool) -> None:
    records.one_of("split", split, SPLITS)
    records.one_of("image", image, IMAGES)
    records.yes_or_no("segments", segments)


def _scenes(root: Root) -> tuple[str, list[str]]:
    """The folder of the scenes, "" or with a slash, and their names. Raises SourceError."""
    for folder in SCENES_AT:
        if names := [name for name in root.folders(folder) if tables.SCENE.fullmatch(name)]:
            return (f"{folder}/" if folder else "", names)
    raise SourceError(f"{root.url}: no scenes ai_VVV_NNN in {', '.join(SCENES_AT[:2])} or the root")


def _entries(
    root: Root, scene: str, name: str, numbers: list[int], camera: Camera, wanted: dict[str, str]
) -> Iterator[Entry]:
    """The frames of one camera of one scene. wanted: key of a file -> pattern of its path."""
    known: dict[str, int] = {}
    for folder in sorted({form.format(name, 0).rpartition("/")[0] for form in wanted.values()}):
        known |= records.sizes(root, f"{scene}/{folder}")
    paths = [{k: f"{scene}/{w.format(name, n)}" for k, w in wanted.items()} for n in numbers]
    offered = {key for files in paths for key, path in files.items() if path in known}
    labels = tuple(kind for kind in LABELS if kind in offered)
    for number, files in zip(numbers, paths, strict=True):
        if not known.keys() & set(files.values()):
            continue
        kept = (offered | {"image"}) - LABELLED.keys()
        if LABELLED.keys() <= {key for key, path in files.items() if path in known}:
            kept |= LABELLED.keys()
        entry = Entry(
            id=f"{scene.rpartition('/')[2]}/{name}/{number:04d}",
            group=f"hypersim:{scene.rpartition('/')[2]}",
            width=camera.width,
            height=camera.height,
            license=LICENSE,
            files={k: records.file_ref(path, known) for k, path in files.items() if k in kept},
            labels=labels,
            camera=pinhole(camera),
            record=records.pack({"M_cam_from_uv": camera.matrix}),
        )
        if entry.labels or LABELLED.keys() <= kept:
            yield entry


def _labelled(root: Root, entry: Entry) -> Entry | None:
    """The entry with the classes of its segments, or their fault; unchanged if it has none.

    None if that leaves no label at all.
    """
    if not LABELLED.keys() <= entry.files.keys():
        return entry
    try:
        facts = partitions.facts(stored.partition(root, entry))
    except BadSample as bad:
        return replace(entry, labels=(*entry.labels, "segments"), fault=str(bad))
    if not facts:
        return entry if entry.labels else None
    return replace(entry, labels=(*entry.labels, "segments"), classes=facts)
