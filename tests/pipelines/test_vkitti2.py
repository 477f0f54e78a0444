"""The Virtual KITTI 2 reader: real frames, miniature streets, and small trees with warts."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipelines import vkitti2
from pipelines.demo import vkitti2 as demo
from pipelines.demo.scene import Truth
from pipelines.demo.vkitti2_street import COLORS, OFFICIAL
from pipelines.formats import palettes
from pipelines.parts.vkitti import depth as _vkitti_depth
from tests.helpers.builds import REAL as SAMPLES
from vbdata.core.labels import Depth, Normals, Segments
from vbdata.core.surface import normals_from_depth
from vbdata.core.types import ClassFact, Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

REAL = SAMPLES
real = pytest.mark.skipif(not (REAL / "vkitti2").exists(), reason="no real Virtual KITTI 2 samples")

WIDTH, HEIGHT = 16, 10
AT = "Scene01/clone"
NAMES = {
    "rgb": "rgb/Camera_0/rgb_00000.jpg",
    "depth": "depth/Camera_0/depth_00000.png",
    "classes": "classSegmentation/Camera_0/classgt_00000.png",
    "instances": "instanceSegmentation/Camera_0/instancegt_00000.png",
}
TEXTS = {
    "colors": "\n".join(
        ["Category r g b", *(f"{n} {r} {g} {b}" for n, (r, g, b) in COLORS.items())]
    ),
    "intrinsic": "frame cameraID K[0,0] K[1,1] K[0,2] K[1,2]\n"
    "0 0 20 21 7.5 4.5\n0 1 20 21 7.5 4.5\n",
    "info": "trackID label model color\n0 Car SUV Red\n1 Van Bulli Blue\n",
    "bbox": "frame cameraID trackID left right top bottom number_pixels\n"
    "0 0 0 0 3 8 9 8\n0 0 1 4 6 9 9 3\n0 1 1 4 6 9 9 3\n",
}
SAID = {
    **{name: name.lower() for name in COLORS},
    **{"GuardRail": "guard rail", "TrafficLight": "traffic light", "TrafficSign": "traffic sign"},
}


def class_map() -> NDArray[np.uint8]:
    """Rows of COLORS: sky, road, a car, a van and a car that is none, misc and void."""
    rows = list(COLORS)
    found = np.full((HEIGHT, WIDTH), rows.index("Road"), np.uint8)
    found[:3] = rows.index("Sky")
    found[3, :4], found[3, 4:8] = rows.index("Misc"), rows.index("Undefined")
    found[8:, :4], found[9, 4:7], found[8:, 10:12] = (rows.index(n) for n in ("Car", "Van", "Car"))
    return found


def instance_map() -> NDArray[np.uint8]:
    found = np.zeros((HEIGHT, WIDTH), np.uint8)
    found[8:, :4], found[9, 4:7] = 1, 2
    found[7, 0] = 1  # the class image says road
    return found


def painted(classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.array(list(COLORS.values()), np.uint8)[classes]


def png(pixels: NDArray[Any]) -> bytes:
    """Of grey, or RGB."""
    turned = pixels[..., ::-1] if pixels.ndim == 3 else pixels
    return bytes(cv2.imencode(".png", np.ascontiguousarray(turned))[1].tobytes())


def stored_depth() -> NDArray[np.uint16]:
    found = np.full((HEIGHT, WIDTH), 250, np.uint16)
    found[:3], found[6, 12] = 65535, 0
    return found


FRAME: dict[str, bytes] = {
    "rgb": cv2.imencode(".jpg", np.full((HEIGHT, WIDTH, 3), 99, np.uint8))[1].tobytes(),
    "depth": png(stored_depth()),
    "classes": png(painted(class_map())),
    "instances": demo.palette_png(instance_map()),
}


def tree(folder: Path, **changed: bytes | str | None) -> Folder:
    """Frame 0 of the left camera; what is None is left out."""
    for name, below in NAMES.items():
        data = changed.get(name, FRAME[name])
        if isinstance(data, bytes):
            file = folder / AT / "frames" / below
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
    for name, default in TEXTS.items():
        text = changed.get(name, default)
        if isinstance(text, str):
            (folder / AT / f"{name}.txt").write_text(text)
    return Folder(str(folder))


def only(root: Folder, **options: Any) -> Entry:
    (entry,) = vkitti2.index(root, **options)
    return entry


def fact(name: str, instances: int = 0, smallest: int = 0) -> ClassFact:
    thing = name in ("car", "van", "truck")
    return ClassFact(name=name, thing=thing, instances=instances, smallest=smallest)


def depth_of(root: Folder, entry: Entry) -> Depth:
    found = vkitti2.load(root, entry, ["depth"]).labels["depth"]
    assert isinstance(found, Depth)
    return found


def segments_of(root: Folder, entry: Entry) -> Segments:
    found = vkitti2.load(root, entry, ["segments"]).labels["segments"]
    assert isinstance(found, Segments)
    return found


def named(found: Segments) -> NDArray[np.str_]:
    """The class name of every pixel, "" where there is no segment."""
    return np.array(["", *found.classes])[found.ids]


# real frames


@pytest.mark.slow
@real
def test_every_colour_of_the_real_frames_is_known() -> None:
    root = Folder(str(REAL / "vkitti2"))
    entries = list(vkitti2.index(root, variations=["15-deg-left"], classes="all"))
    assert [e.id for e in entries] == [f"Scene01/15-deg-left/Camera_0/{k:05d}" for k in (0, 1)]
    for entry in entries:
        assert (entry.width, entry.height, entry.labels) == (1242, 375, ("segments",))
        assert entry.camera == (725.0087, 725.0087, 620.5, 187.0)
        found = segments_of(root, entry)
        rgb = np.asarray(Image.open(REAL / "vkitti2" / entry.files["classes"].path))
        areas = {}
        for name, colour in COLORS.items():
            here = (rgb == colour).all(-1)
            areas[name] = int(here.sum())
            expected = "" if name in ("Misc", "Undefined") else SAID[name]
            assert (named(found)[here] == expected).all()
        assert sum(areas.values()) == 1242 * 375
        assert sum(map(bool, areas.values())) == 12
        assert bool(found.valid.all())
        assert {SAID[n] for n, area in areas.items() if area and n != "Misc"} == set(found.classes)
        assert entry.classes == tuple(fact(name) for name in sorted(found.classes))
        vehicles = ("car", "truck", "van")  # no instance image is here: crowds
        assert found.crowds == found.things == tuple(n in vehicles for n in found.classes)


@pytest.mark.slow
@real
def test_derived_depth_on_the_real_frames(tmp_path: Path) -> None:
    for part in ("vkitti2/Scene01", "vkitti2_derived_depth/Scene01"):
        shutil.copytree(REAL / part, tmp_path / "Scene01", dirs_exist_ok=True)
    root = Folder(str(tmp_path))
    entries = list(vkitti2.index(root, variations="15-deg-left", camera="left"))
    assert [e.labels for e in entries] == [("depth", "normals", "segments")] * 2
    for entry in entries:
        stored = np.asarray(Image.open(tmp_path / entry.files["depth"].path)).astype(np.int64)
        found = depth_of(root, entry)
        sky = stored == 65535
        assert bool(sky.any())
        assert np.isposinf(found.metres[sky]).all()
        assert np.array_equal((found.metres[~sky].astype(np.float64) * 100).round(), stored[~sky])
        normals = vkitti2.load(root, entry, ["normals"]).labels["normals"]
        assert np.array_equal(normals.sky, sky)
        assert normals.valid.mean() > 0.1


# the miniature: every label is the truth


@pytest.fixture(scope="module")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One stereo pair a variation, in a tree for each download."""
    folder = tmp_path_factory.mktemp("vkitti2")
    demo.write(folder, seed=3, frames=1, trees=True)
    return folder


@pytest.fixture(scope="module")
def shots() -> dict[str, Truth]:
    return {shot.id: shot for shot in demo.truth(seed=3, frames=1)}


def test_the_miniature_is_the_truth(miniature: Path, shots: dict[str, Truth]) -> None:
    root = Folder(str(miniature))
    entries = list(vkitti2.index(root, variations="all", classes="all"))
    assert [e.id for e in entries] == list(shots)
    for entry in entries:
        shot, sample = shots[entry.id], vkitti2.load(root, entry, entry.labels)
        assert entry.group == f"kitti:{vkitti2.DRIVES[entry.id[:7]]}"
        check_depth(sample.labels["depth"], shot)
        check_normals(sample.labels["normals"], shot)
        check_segments(sample.labels["segments"], shot, entry)
        assert sample.image == (miniature / "vkitti_2.0.3_rgb" / shot.image).read_bytes()


def check_depth(found: Depth, shot: Truth) -> None:
    depth = shot.frame.depth
    sky = np.isinf(depth)
    assert 0 < sky.mean() < 1
    assert np.array_equal(np.isposinf(found.metres), sky)
    assert np.abs(found.metres[~sky] - depth[~sky]).max() <= 0.005 + 1e-5
    assert bool(found.valid.all())


def check_normals(found: Normals, shot: Truth) -> None:
    assert np.array_equal(found.sky, np.isinf(shot.frame.depth))
    good = found.valid
    assert good.sum() > 0.7 * (~found.sky).sum()
    cosine = (found.xyz * np.moveaxis(shot.frame.normals, -1, 0)).sum(0)[good]
    assert np.median(np.degrees(np.arccos(cosine.clip(-1, 1)))) < 0.2


def check_segments(found: Segments, shot: Truth, entry: Entry) -> None:
    """Against the ids of the ray caster, surface by surface."""
    ids, names, expected = found.ids, named(found), {}
    assert (names[shot.frame.ids == 0] == "sky").all()
    for k, surface in enumerate(shot.scene.surfaces, 1):
        here, official = shot.frame.ids == k, OFFICIAL[surface.name]
        said = "" if official in ("Misc", "Undefined") else SAID[official]
        assert (names[here] == said).all()
        assert bool((found.valid[here] == (official != "Undefined")).all())
        if surface.thing and surface.name in ("car", "van", "truck") and here.any():
            (number,) = np.unique(ids[here])
            assert found.things[number - 1]
            assert found.crowds[number - 1] == surface.crowd
            if not surface.crowd:
                assert np.array_equal(ids == number, here)
                expected.setdefault(said, []).append(int(here.sum()))
    facts = {f.name: f for f in entry.classes}
    assert set(facts) == set(names.ravel()) - {""}
    for name, areas in expected.items():
        assert facts[name] == fact(name, len(areas), min(areas))


def with_flow(folder: Path, stored: NDArray[Any]) -> None:
    file = folder / AT / "frames/forwardFlow/Camera_0/flow_00000.png"
    file.parent.mkdir(parents=True)
    file.write_bytes(png(stored))


def flow_tree(folder: Path, stored: NDArray[Any]) -> tuple[Folder, list[Entry]]:
    """Frames 0 and 1, with flow between them."""
    root = tree(folder, depth=None, instances=None)
    frame = folder / AT / "frames" / NAMES["rgb"]
    with_flow(folder, stored)
    frame.with_name("rgb_00001.jpg").write_bytes(frame.read_bytes())
    (folder / AT / "intrinsic.txt").unlink()
    return root, list(vkitti2.index(root, camera="left"))


def test_flow_is_its_formula_and_leads_to_the_next_frame(tmp_path: Path) -> None:
    stored = np.random.default_rng(0).integers(0, 65536, (HEIGHT, WIDTH, 3)).astype(np.uint16)
    stored[:2, :, 2] = 0  # the sky
    root, (first, last) = flow_tree(tmp_path, stored)
    assert (first.labels, first.references) == (("segments", "flow"), 1)
    assert (last.labels, last.references) == (("segments",), 0)
    assert first.files["reference1"].path.endswith("rgb_00001.jpg")
    sample = vkitti2.load(root, first, ("flow",))
    found = sample.labels["flow"]
    for channel, size in ((0, WIDTH), (1, HEIGHT)):
        wanted = (2.0 * stored[..., channel] / 65535 - 1) * (size - 1)
        assert np.allclose(found.uv[channel][found.valid], wanted[found.valid], atol=1e-5)
    assert np.array_equal(found.valid, stored[..., 2] > 0)
    assert sample.references == (root.read(last.files["image"].path),)
    assert vkitti2.load(root, first, ("segments",)).references == ()


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (np.ones((HEIGHT, WIDTH, 3), np.uint8), "wrong dtype: flow is uint8"),
        (np.zeros((HEIGHT, WIDTH, 3), np.uint16), "all invalid"),
        (np.ones((HEIGHT + 1, WIDTH, 3), np.uint16), "wrong size"),
    ],
)
def test_damaged_flow_is_refused(tmp_path: Path, stored: NDArray[Any], reason: str) -> None:
    root, (first, _) = flow_tree(tmp_path, stored)
    with pytest.raises(BadSample, match=reason):
        vkitti2.load(root, first, ("flow",))


@pytest.mark.slow
def test_the_flow_of_the_miniature_finds_the_same_points(demo_of: Callable[[str], Path]) -> None:
    now, after = (shot.frame for shot in islice(demo.truth(seed=0, frames=2), 2))
    root = Folder(str(demo_of("vkitti2")))
    entry = next(iter(vkitti2.index(root, scenes="Scene01", variations="15-deg-left")))
    found = vkitti2.load(root, entry, ("flow",)).labels["flow"]
    rows, columns = np.indices(found.valid.shape)
    x, y = np.rint(found.uv + np.stack([columns, rows])).astype(int)
    there = found.valid & (x >= 0) & (y >= 0) & (x < now.ids.shape[1]) & (y < len(now.ids))
    x, y = x[there], y[there]
    assert there.mean() > 0.5
    assert (now.ids[there] == after.ids[y, x]).mean() > 0.9  # the others are hidden there
    apart = np.linalg.norm(now.points[there] - after.points[y, x], axis=-1)
    assert np.median(apart[np.isfinite(apart)]) < 0.1  # metres, of pixels up to 0.5 off


@pytest.mark.slow
def test_the_miniature_shows_everything(shots: dict[str, Truth]) -> None:
    seen = {
        (shot.scene.surfaces[k - 1].name, shot.scene.surfaces[k - 1].crowd)
        for shot in shots.values()
        for k in np.unique(shot.frame.ids)
        if k
    }
    assert {(name, False) for name in OFFICIAL} | {("car", True)} == seen


def test_facts_of_the_tables_are_those_of_the_images(miniature: Path) -> None:
    root = Folder(str(miniature))
    opened = list(vkitti2.index(root, classes="all"))
    for told, seen in zip(vkitti2.index(root), opened, strict=True):
        assert told.classes == tuple(fact for fact in seen.classes if fact.instances)
        assert (told.record, told.files) == (seen.record, seen.files)
        label = vkitti2.load(root, seen, ("segments",)).labels["segments"]
        places = {place: each.name for each in seen.classes for place, _ in each.parts}
        assert all(label.classes[place] == name for place, name in places.items())


def marigold(folder: Path) -> None:
    (folder / "vkitti_2.0.3_rgb").rename(folder / "rgb")
    (folder / "vkitti_2.0.3_depth").rename(folder / "depth")


def one_tree(folder: Path) -> None:
    for own in sorted(folder.iterdir()):
        shutil.copytree(own, folder, dirs_exist_ok=True)
        shutil.rmtree(own)


def mixture(folder: Path) -> None:
    """One scene's depth in the root, class images in another spelling."""
    (folder / "vkitti_2.0.3_depth/Scene20").rename(folder / "Scene20")
    (folder / "vkitti_2.0.3_classSegmentation").rename(folder / "classsegmentation")
    for own in (folder / "classsegmentation").glob("*/*/frames/*"):
        own.rename(own.with_name("classsegmentation"))


@pytest.mark.parametrize("change", [marigold, one_tree, mixture])
def test_layouts(miniature: Path, tmp_path: Path, change: Callable[[Path], None]) -> None:
    shutil.copytree(miniature, tmp_path / "data")
    change(tmp_path / "data")
    one, two = Folder(str(miniature)), Folder(str(tmp_path / "data"))
    for a, b in zip(vkitti2.index(one), vkitti2.index(two), strict=True):
        assert (a.id, a.classes, a.labels, a.camera) == (b.id, b.classes, b.labels, b.camera)
        assert [f.size for f in a.files.values()] == [f.size for f in b.files.values()]
        assert all(f.size == two.size(f.path) for f in b.files.values())


# depth and normals


def test_metres_are_rounded_once() -> None:
    stored = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    found = _vkitti_depth.metric(stored)
    exact = np.arange(65535) / 100
    assert np.array_equal(found.metres.ravel()[:-1], exact.astype(np.float32))
    assert found.metres[-1, -1] == np.inf
    assert found.valid.ravel().tolist() == [False] + [True] * 65535


def test_unrounded_depth_stays_in_its_centimetre() -> None:
    rng = np.random.default_rng(0)
    stored = rng.integers(1, 3000, (40, 50), dtype=np.uint16)
    stored[5:9, 7:20], stored[0, 0] = 65535, 0
    solid = (stored > 0) & (stored < 65535)
    metres = _vkitti_depth.unrounded(stored, solid)
    assert not metres[~solid].any()
    off = np.abs(metres[solid].astype(np.float64) * 100 - stored[solid])
    assert off.max() <= 0.5 + 1e-3
    assert off.max() > 0.49  # noise is at the edge of its interval: not a copy of the input


def test_a_wall_is_flat_and_its_neighbour_stays_apart() -> None:
    """A plane 10 m ahead that recedes to the right, left of one at 12 m; the official lens."""
    camera = (725.0087, 725.0087, 100.0, 60.0)
    x = (np.arange(200) - camera[2]) / camera[0]
    cm = np.floor(np.where(x < 0, 10 / (1 - 0.1 * x), 12.0) * 100 + 0.5).astype(np.uint16)
    cm = np.tile(cm, (120, 1))
    metres, valid = cm / np.float32(100), np.ones((120, 200), np.bool_)
    raw, found = (
        normals_from_depth(metres, valid, camera, ~valid),
        _vkitti_depth.normals(cm, camera),
    )
    left, right = (slice(20, 100), slice(20, 80)), (slice(20, 100), slice(120, 180))
    tilted, straight = np.array([0.1, 0, -1]) / np.hypot(1, 0.1), np.array([0.0, 0, -1])
    assert mean_angle(raw, left, tilted) > 7
    assert mean_angle(found, left, tilted) < 2
    assert mean_angle(found, right, straight) < 0.1
    assert not found.valid[:, 99:101].any()


def mean_angle(found: Normals, where: tuple[slice, slice], true: NDArray[np.float64]) -> float:
    """Degrees; all normals there are valid."""
    assert bool(found.valid[where].all())
    cosine = np.tensordot(true, found.xyz[:, *where], 1)
    return float(np.degrees(np.arccos(cosine.clip(-1, 1))).mean())


def test_sky_and_holes_have_no_normal(tmp_path: Path) -> None:
    root = tree(tmp_path)
    entry = only(root)
    found = vkitti2.load(root, entry, ["normals"]).labels["normals"]
    assert np.array_equal(found.sky, stored_depth() == 65535)
    assert not found.valid[:4].any()
    assert not found.valid[6, 11:14].any()
    assert not found.valid[5:8, 12].any()
    assert bool(found.valid[4:9, 1:11].all())
    assert not depth_of(root, entry).valid[6, 12]


# segments


def test_classes_are_the_class_images_and_tracks_the_instance_images(tmp_path: Path) -> None:
    root = tree(tmp_path)
    vehicles, everything = only(root), only(root, classes="all")
    assert vehicles.classes == (fact("car", 1, 8), fact("van", 1, 3))
    assert everything.classes == (
        *vehicles.classes[:1],
        fact("road"),
        fact("sky"),
        fact("van", 1, 3),
    )
    found = segments_of(root, vehicles)
    assert found.classes == ("car", "van", "car", "road", "sky")
    assert found.things == (True, True, True, False, False)
    assert found.crowds == (False, False, True, False, False)
    expected = np.select([class_map() == list(COLORS).index(n) for n in ("Road", "Sky")], [4, 5])
    expected[8:, :4], expected[9, 4:7], expected[8:, 10:12] = 1, 2, 3
    assert np.array_equal(found.ids, expected)
    assert np.array_equal(found.valid, class_map() != list(COLORS).index("Undefined"))
    again = segments_of(root, everything)
    assert np.array_equal(found.ids, again.ids)
    assert found.classes == again.classes


def test_a_track_that_no_table_lists_is_of_a_crowd(tmp_path: Path) -> None:
    lines = TEXTS["bbox"].splitlines()
    root = tree(tmp_path, bbox="\n".join([lines[0], lines[2]]))
    entry = only(root)
    assert entry.classes == (fact("van", 1, 3),)
    found = segments_of(root, entry)
    assert found.classes == ("van", "car", "road", "sky")
    assert found.crowds == (False, True, False, False)
    assert (named(found)[8:, :4] == "car").all()


def test_a_listed_track_without_pixels_keeps_its_number(tmp_path: Path) -> None:
    root = tree(tmp_path, instances=demo.palette_png(instance_map() * (instance_map() != 1)))
    found = segments_of(root, only(root))
    assert found.classes[:2] == ("car", "van")
    assert not (found.ids == 1).any()
    assert only(root, classes="all").classes[0] == fact("car")


@pytest.mark.parametrize("gone", ["instances", "info"])
def test_without_tracks_vehicles_are_crowds(tmp_path: Path, gone: str) -> None:
    root = tree(tmp_path, **{gone: None})
    assert only(root).classes == ()
    entry = only(root, classes="all")
    assert entry.classes == tuple(fact(name) for name in ("car", "road", "sky", "van"))
    found = segments_of(root, entry)
    assert dict(zip(found.classes, found.crowds, strict=True)) == {
        "road": False,
        "sky": False,
        "car": True,
        "van": True,
    }


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palette_indices_of_any_depth(bits: int) -> None:
    indices = (np.arange(7 * 13) % 2**bits).astype(np.uint8).reshape(7, 13)
    data = demo.palette_png(indices, bits=bits)
    assert (Image.open(io.BytesIO(data)).mode, data[24]) == ("P", bits)
    assert np.array_equal(palettes.indices(data, "x.png"), indices)


def test_palette_indices_are_no_colours() -> None:
    """All 256 indices, transparency included, whatever the palette; grey is read as it is."""
    indices = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = Image.fromarray(indices)
    image.putpalette([0] * 768)
    data = io.BytesIO()
    image.save(data, "PNG", transparency=0)
    assert b"tRNS" in data.getvalue()
    for each in (data.getvalue(), png(indices)):
        assert np.array_equal(palettes.indices(each, "x.png"), indices)


# damage


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def bomb(data: bytes) -> bytes:
    """The width and height of a PNG, set to 65535."""
    body = data[12:16] + b"\0\0\xff\xff" * 2 + data[24:29]
    return data[:12] + body + palettes._crc(body) + data[33:]


@pytest.mark.parametrize(
    ("file", "data", "message"),
    [
        ("depth", png(np.zeros((HEIGHT, WIDTH), np.uint16)), "all invalid: no pixel"),
        ("depth", png(np.ones((HEIGHT, WIDTH), np.uint8)), "wrong dtype: depth is uint8"),
        ("depth", png(np.ones((HEIGHT, WIDTH, 3), np.uint16)), "wrong dtype"),
        ("depth", png(np.ones((HEIGHT, 9), np.uint16)), "wrong size: 9x10"),
        ("depth", FRAME["depth"][:-14], "truncated"),
        ("depth", flipped(FRAME["depth"], len(FRAME["depth"]) // 2), "undecodable"),
        ("classes", png(np.full((HEIGHT, WIDTH, 3), 7)), "unknown category: colour 7 7 7"),
        ("classes", png(class_map()), "wrong dtype: classes is uint8"),
        ("classes", png(painted(class_map())[:, :9]), "wrong size: 9x10"),
        ("classes", FRAME["classes"][:-14], "truncated"),
        ("instances", png(painted(instance_map())), "wrong dtype: uint8 of shape"),
        ("instances", png(instance_map().astype(np.uint16)), "wrong dtype: uint16"),
        ("instances", demo.palette_png(instance_map()[:, :9]), "wrong size: 9x10"),
        ("instances", FRAME["instances"][:-14], "truncated"),
        ("instances", FRAME["instances"][:40], "truncated"),
        ("instances", b"", "truncated: an empty file"),
        ("instances", b"GIF89a", "undecodable"),
        ("instances", flipped(FRAME["instances"], 29), "undecodable: PNG: IHDR"),
        ("instances", flipped(FRAME["instances"], len(FRAME["instances"]) - 20), "undecodable"),
        ("instances", bomb(FRAME["instances"]), "too large: 65535x65535"),
        ("rgb", FRAME["rgb"][:20], "truncated|undecodable"),
    ],
)
def test_damaged_images(tmp_path: Path, file: str, data: bytes, message: str) -> None:
    entry = only(tree(tmp_path / "whole"))
    root = tree(tmp_path / "damaged", **{file: data})
    kinds = ["depth", "normals"] if file == "depth" else ["segments"]
    with pytest.raises(BadSample, match=f"^({message}).*{AT}"):
        vkitti2.load(root, entry, kinds)
    if file in ("classes", "instances"):
        seen = only(root, classes="all")
        with pytest.raises(BadSample, match=f"^({message})"):
            vkitti2.load(root, seen, kinds)


def test_a_frame_without_a_file_that_others_have(tmp_path: Path) -> None:
    text = TEXTS["intrinsic"] + "1 0 20 21 7.5 4.5\n"
    for gone in NAMES:
        root = tree(tmp_path / gone, intrinsic=text)
        for name, below in NAMES.items():
            if name != gone:
                file = tmp_path / gone / AT / "frames" / below
                shutil.copy(file, str(file).replace("00000", "00001"))
        entries = list(vkitti2.index(root))
        assert [e.id[-1] for e in entries] == ["0", "1"]
        kinds = ["depth"] if gone == "depth" else ["segments"]
        vkitti2.load(root, entries[0], kinds)
        with pytest.raises(BadSample, match=r"^missing.*_00001"):
            vkitti2.load(root, entries[1], kinds)


@pytest.mark.parametrize(
    ("gone", "labels"),
    [
        (["depth"], ("segments",)),
        (["classes"], ("depth", "normals")),
        (["colors"], ("depth", "normals")),
        (["intrinsic"], ("depth", "segments")),
        ([*TEXTS], ("depth",)),
    ],
)
def test_what_is_there_is_offered(tmp_path: Path, gone: list[str], labels: tuple[str, ...]) -> None:
    root = tree(tmp_path, **dict.fromkeys(gone))
    entry = only(root)
    assert entry.labels == labels
    assert (entry.camera is None) == ("intrinsic" in gone)
    assert set(vkitti2.load(root, entry, labels).labels) == set(labels)


@pytest.mark.parametrize("gone", [["rgb"], ["depth", "classes", "instances"]])
def test_no_images_or_no_labels_are_no_entries(tmp_path: Path, gone: list[str]) -> None:
    with pytest.raises(SourceError, match=r"no frames .* Scene01, Scene02.*in clone"):
        list(vkitti2.index(tree(tmp_path, **dict.fromkeys(gone))))


def test_stray_files_are_no_frames(tmp_path: Path) -> None:
    root = tree(tmp_path)
    for name in ("rgb_00001.jpg.part", "rgb_1.jpg", "Thumbs.db"):
        (tmp_path / AT / "frames/rgb/Camera_0" / name).write_bytes(b"x")
    (tmp_path / AT / "frames/rgb/Camera_0/old").mkdir()
    (tmp_path / AT / "frames/rgb/Camera_0/old/rgb_00007.jpg").write_bytes(b"x")
    assert only(root).id == f"{AT}/Camera_0/00000"


def test_the_size_is_that_of_the_first_image_that_can_be_read(tmp_path: Path) -> None:
    text = TEXTS["intrinsic"] + "1 0 20 21 7.5 4.5\n"
    root = tree(tmp_path, intrinsic=text)
    first = tmp_path / AT / "frames" / NAMES["rgb"]
    shutil.copy(first, first.with_name("rgb_00001.jpg"))
    first.write_bytes(b"no image")
    assert {(e.width, e.height) for e in vkitti2.index(root)} == {(WIDTH, HEIGHT)}
    for name in NAMES.values():  # now frame 0 alone, with no image that can be read
        (tmp_path / AT / "frames" / name.replace("00000", "00001")).unlink(missing_ok=True)
    assert (only(root).width, only(root).height) == (1242, 375)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("colors", "Category r g\n", "colors.txt: no column 'b'"),
        (
            "colors",
            TEXTS["colors"].replace("Van 0", "Bus 0"),
            "'Bus' is no class.*Known: Undefined, Van",
        ),
        ("colors", TEXTS["colors"].replace("Van 0 139 139", ""), "no colour for Van"),
        ("colors", TEXTS["colors"].replace("0 139 139", "80 80 80"), "colour of Van.*of its own"),
        ("colors", TEXTS["colors"].replace("0 139 139", "0 139 300"), "colour of Van"),
        ("colors", TEXTS["colors"].replace("0 139 139", "0 139 x"), "line 15: 'Van 0 139 x'"),
        ("colors", "", "no column 'Category'"),
        ("intrinsic", TEXTS["intrinsic"].replace("0 1 20", "0 1 nan"), "is no pinhole"),
        ("intrinsic", TEXTS["intrinsic"].replace("0 1 20", "0 1 -20"), "is no pinhole"),
        ("intrinsic", TEXTS["intrinsic"] + "1 0 20\n", "intrinsic.txt, line 4: '1 0 20'"),
        ("intrinsic", TEXTS["intrinsic"] + "0 0 9 9 9 9\n", "has two values"),
        ("info", "trackID label\n300 Car\n", "track 300, expected 0 to 254"),
        ("info", "trackID label\n-1 Car\n", "track -1, expected 0 to 254"),
        ("bbox", TEXTS["bbox"] + "0 0 0 1 2 3 4 99\n", "has two values, 8 and 99"),
        ("bbox", TEXTS["bbox"] + "0 0 0.5 1 2 3 4 99\n", "bbox.txt, line 5"),
    ],
)
def test_malformed_text_files(tmp_path: Path, file: str, text: str, message: str) -> None:
    with pytest.raises(SourceError, match=f"{AT}/{file}.txt.*{message}|{message}"):
        list(vkitti2.index(tree(tmp_path, **{file: text})))


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("info", "trackID label\n0 Car\n", "garbled annotation: bbox.txt has track 1, info.txt"),
        ("intrinsic", TEXTS["intrinsic"].replace("\n0 0", "\n7 0"), "no row of frame 0, camera 0"),
    ],
)
def test_a_frame_that_the_text_files_contradict(
    tmp_path: Path, file: str, text: str, message: str
) -> None:
    root = tree(tmp_path, **{file: text})
    with pytest.raises(BadSample, match=message):
        vkitti2.load(root, only(root), ["depth"])


def test_tracks_of_other_labels_have_no_instances(tmp_path: Path) -> None:
    root = tree(tmp_path, info="trackID label\n0 Tram\n1 Van\n")
    entry = only(root)
    assert entry.classes == (fact("van", 1, 3),)
    assert segments_of(root, entry).classes == ("van", "car", "road", "sky")


# options, groups, the official release


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"camera": "front"}, "camera: 'front' is not a choice.*both, left, right"),
        ({"classes": "none"}, "classes: 'none' is not a choice.*all, vehicles"),
        ({"scenes": ["Scene21"]}, "scenes: 'Scene21'.*did you mean 'Scene20'"),
        ({"scenes": []}, "scenes: ''"),
        ({"scenes": 1}, "scenes: 1 is not a choice"),
        ({"scenes": [["Scene01"]]}, "is not a choice"),
        ({"variations": "foggy"}, "variations: 'foggy'.*did you mean 'fog'"),
        ({"variations": ["rain"]}, "no frames with labels of .* in rain"),
        ({"camera": "right"}, "no frames with labels"),
    ],
)
def test_wrong_options(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    root = tree(tmp_path)
    with pytest.raises(SourceError, match=message):
        list(vkitti2.index(root, **options))


def test_choices(miniature: Path) -> None:
    root = Folder(str(miniature))

    def ids(**options: Any) -> list[str]:
        return [entry.id for entry in vkitti2.index(root, **options)]

    everything = ids(variations="all", scenes="all")
    assert everything == sorted(everything)
    assert ids() == [i for i in everything if "/15-deg" not in i]
    assert ids(camera="right") == [i for i in ids() if "Camera_1" in i]
    assert ids(scenes="Scene20", variations=["fog", "15-deg-left"]) == [
        i for i in everything if i.startswith("Scene20") and "clone" not in i
    ]


def test_the_official_release() -> None:
    assert vkitti2.official().entries == 20148 + 5364  # Marigold's train and val
    assert vkitti2.official(scenes="Scene01").entries == 5364
    assert vkitti2.official(variations="all", camera="left").entries == 21260
    archives = [download.archive for download in vkitti2.official().downloads]
    assert archives[:2] == ["vkitti_2.0.3_rgb.tar", "vkitti_2.0.3_depth.tar"]
    with pytest.raises(SourceError, match="camera: 'front'"):
        vkitti2.official(camera="front")


def test_downloads_are_where_the_reader_looks(tmp_path: Path) -> None:
    root = tree(tmp_path)
    with_flow(tmp_path, np.ones((HEIGHT, WIDTH, 3), np.uint16))
    assert all(root.exists(download.path) for download in vkitti2.official().downloads)


def test_held_out_scenes_are_their_drives(miniature: Path) -> None:
    groups = {entry.group for entry in vkitti2.index(Folder(str(miniature)), scenes="Scene01")}
    assert groups == vkitti2.HOLDOUTS["vkitti2-scene01"] == {"kitti:2011_09_26_drive_0009_sync"}
    assert len(frozenset().union(*vkitti2.HOLDOUTS.values())) == 5
