"""The demo data: the caster against closed forms, and the official formats against the truth."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as rle

from pipelines.demo import coco, coco_categories, hypersim, kitti
from pipelines.demo.caster import cast, rays, shoot
from pipelines.demo.hypersim_tables import PLACES, matrix_of
from pipelines.demo.outlines import polygons, run_lengths
from pipelines.demo.patterns import PATTERNS, Paint
from pipelines.demo.scene import Truth, lens_of, looking, pinhole
from pipelines.demo.solids import Array, Box, Cylinder, Plane, Point, Solid, Sphere
from pipelines.demo.world import Camera, Frame, Light, Part, Scene, Surface
from tests.helpers.builds import REPOSITORY
from vbdata.core.rng import Stream

SIZES = {"coco": 7, "kitti": 15, "hypersim": 2}
FIRST = {name: SIZES[name] for name in ("coco", "hypersim")}  # KITTI's is the demo of all tests
AGAIN = {**SIZES, "kitti": 1}  # its files do not depend on how many there are
ROOT = REPOSITORY
WRITE = """
import importlib, pathlib, sys
for name, frames in eval(sys.argv[2]).items():
    module = importlib.import_module("pipelines.demo." + name)
    module.write(pathlib.Path(sys.argv[1]) / name, frames=frames)
"""


@pytest.fixture(scope="module")
def written_twice(
    demo_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The demo data, written twice by processes whose hashes differ."""
    folders = [tmp_path_factory.mktemp(name) for name in ("first", "second")]
    running = [
        subprocess.Popen([sys.executable, "-c", WRITE, str(folder), repr(sizes)], cwd=ROOT)
        for folder, sizes in zip(folders, (FIRST, AGAIN), strict=True)
    ]
    assert [process.wait(300) for process in running] == [0, 0]
    (folders[0] / "kitti").symlink_to(demo_of("kitti"))
    return folders[0], folders[1]


def ahead(scene: Scene, camera: Camera) -> Frame:
    return cast(scene, rays(camera), camera.rotation, camera.position)


def scene_of(*solids: Solid) -> Scene:
    paint = Paint(first=(0.5, 0.5, 0.5), second=(1, 1, 1))
    surfaces = [
        Surface(name="x", colour="", thing=True, parts=(Part(solid=s, paint=paint),))
        for s in solids
    ]
    light = Light(position=(0, 0, 9), sun=False, power=(9, 9, 9), ambient=(0.2, 0.2, 0.2))
    return Scene(surfaces=tuple(surfaces), light=light, place="test")


def camera_at(position: Point = (0, 0, 0), pitch: float = 0.0) -> Camera:
    lens = pinhole(65, 49, 60)
    return Camera(width=65, height=49, lens=lens, rotation=looking(0, pitch), position=position)


def test_a_plane_across_the_view_has_one_depth() -> None:
    frame = ahead(scene_of(Plane(point=(0, 4, 0), u=(1, 0, 0), v=(0, 0, 1))), camera_at())
    np.testing.assert_allclose(frame.depth, 4, rtol=1e-12)
    np.testing.assert_allclose(frame.normals, np.broadcast_to([0, 0, -1], (49, 65, 3)), atol=1e-12)
    row, column = np.indices((49, 65))
    lens = camera_at().lens
    x, y = lens[0, 0] * (column - 32), lens[1, 1] * (row - 24)
    np.testing.assert_allclose(frame.distance, 4 * np.sqrt(x * x + y * y + 1), rtol=1e-12)


def test_a_sphere_is_nearest_in_the_middle() -> None:
    frame = ahead(scene_of(Sphere(centre=(0, 5, 0), radius=2)), camera_at())
    assert frame.depth[24, 32] == pytest.approx(3, abs=1e-12)
    np.testing.assert_allclose(frame.normals[24, 32], [0, 0, -1], atol=1e-12)
    hit = frame.ids == 1
    from_centre = np.linalg.norm(frame.points[hit] - [0, 5, 0], axis=-1)
    np.testing.assert_allclose(from_centre, 2, rtol=1e-12)
    edge = math.asin(2 / 5)
    rim = frame.distance[hit].max()
    assert rim < 5 * math.cos(edge) + 1e-9


@pytest.mark.parametrize("pitch", [5.0, 20.0, 35.0])
def test_a_floor_under_a_tilted_camera(pitch: float) -> None:
    floor = Plane(point=(0, 0, 0), u=(1, 0, 0), v=(0, 1, 0))
    frame = ahead(scene_of(floor), camera_at((0, 0, 1.5), pitch))
    angle = math.radians(pitch)
    up = [0, -math.cos(angle), -math.sin(angle)]
    hit = frame.ids == 1
    np.testing.assert_allclose(frame.normals[hit], np.broadcast_to(up, (hit.sum(), 3)), atol=1e-12)
    assert frame.depth[24, 32] == pytest.approx(1.5 / math.sin(angle))
    np.testing.assert_allclose(frame.points[hit][:, 2], 0, atol=1e-9)


def test_a_turned_box_and_a_cylinder() -> None:
    half = math.sqrt(0.5)
    box = Box(centre=(-1, 6, 0), half=(1, 1, 1), cos=half, sin=half)
    post = Cylinder(centre=(1, 6, -1), radius=0.5, height=2)
    frame = ahead(scene_of(box, post), camera_at())
    assert np.nanmin(frame.depth[frame.ids == 1]) == pytest.approx(6 - math.sqrt(2), abs=0.05)
    assert np.nanmin(frame.depth[frame.ids == 2]) == pytest.approx(5.5, abs=0.01)
    seen = frame.normals[frame.ids == 1]
    assert np.allclose(np.abs(seen[:, [0, 2]]), half)
    above = ahead(scene_of(post), camera_at((1, 6, 3), 90))
    np.testing.assert_allclose(above.normals[24, 32], [0, 0, -1], atol=1e-12)
    assert above.depth[24, 32] == pytest.approx(2)


def test_shadow_and_light_of_a_lamp() -> None:
    floor = Plane(point=(0, 0, 0), u=(1, 0, 0), v=(0, 1, 0))
    ball = Sphere(centre=(0, 6, 4), radius=0.5)
    scene = scene_of(floor, ball)
    camera = camera_at((0, 6, 2), 90)  # under the ball, looking at its shadow
    light = Light(position=(0, 6, 8), sun=False, power=(64, 64, 64), ambient=(0.1, 0.1, 0.1))
    lit = ahead(scene_of(floor), camera).rgb.max()
    dark = ahead(Scene(surfaces=scene.surfaces, light=light, place=""), camera).rgb[24, 32]
    assert lit > 0.1
    np.testing.assert_allclose(dark, 0.5 * 0.1, rtol=0.1)


def test_an_odd_lens_moves_rays_and_keeps_depth_planar() -> None:
    wall = Plane(point=(0, 3, 0), u=(1, 0, 0), v=(0, 0, 1))
    lens = np.array([[0.01, 0.001, -0.4], [0, 0.012, -0.1], [0, 0.0005, 1.0]])
    camera = Camera(width=40, height=30, lens=lens, rotation=looking(0, 0), position=(0, 0, 0))
    frame = ahead(scene_of(wall), camera)
    np.testing.assert_allclose(frame.depth, 3, rtol=1e-12)
    ray = rays(camera)
    np.testing.assert_allclose(frame.points[..., 0], 3 * ray[..., 0] / ray[..., 2], atol=1e-12)


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_patterns_stay_in_range(name: str) -> None:
    grid = np.linspace(-20, 20, 4001)
    share = PATTERNS[name](grid, 0.7 * grid[::-1])
    assert share.shape == grid.shape
    assert np.all((share >= 0) & (share <= 1.0001))


@pytest.mark.parametrize("number", range(40))
def test_outlines_of_any_mask_rasterise_to_it(number: int) -> None:
    stream = Stream("outlines", number)
    height, width = 1 + stream.integer(24), 1 + stream.integer(24)
    density = stream.uniform(0.1, 0.95)
    mask = np.array([[stream.uniform() < density for _ in range(width)] for _ in range(height)])
    mask[0, 0] = True
    merged = rle.merge(rle.frPyObjects(polygons(mask), height, width))
    assert np.array_equal(rle.decode(merged), mask)
    counts = {"counts": run_lengths(mask), "size": [height, width]}
    assert np.array_equal(rle.decode(rle.frPyObjects(counts, height, width)), mask)


def test_the_same_seed_gives_the_same_bytes(written_twice: tuple[Path, Path]) -> None:
    first, second = (digests(folder) for folder in written_twice)
    assert len(second) > 100
    assert second.items() <= first.items()


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for name in SIZES
        for path in sorted((folder / name).rglob("*"))  # into a link, too
        if path.is_file()
    }


# --------------------------------------------------------------------------------------- COCO


@pytest.fixture(scope="module")
def coco_truth() -> dict[int, Truth]:
    return {int(shot.id): shot for shot in coco.truth(frames=SIZES["coco"])}


def table(folder: Path, kind: str, split: str) -> dict[str, Any]:
    text = (folder / "coco/annotations" / f"{kind}_{split}.json").read_text(encoding="ascii")
    content: dict[str, Any] = json.loads(text)
    return content


def tables(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [table(folder, kind, split) for split in ("train2017", "val2017")]


def test_coco_categories_are_the_official_ones() -> None:
    assert len(coco_categories.instances()) == 80
    assert [c["id"] for c in coco_categories.stuff()] == list(range(92, 184))
    panoptic = coco_categories.panoptic()
    assert len(panoptic) == 133
    assert sum(c["isthing"] for c in panoptic) == 80
    assert len({tuple(c["color"]) for c in panoptic}) == 133
    by_id = {c["id"]: c["name"] for c in panoptic}
    assert (by_id[1], by_id[37], by_id[90], by_id[200]) == (
        "person",
        "sports ball",
        "toothbrush",
        "rug-merged",
    )


def test_coco_files_have_the_official_fields(written_twice: tuple[Path, Path]) -> None:
    keys = {
        "instances": {"segmentation", "area", "iscrowd", "image_id", "bbox", "category_id", "id"},
        "stuff": {"segmentation", "area", "iscrowd", "image_id", "bbox", "category_id", "id"},
        "captions": {"image_id", "id", "caption"},
        "panoptic": {"segments_info", "file_name", "image_id"},
    }
    top = {"info", "licenses", "images", "annotations"}
    for kind, fields in keys.items():
        for content in tables(written_twice[0], kind):
            assert set(content) == top | ({"categories"} if kind != "captions" else set())
            assert all(set(record) == fields for record in content["annotations"])
            if kind != "panoptic":
                numbers = [record["id"] for record in content["annotations"]]
                assert len(set(numbers)) == len(numbers)


def test_coco_images_match_their_records(written_twice: tuple[Path, Path]) -> None:
    modes, sizes = set(), set()
    for split in ("train2017", "val2017"):
        images = table(written_twice[0], "instances", split)["images"]
        names = {path.name for path in (written_twice[0] / "coco" / split).iterdir()}
        assert names == {image["file_name"] for image in images}
        for image in images:
            with Image.open(written_twice[0] / "coco" / split / image["file_name"]) as opened:
                assert opened.size == (image["width"], image["height"])
                modes.add(opened.mode)
                sizes.add(opened.size)
    assert modes == {"RGB", "L"}
    assert len(sizes) > 4


def test_coco_instances_rasterise_to_the_visible_masks(
    written_twice: tuple[Path, Path], coco_truth: dict[int, Truth]
) -> None:
    crowds = 0
    for content in tables(written_twice[0], "instances"):
        for image in content["images"]:
            shot = coco_truth[image["id"]]
            records = [a for a in content["annotations"] if a["image_id"] == image["id"]]
            wanted = [
                (s, shot.frame.ids == k)
                for k, s in enumerate(shot.scene.surfaces, 1)
                if s.thing and (shot.frame.ids == k).any()
            ]
            assert len(records) == len(wanted) >= 1
            for record, (surface, mask) in zip(records, wanted, strict=True):
                check_instance(record, surface, mask)
                crowds += record["iscrowd"]
    assert crowds >= 1


def check_instance(record: dict[str, Any], surface: Surface, mask: NDArray[np.bool_]) -> None:
    coded = rle.frPyObjects(record["segmentation"], *mask.shape)
    if isinstance(coded, list):
        assert all(isinstance(v, int) for polygon in record["segmentation"] for v in polygon)
        coded = rle.merge(coded)
    assert record["iscrowd"] == surface.crowd == isinstance(record["segmentation"], dict)
    assert np.array_equal(rle.decode(coded), mask)
    assert record["area"] == rle.area(coded) == mask.sum()
    assert record["bbox"] == rle.toBbox(coded).tolist()


def test_coco_stuff_covers_everything_once(
    written_twice: tuple[Path, Path], coco_truth: dict[int, Truth]
) -> None:
    for content in tables(written_twice[0], "stuff"):
        names = {c["id"]: c["name"] for c in content["categories"]}
        for image in content["images"]:
            total = np.zeros((image["height"], image["width"]), int)
            truth = coco.stuff_names(coco_truth[image["id"]])
            for record in content["annotations"]:
                if record["image_id"] != image["id"]:
                    continue
                assert isinstance(record["segmentation"]["counts"], str)
                mask = rle.decode(record["segmentation"])
                total += mask
                assert record["area"] == mask.sum()
                assert set(truth[mask == 1]) == {names[record["category_id"]]}
            assert np.all(total == 1)


def test_coco_panoptic_maps_match_their_segments(written_twice: tuple[Path, Path]) -> None:
    void = 0
    for split in ("train2017", "val2017"):
        content = table(written_twice[0], "panoptic", split)
        things = {c["id"]: c["isthing"] for c in content["categories"]}
        for record in content["annotations"]:
            path = written_twice[0] / f"coco/annotations/panoptic_{split}" / record["file_name"]
            with Image.open(path) as opened:
                assert opened.mode == "RGB"
                red, green, blue = np.moveaxis(np.asarray(opened).astype(np.int64), -1, 0)
            ids = red + 256 * green + 65536 * blue
            numbers = [segment["id"] for segment in record["segments_info"]]
            assert sorted(numbers) == sorted(set(np.unique(ids).tolist()) - {0})
            void += int((ids == 0).any())
            for segment in record["segments_info"]:
                coded = rle.encode(np.asfortranarray((ids == segment["id"]).astype(np.uint8)))
                assert segment["area"] == rle.area(coded)
                assert segment["bbox"] == rle.toBbox(coded).tolist()
                assert segment["category_id"] in things
    assert void >= 1


def test_coco_captions(written_twice: tuple[Path, Path]) -> None:
    frayed = 0
    for content in tables(written_twice[0], "captions"):
        for image in content["images"]:
            lines = [a["caption"] for a in content["annotations"] if a["image_id"] == image["id"]]
            assert len(lines) == 5
            assert len({line.strip() for line in lines}) == 5
            assert all(line.strip()[0].isupper() for line in lines)
            frayed += sum(line != line.strip() for line in lines)
    assert frayed >= 1


# -------------------------------------------------------------------------------------- KITTI


def test_kitti_calibration(written_twice: tuple[Path, Path]) -> None:
    for date, day in kitti.DAYS.items():
        path = written_twice[0] / "kitti/raw" / date
        lines = (path / "calib_cam_to_cam.txt").read_text(encoding="ascii").splitlines()
        assert len(lines) == 34
        values = dict(line.split(": ", 1) for line in lines)
        projection = np.array(values["P_rect_02"].split(), float).reshape(3, 4)
        wanted = np.linalg.inv(lens_of(day.focal, day.focal, day.cx, day.cy))
        np.testing.assert_allclose(projection[:, :3], wanted, rtol=1e-5, atol=1e-9)
        assert np.array(values["S_rect_02"].split(), float).tolist() == [day.width, day.height]
        counts = {"S": 2, "K": 9, "D": 5, "R": 9, "T": 3, "S_rect": 2, "R_rect": 9, "P_rect": 12}
        for camera in range(4):
            found = {k: len(values[f"{k}_{camera:02d}"].split()) for k in counts}
            assert found == counts
        assert (path / "calib_velo_to_cam.txt").exists()
        assert (path / "calib_imu_to_velo.txt").exists()


@pytest.mark.slow
def test_kitti_depth_is_sparse_and_true(written_twice: tuple[Path, Path]) -> None:
    frames, root = SIZES["kitti"], written_twice[0] / "kitti"
    view = next(islice(kitti.views(frames=frames), kitti.EDGE, None))
    shot = replace(view, frame=shoot(view.scene, view.camera))
    path = kitti.depth_path(shot, frames)
    assert path is not None
    stored = cv2.imread(str(root / path), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    assert np.array_equal(stored, kitti.annotated_depth(shot))
    with Image.open(root / path) as opened:
        assert opened.mode == "I;16"
    metres, valid = stored / 256, stored > 0
    np.testing.assert_allclose(metres[valid], shot.frame.depth[valid], atol=0.5 / 256)
    assert not valid[shot.frame.ids == 0].any()


def test_kitti_tree(written_twice: tuple[Path, Path]) -> None:
    frames, root = SIZES["kitti"], written_twice[0] / "kitti"
    depth = sorted(root.glob("depth/*/*/proj_depth/groundtruth/image_02/*.png"))
    assert len(depth) == len(kitti.DRIVES) * (frames - 2 * kitti.EDGE)
    for path in depth:
        stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        day = kitti.DAYS[path.parents[3].name[:10]]
        assert stored.shape == (day.height, day.width)
        assert 0.15 < (stored > 0).mean() < 0.25
        assert not stored[:25].any()
        assert stored.max() <= kitti.RANGE * 256
    raw = sorted(root.glob("raw/*/*/image_02/data/*.png"))
    assert len(raw) == len(kitti.DRIVES) * frames
    assert all(
        len(path.stem) == 10 and path.parents[2].name[:10] == path.parents[3].name for path in raw
    )


# ----------------------------------------------------------------------------------- Hypersim


@pytest.fixture(scope="module")
def hypersim_truth() -> list[Truth]:
    return list(hypersim.truth(frames=SIZES["hypersim"]))


def array(folder: Path, shot: Truth, kind: str) -> NDArray[Any]:
    name, number = shot.id.split("/")
    group = "final" if kind == "color" else "geometry"
    images = folder / "hypersim/evermotion_dataset/scenes" / name / "images"
    path = images / f"scene_cam_00_{group}_hdf5/frame.{int(number):04d}.{kind}.hdf5"
    with h5py.File(path) as file:
        assert list(file) == ["dataset"]
        assert not file["dataset"].attrs
        assert file["dataset"].compression == "gzip"
        stored: NDArray[Any] = file["dataset"][:]
    return stored


def test_hypersim_types(written_twice: tuple[Path, Path], hypersim_truth: list[Truth]) -> None:
    shapes = {"depth_meters": 1, "position": 3, "normal_cam": 3, "normal_world": 3, "color": 3}
    whole = ("render_entity_id", "semantic", "semantic_instance")
    for shot in hypersim_truth:
        for kind, channels in shapes.items():
            stored = array(written_twice[0], shot, kind)
            assert stored.dtype == np.float16
            assert stored.shape == ((192, 256) if channels == 1 else (192, 256, channels))
        entity, semantic, instance = (array(written_twice[0], shot, kind) for kind in whole)
        assert entity.dtype == semantic.dtype == instance.dtype == np.int16
        assert np.array_equal(entity, np.where(shot.frame.ids > 0, shot.frame.ids, -1))
        assert set(np.unique(semantic)) <= {-1, *range(1, 41)}
        assert not np.isnan(array(written_twice[0], shot, "color")).any()


def test_hypersim_depth_is_distance_through_its_own_lens(
    written_twice: tuple[Path, Path], hypersim_truth: list[Truth]
) -> None:
    rows = {row["scene_name"]: row for row in read_csv(written_twice[0], CAMERAS)}
    for shot in hypersim_truth:
        row = rows[shot.id.split("/")[0]]
        matrix = np.array(
            [[float(row[f"M_cam_from_uv_{i}{j}"]) for j in range(3)] for i in range(3)]
        )
        u = np.linspace(-1 + 1 / 256, 1 - 1 / 256, 256)
        v = np.linspace(-1 + 1 / 192, 1 - 1 / 192, 192)[::-1]
        grid = np.stack([*np.meshgrid(u, v), np.ones((192, 256))], axis=-1)
        ray = grid @ matrix.T
        ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
        distance = array(written_twice[0], shot, "depth_meters").astype(float)
        assert np.array_equal(np.isnan(distance), shot.frame.ids == 0)
        valid = shot.frame.ids > 0
        planar = distance * -ray[..., 2]
        np.testing.assert_allclose(planar[valid], shot.frame.depth[valid], rtol=2e-3)
        check_positions(written_twice[0], shot, ray, distance, valid)


def check_positions(
    folder: Path, shot: Truth, ray: Array, distance: Array, valid: NDArray[np.bool_]
) -> None:
    """Position = camera + rotated ray x distance, in asset units."""
    name, number = shot.id.split("/")
    detail = folder / "hypersim/evermotion_dataset/scenes" / name / "_detail"
    poses = []
    for kind in ("orientations", "positions"):
        with h5py.File(detail / f"cam_00/camera_keyframe_{kind}.hdf5") as file:
            assert file["dataset"].dtype == np.float64
            poses.append(file["dataset"][int(number)])
    turn, at = poses
    np.testing.assert_allclose(turn.T @ turn, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)
    scale = float((detail / "metadata_scene.csv").read_text().split(",")[-1])
    assert scale == PLACES[name].metres
    wanted = at + (ray @ turn.T) * distance[..., None] / scale
    stored = array(folder, shot, "position").astype(float)
    assert np.abs(stored[valid] - wanted[valid]).max() * scale < 0.012
    assert np.isnan(stored[~valid]).all()


def test_hypersim_normals_and_their_defects(
    written_twice: tuple[Path, Path], hypersim_truth: list[Truth]
) -> None:
    for shot in hypersim_truth:
        valid = shot.frame.ids > 0
        stored = array(written_twice[0], shot, "normal_cam").astype(float)
        world = array(written_twice[0], shot, "normal_world").astype(float)
        turned = stored @ (shot.camera.rotation * [1, -1, -1]).T
        np.testing.assert_allclose(turned[valid], world[valid], atol=4e-3)
        clean = shot.frame.normals * [1, -1, -1]
        same = np.abs(stored - clean).max(-1) < 2e-3
        assert np.isnan(stored[~valid]).all()
        if shot.id != hypersim.DEFECTIVE:
            assert same[valid].all()
            continue
        lost = np.isnan(stored).any(-1) & valid
        length = np.linalg.norm(stored, axis=-1)
        flipped = np.abs(stored + clean).max(-1) < 2e-3
        assert 0.9 < same[valid].mean() < 0.97
        assert min(lost.sum(), (length == 0).sum(), (length > 1.2).sum(), flipped.sum()) > 50


@pytest.mark.slow
def test_hypersim_lenses_and_windows(hypersim_truth: list[Truth]) -> None:
    plain = np.array([[3**-0.5, 0, 0], [0, 0.75 * 3**-0.5, 0], [0, 0, -1]])
    away = {name: np.abs(matrix_of(place) - plain).max() for name, place in PLACES.items()}
    assert away["ai_001_001"] < 1e-12
    assert min(away["ai_003_002"], away["ai_005_003"]) > 0.05
    assert any((shot.frame.ids == 0).any() for shot in hypersim_truth)


SPLIT = "evermotion_dataset/analysis/metadata_images_split_scene_v1.csv"
CAMERAS = "contrib/mikeroberts3000/metadata_camera_parameters.csv"


def read_csv(folder: Path, path: str) -> list[dict[str, str]]:
    with (folder / "hypersim" / path).open(newline="", encoding="ascii") as file:
        return list(csv.DictReader(file))


def test_hypersim_split(written_twice: tuple[Path, Path]) -> None:
    rows = read_csv(written_twice[0], SPLIT)
    assert {row["split_partition_name"] for row in rows} == {"train", "val", "test", ""}
    scenes = written_twice[0] / "hypersim/evermotion_dataset/scenes"
    with_files = {True: 0, False: 0}
    for row in rows:
        public = row["included_in_public_release"] == "True"
        assert public == (row["exclude_reason"] == "") == (row["split_partition_name"] != "")
        name = f"frame.{int(row['frame_id']):04d}.depth_meters.hdf5"
        path = scenes / row["scene_name"] / "images/scene_cam_00_geometry_hdf5" / name
        with_files[public] += path.exists()
    assert with_files == {True: len(PLACES) * SIZES["hypersim"], False: 1}
    assert len(read_csv(written_twice[0], CAMERAS)[0]) == 87


def test_shoot_keeps_the_labels_of_cast() -> None:
    scene, camera = scene_of(Sphere(centre=(0, 5, 0), radius=2)), camera_at()
    smooth, sharp = shoot(scene, camera), ahead(scene, camera)
    assert np.array_equal(smooth.ids, sharp.ids)
    assert np.array_equal(smooth.normals, sharp.normals)
    assert smooth.rgb.dtype == np.float32
    assert np.all(smooth.rgb >= 0)
