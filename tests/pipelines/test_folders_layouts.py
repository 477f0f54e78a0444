"""The reader `folders`: patterns, presets, texts and groups, and what `doctor` finds odd."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import struct
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from pipelines import folders
from pipelines.demo import folders as demo
from pipelines.demo.folders import npy
from pipelines.parts.folders import presets
from vbdata.core.images import decode_rgb, encode_jpeg
from vbdata.core.types import Entry
from vbdata.engine.build import build
from vbdata.engine.doctor import Finding, examine
from vbdata.errors import BadSample, RecipeError, SourceError
from vbdata.recipe.recipe import Recipe, parse_recipe
from vbdata.run.how import How
from vbdata.sources.open import open_root
from vbdata.storage.folder import Folder

WIDTH, HEIGHT = 8, 6
JPEG = encode_jpeg(np.indices((HEIGHT, WIDTH)).sum(0).astype(np.uint8)[..., None].repeat(3, 2) * 9)
DEPTH = {"scale": 1, "kind": "z"}


def put(root: Path, *paths: str, data: bytes | str = JPEG) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data.encode() if isinstance(data, str) else data)


def metres(value: float = 2, shape: tuple[int, int] = (HEIGHT, WIDTH)) -> bytes:
    return npy(np.full(shape, value, np.float32))


def png(values: Any, mode: str | None = None) -> bytes:
    out = io.BytesIO()
    image = Image.fromarray(np.asarray(values))
    (image.convert(mode) if mode else image).save(out, "PNG")
    return out.getvalue()


def entries(root: Path, **options: Any) -> list[Entry]:
    found = list(folders.index(Folder(str(root)), **options))
    assert [entry.id for entry in found] == sorted({entry.id for entry in found})
    return found


def pairs(root: Path, images: str, files: Any, **more: Any) -> dict[str, str]:
    """Image -> its depth file, "" where it is missing."""
    found = entries(root, images=images, depth={**DEPTH, "files": files, **more})
    return {e.id: e.files["depth"].path if e.files["depth"].size >= 0 else "" for e in found}


# patterns


@pytest.mark.parametrize(
    ("images", "files", "there", "wanted"),
    [
        ("rgb/{id}.jpg", "d/{id}.npy", ["rgb/a.b.jpg", "d/a.b.npy"], ["d/a.b.npy"]),
        ("rgb/*.jpg", "d/*.npy", ["rgb/a.jpg", "d/a.npy", "d/b.npy"], ["d/a.npy"]),
        ("./rgb/{id}.*", "d/{id}_depth.npy", ["rgb/a.JPG", "d/a_depth.npy"], ["d/a_depth.npy"]),
        ("**/{id}.jpg", "**/{id}.npy", ["x/y/a.jpg", "x/y/a.npy", "a.npy"], ["x/y/a.npy"]),
        ("i/**/*.jpg", "d/**/*.npy", ["i/a.jpg", "d/a.npy", "d/x/a.npy"], ["d/a.npy"]),
        (
            "{scene}/rgb/{cam}_{id}.jpg",
            "{scene}/{cam}/{id}.npy",
            ["s/rgb/l_0_1.jpg", "s/l_0/1.npy", "s/l/0_1.npy"],
            ["s/l_0/1.npy"],
        ),
        ("{id}/{id}.jpg", "d/{id}.npy", ["a/a.jpg", "a/b.jpg", "d/a.npy"], ["d/a.npy"]),
        ("rgb/{id}.jpg", "d/**/{id}.npy", ["rgb/a.jpg", "d/x/y/a.npy"], ["d/x/y/a.npy"]),
        ("r?/{id}.jpg", "d/{id}.npy", ["r1/a.jpg", "d/a.npy"], ["d/a.npy"]),
        ("rgb/[{id}].jpg", "d/({id}).npy", ["rgb/[a].jpg", "d/(a).npy"], ["d/(a).npy"]),
    ],
)
def test_files_are_paired_by_their_parts(
    images: str, files: str, there: list[str], wanted: list[str], tmp_path: Path
) -> None:
    for path in there:
        put(tmp_path, path, data=metres() if path.endswith("npy") else JPEG)
    found = pairs(tmp_path, images, files)
    assert list(found.values()) == wanted


def test_a_missing_file_keeps_its_name_and_others_are_kept_apart(tmp_path: Path) -> None:
    put(tmp_path, "s/rgb/a.jpg", "t/rgb/a.jpg", "s/rgb/.b.jpg", "__MACOSX/s/rgb/a.jpg")
    put(tmp_path, "s/d/a.npy", data=metres())
    given = {"images": "{scene}/rgb/{id}.jpg"}
    one, other = entries(tmp_path, **given, depth={**DEPTH, "files": "{scene}/d/{id}.npy"})
    assert (one.files["depth"].size > 0, other.files["depth"].size) == (True, -1)
    assert other.files["depth"].path == "t/d/a.npy"
    with pytest.raises(SourceError, match=r"s/d/a.npy would be the file of several images, such"):
        entries(tmp_path, **given, depth={**DEPTH, "files": "s/d/{id}.npy"})
    shared = entries(tmp_path, **given, depth={**DEPTH, "files": "s/d/{id}.npy", "shared": True})
    assert {entry.files["depth"].path for entry in shared} == {"s/d/a.npy"}
    with pytest.raises(
        SourceError, match=r"\{cam\} is no part of the pattern of images, which has"
    ):
        entries(tmp_path, **given, depth={**DEPTH, "files": "{cam}/d/{id}.npy"})
    with pytest.raises(SourceError, match=r"no file matches depth.files: 'z/\{id\}.npy'"):
        entries(tmp_path, **given, depth={**DEPTH, "files": "z/{id}.npy"})


def test_two_files_of_an_image_are_its_fault(tmp_path: Path) -> None:
    put(tmp_path, "rgb/a.jpg")
    put(tmp_path, "d/a.npy", "d/a.exr", data=metres())
    (one,) = entries(tmp_path, images="rgb/*.jpg", depth={**DEPTH, "files": "d/{id}.*"})
    assert one.fault.startswith("garbled annotation: depth: 2 files match depth.files: d/a.exr")


def test_pictures_alone_match(tmp_path: Path) -> None:
    put(tmp_path, "x/a.jpg", "x/a.txt", "x/a.json")
    assert [entry.id for entry in entries(tmp_path, images="x/*.*")] == ["x/a.jpg"]
    with pytest.raises(SourceError, match=r"no picture matches images: 'y/\{id\}.jpg'; found x/a"):
        entries(tmp_path, images="y/*.jpg")


def test_a_pattern_never_leaves_the_root(tmp_path: Path) -> None:
    put(tmp_path, "root/rgb/a.jpg", "secret/a.npy")
    for files in ("../secret/{id}.npy", "/etc/{id}", "d/../../secret/{id}.npy", "a\\{id}.npy"):
        with pytest.raises(SourceError, match="is not a path below the root"):
            entries(tmp_path / "root", images="rgb/*.jpg", depth={**DEPTH, "files": files})
    lines = json.dumps({"image": "a", "edited": "../../secret/a.npy", "instruction": "x"})
    put(tmp_path, "root/e.jsonl", data=lines)
    (one,) = entries(tmp_path / "root", images="rgb/*.jpg", edited="e.jsonl")
    assert one.fault.startswith("unsafe path: edited")


def test_splits_and_lists(tmp_path: Path) -> None:
    put(tmp_path, "i/train/a.jpg", "i/val/b.jpg", "i/val/c.jpg")
    images = "i/{split}/{id}.jpg"
    with pytest.raises(
        SourceError, match="split is to be set: there are train, val; all takes all"
    ):
        entries(tmp_path, images=images)
    assert len(entries(tmp_path, images=images, split="val")) == 2
    assert len(entries(tmp_path, images=images, split="all")) == 3
    with pytest.raises(SourceError, match=r"split: 'test' is not there. Known: train, val, all"):
        entries(tmp_path, images=images, split="test")
    put(tmp_path, "lists/one.txt", data="b 1\ni/train/a.jpg\nlost\n")
    found = entries(tmp_path, images="i/**/{id}.jpg", lists="lists/{split}.txt", split="one")
    assert [e.id for e in found if not e.fault] == ["i/train/a.jpg", "i/val/b.jpg"]
    (lost,) = (e for e in found if e.fault)
    assert "missing: 'lost' of a list of images is not there" in lost.fault
    with pytest.raises(SourceError, match=r"no lists/two.txt"):
        entries(tmp_path, images="i/**/{id}.jpg", lists="lists/{split}.txt", split="two")


def test_groups_licences_and_cameras(tmp_path: Path) -> None:
    put(tmp_path, "s/day1/a.jpg")
    put(tmp_path, "s/cam.txt", data="500 0 4 0\n0 501 3 0\n0 0 1 0\n")
    images = "{scene}/{day}/{id}.jpg"
    (one,) = entries(tmp_path, images=images, licence="CC-BY-4.0", camera="{scene}/cam.txt")
    assert (one.group, one.license) == ("folders:s", "CC-BY-4.0")
    assert one.camera == (500, 501, 4, 3)
    (one,) = entries(tmp_path, images=images, group="{scene}-{day}")
    assert (one.group, one.license) == ("folders:s-day1", "unknown")
    assert entries(tmp_path, images=images, group="coco:{id}")[0].group == "coco:a"
    assert entries(tmp_path, images="**/{id}.jpg")[0].group == "folders:s/day1/a"
    with pytest.raises(SourceError, match=r"group: '\{seq\}': .* parts \{scene\}, \{day\}, \{id\}"):
        entries(tmp_path, images=images, group="{seq}")


CAMERAS = {
    "c.json": json.dumps({"a": {"fx": 5, "fy": 6, "cx": 3.5, "cy": 2.5}}),
    "matrix.json": json.dumps({"a": [[5, 0, 3.5], [0, 6, 2.5], [0, 0, 1]]}),
    "lens.json": json.dumps({"a": {"focal_length": 35, "sensor_width": 28}}),
    "four.txt": "5 6, 3.5 2.5  # fx fy cx cy",
    "k.npy": npy(np.array([[5, 0, 3.5], [0, 6, 2.5], [0, 0, 1]])),
}


@pytest.mark.parametrize("name", CAMERAS)
def test_cameras_of_every_form(name: str, tmp_path: Path) -> None:
    put(tmp_path, "i/a.jpg")
    put(tmp_path, name, data=CAMERAS[name])
    camera = {"files": name, "at": "a"} if name.endswith("json") else name
    (one,) = entries(tmp_path, images="i/*.jpg", camera=camera)
    assert one.camera == ((10, 10, 3.5, 2.5) if name == "lens.json" else (5, 6, 3.5, 2.5))
    put(tmp_path, name, data="x y z")
    (one,) = entries(tmp_path, images="i/*.jpg", camera=camera)
    assert one.camera is None
    assert one.fault.startswith(("garbled annotation: camera", "undecodable: camera"))


def test_what_is_wrong_with_one_kind_leaves_the_others(tmp_path: Path) -> None:
    put(tmp_path, "i/a.jpg")
    put(tmp_path, "d/a.npy", data=metres())
    put(tmp_path, "m/a.png", data=png(np.full((HEIGHT, WIDTH), 7, np.uint8)))
    given = {"images": "i/*.jpg", "depth": {**DEPTH, "files": "d/*.npy"}}
    segments = {"files": "m/*.png", "coding": "index", "names": ["a"]}
    (one,) = entries(tmp_path, **given, segments=segments)
    assert (one.labels, one.fault) == (("depth",), "")
    assert one.left_out[0].startswith("unknown category: segments: 1 codes without a name: 7")
    assert one.left_out[0].endswith("[m/a.png]")


def test_a_turned_picture_needs_a_word(tmp_path: Path) -> None:
    tag = Image.Exif()
    tag[0x0112] = 6
    put(tmp_path, "i/a.jpg", data=saved(exif=tag))
    put(tmp_path, "d/a.npy", data=metres())
    put(tmp_path, "t/a.npy", data=metres(2, (WIDTH, HEIGHT)))
    given = {"images": "i/*.jpg", "depth": {**DEPTH, "files": "d/*.npy"}}
    root = Folder(str(tmp_path))
    (one,) = entries(tmp_path, **given)
    with pytest.raises(BadSample, match="turned picture: its EXIF orientation is 6"):
        folders.load(root, one, ("depth",))
    (one,) = entries(tmp_path, **given, exif="stored")
    assert folders.load(root, one, ("depth",)).labels["depth"].valid.all()
    given["depth"] = {**DEPTH, "files": "t/*.npy"}
    (one,) = entries(tmp_path, **given, exif="shown")
    assert (one.width, one.height) == (HEIGHT, WIDTH)
    sample = folders.load(root, one, ("depth",))
    assert np.asarray(sample.image).shape == (WIDTH, HEIGHT, 3)


def saved(**options: Any) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(JPEG)).save(out, "JPEG", **options)
    return out.getvalue()


def test_archives_are_read_where_they_lie(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("rgb/a.jpg", JPEG)
        archive.writestr("d/a.npy", metres())
    root = open_root([str(tmp_path / "all.zip")])
    given = {"images": "rgb/*.jpg", "depth": {**DEPTH, "files": "d/*.npy"}}
    (one,) = folders.index(root, **given)
    assert folders.load(root, one, ("depth",)).labels["depth"].valid.all()


# texts


def test_captions_by_files_and_by_lines(tmp_path: Path) -> None:
    put(tmp_path, "i/a.jpg", "i/b.jpg")
    put(tmp_path, "t/a.txt", data="a  cat\n")
    one, other = entries(tmp_path, images="i/*.jpg", captions="t/*.txt")
    assert (one.captions, one.labels) == (("a cat",), ("captions",))
    assert other.fault == "missing: no caption: t/b.txt"
    lines = [{"file_name": "a.jpg", "text": "x"}, {"file_name": "b.jpg", "text": ["y", "z"]}]
    put(tmp_path, "i/meta.jsonl", data="\n".join(map(json.dumps, lines)))
    one, other = entries(tmp_path, images="i/*.jpg", captions="i/meta.jsonl")
    assert (one.captions, other.captions) == (("x",), ("y", "z"))
    given = {"files": "i/meta.jsonl", "text_key": "said"}
    with pytest.raises(SourceError, match=r"text_key: 'said' is not there. Found: file_name, text"):
        entries(tmp_path, images="i/*.jpg", captions=given)


def test_edits(tmp_path: Path) -> None:
    put(tmp_path, "i/a.jpg", "after/a.jpg")
    put(tmp_path, "say/a.txt", data="Make it blue.")
    given: Sequence[dict[str, Any]] = (
        {"files": "after/*.jpg", "instruction": "Make it blue."},
        {"files": "after/*.jpg", "instructions": "say/*.txt"},
        {"files": "e.jsonl", "edited_key": "out"},
    )
    line = {"image": "i/a.jpg", "out": "after/a.jpg", "instruction": "Make it blue."}
    put(tmp_path, "e.jsonl", data=json.dumps(line))
    for edited in given:
        (one,) = entries(tmp_path, images="i/*.jpg", edited=edited)
        assert (one.labels, one.instructions) == (("edited",), ("Make it blue.",))
        sample = folders.load(Folder(str(tmp_path)), one, ("edited",))
        assert sample.labels["edited"] == JPEG
    put(tmp_path, "e.jsonl", data=json.dumps(line) + "\n" + json.dumps({**line, "out": "b.jpg"}))
    (one,) = entries(tmp_path, images="i/*.jpg", edited=given[2])
    assert "the reader triplets takes several edits" in one.fault


# presets


def test_presets_are_digested_and_right() -> None:
    """Their bytes decide bytes, but no code digest sees them: their own stands in the code."""
    digest = hashlib.sha256()
    for name in presets.known():
        digest.update((presets.FOLDER / f"{name}.yaml").read_bytes())
        assert not folders.option_faults({"preset": name}), name
    assert digest.hexdigest() == presets.SHA256
    tools = {"ultralytics", "blenderproc", "replicator", "kubric", "infinigen"}
    assert set(presets.known()) == {*tools, "tum", "scannet", "voc", "camvid"}


def check(root: Path, kinds: set[str], **options: Any) -> Entry:
    """The one entry of a made-up layout, which has these kinds."""
    (one,) = entries(root, **options)
    assert (one.fault, one.left_out, set(one.labels)) == ("", (), kinds)
    folders.load(Folder(str(root)), one, one.labels)
    return one


INDEX = np.array([[0, 1] * 4] * HEIGHT, np.uint8)


def test_both_layouts_of_ultralytics_and_roboflow_need_no_option(tmp_path: Path) -> None:
    outlines = "1 0 0 0.5 0 0.5 1 0 1\n"
    names = "names: {0: sky, 1: road}\n"
    depth, masks, labels, flow = (tmp_path / name for name in "dmlr")
    put(depth, "images/train/x/a.jpg", "images/val/b.jpg")
    put(depth, "depth/train/x/a.npy", data=metres())
    check(depth, {"depth"})
    put(depth, "nyu.yaml", data="path: nyu\nnc: 1\nnames: {0: depth}\n")
    assert check(depth, {"depth"}).files["depth"].path == "depth/train/x/a.npy"
    put(masks, "images/train/a.jpg")
    put(masks, "masks/train/a.png", data=png(INDEX))
    with pytest.raises(SourceError, match=r"no file matches segments.names.files: '\*.yaml'"):
        entries(masks)
    put(masks, "data.yaml", data=names)
    assert [fact.name for fact in check(masks, {"segments"}).classes] == ["road", "sky"]
    (masks / "masks").rename(masks / "truth")
    put(masks, "data.yaml", data=f"masks_dir: truth\n{names}")
    assert check(masks, {"segments"}).files["segments"].path == "truth/train/a.png"
    put(labels, "images/train/a.jpg")
    put(labels, "labels/train/a.txt", data=outlines)
    put(labels, "data.yaml", data="names: [sky, road]\n")
    assert [fact.name for fact in check(labels, {"segments"}).classes] == ["road"]
    put(flow, "train/images/a_jpg.rf.0a1b.jpg", "valid/images/b.jpg")
    put(flow, "train/labels/a_jpg.rf.0a1b.txt", data=outlines)
    put(flow, "data.yaml", data=f"train: ../train/images\n{names}")
    one = check(flow, {"segments"})
    assert (one.classes[0].name, one.classes[0].instances) == ("road", 1)


def hdf5(**arrays: Any) -> bytes:
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values)
    return out.getvalue()


def test_blenderproc(tmp_path: Path) -> None:
    rgb = decode_rgb(JPEG)
    facing = np.broadcast_to(np.array([0.5, 0.5, 1], np.float32), (HEIGHT, WIDTH, 3))
    depth = np.full((HEIGHT, WIDTH), 3, np.float32)
    depth[0] = 1e10
    table = json.dumps([{"idx": 1, "category_id": 4, "name": "chair"}]).encode()
    arrays = {"colors": rgb, "depth": depth, "normals": facing, "instance_segmaps": INDEX}
    put(tmp_path, "0.hdf5", data=hdf5(**arrays, instance_attribute_maps=np.bytes_(table)))
    one = check(tmp_path, {"depth", "normals", "segments"}, preset="blenderproc")
    sample = folders.load(Folder(str(tmp_path)), one, one.labels)
    assert np.array_equal(sample.image, rgb)
    assert sample.labels["depth"].valid.sum() == (HEIGHT - 1) * WIDTH
    assert sample.labels["normals"].xyz[:, 2, 2].tolist() == [0, 0, -1]
    assert sample.labels["segments"].classes == ("chair",)


def test_replicator(tmp_path: Path) -> None:
    put(tmp_path, "out/rgb_0000.png", data=png(decode_rgb(JPEG), "RGBA"))
    depth = np.full((HEIGHT, WIDTH), 3, np.float32)
    depth[0] = np.inf
    put(tmp_path, "out/distance_to_image_plane_0000.npy", data=npy(depth))
    colours = np.array([[0, 0, 0, 0], [140, 25, 255, 255]], np.uint8)
    put(tmp_path, "out/semantic_segmentation_0000.png", data=png(colours[INDEX]))
    names = {"(0, 0, 0, 0)": {"class": "BACKGROUND"}, "(140, 25, 255, 255)": {"class": "cube"}}
    put(tmp_path, "out/semantic_segmentation_labels_0000.json", data=json.dumps(names))
    one = check(tmp_path, {"depth", "segments"}, preset="replicator")
    label = folders.load(Folder(str(tmp_path)), one, ("segments",)).labels["segments"]
    assert label.classes == ("cube",)
    assert np.array_equal(label.ids.numpy() > 0, INDEX == 1)
    assert label.valid.all()


def test_kubric(tmp_path: Path) -> None:
    put(tmp_path, "7/rgba_00000.png", data=png(decode_rgb(JPEG), "RGBA"))
    out = io.BytesIO()
    Image.fromarray(np.full((HEIGHT, WIDTH), 3, np.float32)).save(out, "TIFF")
    put(tmp_path, "7/depth_00000.tiff", data=out.getvalue())
    image = Image.fromarray(INDEX)
    image.putpalette(list(range(256)) * 3)
    put(tmp_path, "7/segmentation_00000.png", data=png(image))
    camera = {"camera": {"focal_length": 35.0, "sensor_width": 32.0}}
    put(tmp_path, "7/metadata.json", data=json.dumps(camera))
    one = check(tmp_path, {"depth", "segments"}, preset="kubric")
    label = folders.load(Folder(str(tmp_path)), one, ("depth",)).labels["depth"]
    x, y = (0 - 3.5) / 8.75, (0 - 2.5) / 8.75
    assert float(label.metres[0, 0]) == pytest.approx(3 / np.sqrt(1 + x * x + y * y), rel=1e-6)


def test_infinigen(tmp_path: Path) -> None:
    top = "frames"
    put(tmp_path, f"{top}/Image/camera_0/Image_0_0_0001_0.png", data=png(decode_rgb(JPEG)))
    large = metres(4, (2 * HEIGHT, 2 * WIDTH))
    put(tmp_path, f"{top}/Depth/camera_0/Depth_0_0_0001_0.npy", data=large)
    facing = np.broadcast_to(np.array([0, 0, 1], np.float32), (HEIGHT, WIDTH, 3))
    put(tmp_path, f"{top}/SurfaceNormal/camera_0/SurfaceNormal_0_0_0001_0.npy", data=npy(facing))
    view = io.BytesIO()
    np.savez(view, K=np.array([[9, 0, 3.5], [0, 9, 2.5], [0, 0, 1.0]]), T=np.eye(4))
    put(tmp_path, f"{top}/camview/camera_0/camview_0_0_0001_0.npz", data=view.getvalue())
    one = check(tmp_path, {"depth", "normals"}, preset="infinigen")
    assert one.camera == (9, 9, 3.5, 2.5)
    shutil.rmtree(tmp_path / top / "camview")
    shutil.rmtree(tmp_path / top / "SurfaceNormal")
    assert check(tmp_path, {"depth"}, preset="infinigen").camera is None


def test_tum_pairs_the_closest_times(tmp_path: Path) -> None:
    put(tmp_path, "s/rgb/10.00.png", "s/rgb/10.03.png", "s/rgb/11.00.png", data=png(INDEX))
    depth = png(np.full((HEIGHT, WIDTH), 10_000, np.uint16))
    put(tmp_path, "s/depth/10.015.png", "s/depth/10.031.png", "t/depth/11.0.png", data=depth)
    found = entries(tmp_path, preset="tum")
    assert [e.files["depth"].path for e in found if e.files["depth"].size > 0] == [
        "s/depth/10.015.png",
        "s/depth/10.031.png",
    ]
    label = folders.load(Folder(str(tmp_path)), found[0], ("depth",)).labels["depth"]
    assert label.metres.unique().tolist() == [2.0]


def test_scannet(tmp_path: Path) -> None:
    put(tmp_path, "scene0000_00/color/0.jpg")
    put(tmp_path, "scene0000_00/depth/0.png", data=png(np.full((3, 4), 1500, np.uint16)))
    put(tmp_path, "scene0000_00/label-filt/0.png", data=png(INDEX.astype(np.uint16) * 2))
    put(tmp_path, "scene0000_00/instance-filt/0.png", data=png(INDEX))
    put(
        tmp_path,
        "scene0000_00/intrinsic/intrinsic_color.txt",
        data="9 0 4 0 0 9 3 0 0 0 1 0 0 0 0 1",
    )
    table = "id\traw_category\tnyu40class\n1\twall\twall\n2\tchair x\tchair\n"
    put(tmp_path, "scannetv2-labels.combined.tsv", data=table)
    one = check(tmp_path, {"depth", "segments"}, preset="scannet")
    assert (one.group, one.classes[0].name) == ("folders:scene0000_00", "chair")
    told = entries(tmp_path, preset="scannet", segments={"things": "all"})[0]
    assert told.classes[0].instances == 1


def test_voc_and_camvid(tmp_path: Path) -> None:
    voc, camvid = tmp_path / "v", tmp_path / "c"
    image = Image.fromarray(INDEX * 15)
    image.putpalette(list(range(256)) * 3)
    put(voc, "JPEGImages/1.jpg", "JPEGImages/2.jpg")
    put(voc, "SegmentationClass/1.png", "SegmentationObject/1.png", data=png(image))
    put(voc, "ImageSets/Segmentation/train.txt", data="1\n")
    one = check(voc, {"segments"}, preset="voc")
    assert [(f.name, f.instances) for f in one.classes] == [("person", 1)]
    colours = np.array([[0, 0, 0], [128, 0, 64]], np.uint8)
    put(camvid, "701_StillsRaw_full/a_1.png", data=png(INDEX))
    put(camvid, "LabeledApproved_full/a_1_L.png", data=png(colours[INDEX]))
    put(camvid, "label_colors.txt", data="64 128 64\tAnimal\n0 0 0\t\tVoid\n128 0 64\tCar\n")
    one = check(camvid, {"segments"}, preset="camvid")
    assert [fact.name for fact in one.classes] == ["Car"]
    label = folders.load(Folder(str(camvid)), one, ("segments",)).labels["segments"]
    assert np.array_equal(label.valid.numpy(), INDEX == 1)


# recipes and doctor


def recipe(root: Path, options: str, tasks: str = "depth: 1") -> Recipe:
    text = (
        "name: mine\nseed: 1\nsamples: 4\nsources:\n"
        f"  mine: {{dataset: folders, root: {root}, tasks: {{{tasks}}}, {options}}}\n"
    )
    return parse_recipe(text, "r.yaml", root, {})


def test_options_nest_and_their_order_moves_no_digest(tmp_path: Path) -> None:
    one = recipe(tmp_path, 'images: "a/{id}.png", depth: {files: "d/*.npy", scale: 1.50, kind: z}')
    two = recipe(tmp_path, 'depth: {kind: z, scale: "1.5", files: "d/*.npy"}, images: "a/{id}.png"')
    assert one.digest() == two.digest()
    assert one.sources[0].options["depth"]["kind"] == "z"
    names = recipe(
        tmp_path, "images: a/*.png, segments: {files: m/*.png, coding: index, names: {0: a}}"
    )
    assert names.sources[0].options["segments"]["names"] == {"0": "a"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("depth: {kind: zz}", "sources.mine.depth.kind: 'zz' is not a choice"),
        ("depth: {a: {b: {c: {d: {e: {f: 1}}}}}}", "sources.mine.depth: should be texts, numbers"),
        ("depth: null", "sources.mine.depth: should be texts, numbers, lists and mappings"),
        ("images: {a: 1}", "sources.mine.images: should be a text, number or list"),
        ("presett: voc", "sources.mine.presett: unknown key; did you mean 'preset'?"),
    ],
)
def test_faults_of_options_are_those_of_the_recipe(options: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe(tmp_path, options)
    assert said in str(caught.value)


@pytest.mark.slow
def test_a_recipe_alone_makes_targets_that_others_decode(tmp_path: Path) -> None:
    """PNG16 in millimetres to targets, decoded by the published formula in NumPy alone."""
    stored = (500 + 37 * np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)).astype(np.uint16)
    stored[0, :3] = 0
    put(tmp_path, *(f"rgb/{k}.png" for k in range(4)), data=png(decode_rgb(JPEG)))
    put(tmp_path, *(f"depth/{k}.png" for k in range(4)), data=png(stored))
    options = (
        'images: "rgb/{id}.png", licence: CC-BY-4.0, '
        'depth: {files: "depth/{id}.png", scale: 1000, kind: z, invalid: [0]}'
    )
    made = recipe(tmp_path, options)
    made = replace(made, tasks={"depth": {"other_palettes": 0.0}})
    build(made, Folder(str(tmp_path / "out")), How())
    (tar,) = (tmp_path / "out").rglob("*.tar")
    with tarfile.open(tar) as members:
        files = {m.name: members.extractfile(m).read() for m in members}  # type: ignore[union-attr]
    key = min(files).partition(".")[0]
    target = np.asarray(Image.open(io.BytesIO(files[f"{key}.target.png"]))).astype(np.float64)
    valid = np.asarray(Image.open(io.BytesIO(files[f"{key}.valid.png"]))) > 0
    assert np.array_equal(valid, stored > 0)
    assert json.loads(files[f"{key}.json"])["license"] == "CC-BY-4.0"
    corners = np.array([[c >> k & 1 for k in (2, 1, 0)] for c in (0, 4, 6, 2, 3, 1, 5, 7)]) * 255.0
    walk = np.concatenate(
        [np.linspace(a, b, 256)[:-1] for a, b in pairwise(corners)] + [corners[-1:]]
    )
    code = np.abs(target[..., None, :] - walk).sum(-1).argmin(-1)
    f = code / (len(walk) - 1)
    metric = 10 * ((1 - f) ** -0.5 - 1)
    assert np.abs(metric - stored / 1000)[valid].max() < 0.01


def write_scene(root: Path) -> str:
    """A few ray-cast pictures with depth, normals and a camera; the options that are right."""
    for number, shot in enumerate(demo.truth(frames=4)):
        put(
            root,
            f"rgb/{number}.jpg",
            data=encode_jpeg(np.full((*shot.frame.ids.shape, 3), number * 9 + 5, np.uint8)),
        )
        put(root, f"d/{number}.npy", data=npy(demo.metres(shot)))
        put(
            root, f"n/{number}.npy", data=npy((shot.frame.normals * [1, -1, -1]).astype(np.float32))
        )
        fx, cx = 1 / shot.camera.lens[0, 0], -shot.camera.lens[0, 2] / shot.camera.lens[0, 0]
        fy, cy = 1 / shot.camera.lens[1, 1], -shot.camera.lens[1, 2] / shot.camera.lens[1, 1]
        put(root, f"k/{number}.txt", data=f"{fx} {fy} {cx} {cy}")
    return 'images: "rgb/{id}.jpg", camera: "k/{id}.txt"'


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    root = tmp_path_factory.mktemp("scene")
    return root, write_scene(root)


def findings(scene: tuple[Path, str], depth: str = "", normals: str = "") -> list[Finding]:
    root, options = scene
    given = f"{options}, depth: {{files: 'd/{{id}}.npy', {depth or 'kind: z, scale: 1'}}}"
    given += f", normals: {{files: 'n/{{id}}.npy', coding: signed, {normals or 'frame: opengl'}}}"
    return list(examine(recipe(root, given), 4))


def one_of(found: list[Finding], start: str) -> Finding:
    (finding,) = (f for f in found if f.text.startswith(start))
    return finding


def test_doctor_finds_right_options_right(scene: tuple[Path, str]) -> None:
    found = findings(scene)
    assert one_of(found, "depth of 4 records: ").level == "ok"
    assert one_of(found, "depth.kind: z: flat surfaces are flattest so").level == "ok"
    frame = one_of(found, "normals.frame: [right, up, backward]: ")
    assert frame.level == "ok"
    assert float(frame.text.split()[4]) < 1


@pytest.mark.parametrize(("kind", "right"), [("ray", "z"), ("inverse", "z")])
def test_doctor_catches_a_wrong_kind(kind: str, right: str, scene: tuple[Path, str]) -> None:
    found = findings(scene, f"kind: {kind}, scale: 1")
    doubt = one_of(found, f"depth.kind: {kind}: read as {right}, flat surfaces are")
    assert doubt.level == "warn"
    assert doubt.remedies == (f"is the kind {right}? A wrong camera bends rays, too",)


@pytest.mark.parametrize(
    "frame", ["opencv", "[left, up, backward]", "[right, down, backward]", "[up, forward, left]"]
)
def test_doctor_catches_a_wrong_frame(frame: str, scene: tuple[Path, str]) -> None:
    doubt = one_of(findings(scene, normals=f"frame: {frame}"), "normals.frame: ")
    assert doubt.level == "warn"
    assert "of the 48 conventions [right, up, backward] fits best" in doubt.text
    assert doubt.remedies == ("is it frame: [right, up, backward]?",)


def test_doctor_doubts_a_wrong_unit_and_a_far_plane(
    scene: tuple[Path, str], tmp_path: Path
) -> None:
    doubt = one_of(findings(scene, "kind: z, scale: 1000"), "depth of 4 records: ")
    assert doubt.level == "warn"
    assert doubt.remedies == ("is depth.scale: 1000 (stored units a metre) right?",)
    put(tmp_path, "rgb/a.jpg")
    values = np.full((HEIGHT, WIDTH), 65535, np.uint16)
    values[2:] = 2000
    put(tmp_path, "d/a.png", data=png(values))
    options = 'images: "rgb/*.jpg", depth: {files: "d/*.png", scale: 1000, kind: z}'
    doubt = one_of(list(examine(recipe(tmp_path, options), 4)), "depth of 1 records: ")
    assert "33% of them have the largest depth, 65.535 m" in doubt.remedies[0]


def test_dpt_and_pfm_are_what_others_read(tmp_path: Path) -> None:
    """Against code of other people: OpenCV turns a PFM as we do, and divides by its scale."""
    import cv2

    from pipelines.formats import dpt, pfm

    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    encoded = b"Pf\n3 2\n-1.0\n" + values[::-1].tobytes()
    read = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(pfm.array(encoded), values)
    assert np.array_equal(read, values)
    packed = struct.pack("<fii", 202021.25, 3, 2) + values.tobytes()
    assert np.array_equal(dpt.array(packed), values)
