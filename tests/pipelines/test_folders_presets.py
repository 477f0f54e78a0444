"""The presets of the reader `folders`, over made-up data of each layout."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
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
from tests.helpers.own_folders import HEIGHT, JPEG, WIDTH, entries, metres, png, put
from vbdata.core.images import decode_rgb
from vbdata.core.types import Entry
from vbdata.errors import SourceError
from vbdata.storage.folder import Folder


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


@pytest.mark.slow
def test_blenderproc_shows_what_the_caster_saw(tmp_path: Path) -> None:
    demo.write(tmp_path, frames=3, hdf5=True)
    found = entries(tmp_path, preset="blenderproc")
    for one, shot in zip(found, demo.truth(frames=3), strict=True):
        assert (one.fault, one.left_out) == ("", ())
        labels = folders.load(Folder(str(tmp_path)), one, one.labels).labels
        seen = np.isfinite(shot.frame.depth)
        metres = labels["depth"].metres
        assert np.array_equal(metres[seen], shot.frame.depth[seen].astype(np.float32))
        xyz = labels["normals"].xyz
        assert np.abs(xyz - np.moveaxis(shot.frame.normals, -1, 0))[:, seen].max() < 1e-6
        names = np.array(["", *labels["segments"].classes])[labels["segments"].ids]
        truth = np.array(["", *(surface.name for surface in shot.scene.surfaces)])
        assert np.array_equal(names, truth[shot.frame.ids])


def test_a_dataset_without_a_shape_is_a_fault(tmp_path: Path) -> None:
    put(tmp_path, "0.hdf5", data=hdf5(colors=h5py.Empty("u1")))
    (one,) = entries(tmp_path, images="*.hdf5", image_dataset="colors")
    assert one.fault == "undecodable: HDF5 colors: an empty dataset, without a shape"


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
    assert np.array_equal(label.ids > 0, INDEX == 1)
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
    assert np.unique(label.metres).tolist() == [2.0]


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
    assert np.array_equal(label.valid, INDEX == 1)
