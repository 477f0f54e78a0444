"""The reader `folders`: one ray-cast scene in every kind, frame and type of file is one label."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import OpenEXR
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipelines import folders
from pipelines.demo.caster import rays, shoot
from pipelines.demo.eden import mat
from pipelines.demo.folders import npy
from pipelines.demo.places import room
from pipelines.demo.scene import lens_of
from pipelines.demo.world import Camera, Frame
from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.plugins import task
from vbdata.storage.folder import Folder

WIDTH, HEIGHT = 64, 48
FX, FY, CX, CY = 55.25, 54.5, 30.75, 24.25
CAMERA = [FX, FY, CX, CY]
BASELINE = 0.125

Floats = NDArray[np.floating[Any]]


@pytest.fixture(scope="module")
def scene() -> tuple[Camera, Frame]:
    stream = Stream(3, "folders test")
    world, camera = room(stream, WIDTH, HEIGHT)
    turned = Camera(
        width=WIDTH,
        height=HEIGHT,
        lens=lens_of(FX, FY, CX, CY),
        rotation=camera.rotation,
        position=camera.position,
    )
    return turned, shoot(world, turned)


@pytest.fixture(scope="module")
def tree(scene: tuple[Camera, Frame], tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """rgb/0.jpg, and the scene's depth and normals in files of every type."""
    root = tmp_path_factory.mktemp("tree")
    camera, frame = scene
    picture = np.indices((HEIGHT, WIDTH)).sum(0).astype(np.uint8)[..., None].repeat(3, 2)
    put(root, "rgb/0.jpg", encode_jpeg(picture))
    for path, data in {**depth_files(frame), **normal_files(frame, camera)}.items():
        put(root, path, data)
    return Folder(str(root))


def put(root: Path, path: str, data: bytes) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(data)


def depth_files(frame: Frame) -> dict[str, bytes]:
    seen = np.isfinite(frame.depth)
    z = np.where(seen, frame.depth, 0).astype(np.float32)
    exact = z.astype(np.float64)
    x = (np.arange(WIDTH) - CX) / FX
    y = (np.arange(HEIGHT)[:, None] - CY) / FY
    with np.errstate(divide="ignore"):
        inverse = np.where(seen, 1 / exact, 0)
    zipped = io.BytesIO()
    np.savez_compressed(zipped, depth=z, other=z + 1)
    return {
        "z/npy/0.npy": npy(z),
        "z/double/0.npy": npy(exact),
        "z/npz/0.npz": zipped.getvalue(),
        "z/exr/0.exr": exr({"Z": z}),
        "z/grey_exr/0.exr": exr({"R": z, "G": z, "B": z}),
        "z/pfm/0.pfm": b"Pf\n%d %d\n-1.0\n" % (WIDTH, HEIGHT) + z[::-1].tobytes(),
        "z/big_pfm/0.pfm": b"Pf\n%d %d\n0.0039\n" % (WIDTH, HEIGHT)
        + z[::-1].astype(">f4").tobytes(),
        "z/tiff/0.tiff": saved(Image.fromarray(z), "TIFF", compression="tiff_lzw"),
        "z/dpt/0.dpt": struct.pack("<fii", 202021.25, WIDTH, HEIGHT) + z.tobytes(),
        "z/hdf5/0.hdf5": hdf5(depth=z, more=z[:3]),
        "z/mat/0.mat": mat({"Depth": np.stack([z + 1, z], -1), "K": np.eye(3)}, packed=True),
        "z/plane/0.npy": npy(np.stack([z, z + 1, z + 2, z + 3], -1)),
        "z/large/0.npy": npy(z.repeat(2, 0).repeat(2, 1)),
        "mm/png/0.png": png16(np.rint(exact * 1000)),
        "mm/tiff/0.tif": bytes(cv2.imencode(".tif", np.rint(exact * 1000).astype(np.uint16))[1]),
        "ray/0.npy": npy(exact * np.sqrt(1 + x * x + y * y)),
        "disparity/0.npy": npy(FX * BASELINE * inverse),
        "inverse/0.exr": exr({"Y": inverse.astype(np.float32)}),
        "inverse8/0.npy": npy(inverse),
    }


def normal_files(frame: Frame, camera: Camera) -> dict[str, bytes]:
    n = frame.normals.astype(np.float32)  # OpenCV axes, 0 where nothing is
    x, y, z = np.moveaxis(n, -1, 0)
    opengl = np.stack([x, -y, -z], -1)
    world = np.einsum("ij,hwj->hwi", camera.rotation, n.astype(np.float64))
    files = {
        "n/opencv/0.npy": npy(n),
        "n/opengl/0.npy": npy(opengl),
        "n/planes/0.npy": npy(np.moveaxis(opengl, -1, 0)),
        "n/lub/0.npy": npy(np.stack([-x, -y, -z], -1)),
        "n/fru/0.npy": npy(np.stack([z, x, -y], -1)),
        "n/exr/0.exr": exr({"X": x, "Y": y, "Z": z}),
        "n/hdf5/0.hdf5": hdf5(normals=((opengl + 1) / 2)),
        "n/world/0.npy": npy(world),
        "n/png128/0.png": bytes(cv2.imencode(".png", centred(opengl)[..., ::-1])[1]),
        "n/png8/0.png": bytes(cv2.imencode(".png", coded(opengl, 255, np.uint8)[..., ::-1])[1]),
        "n/png16/0.png": bytes(cv2.imencode(".png", coded(opengl, 65535, np.uint16)[..., ::-1])[1]),
        "pose/0.txt": text_of(np.vstack([np.c_[camera.rotation, [1, 2, 3]], [0, 0, 0, 1]])),
        "gl_pose/0.npy": npy((camera.rotation * [1, -1, -1]).T),
    }
    return files


def coded(vectors: Floats, most: int, dtype: Any) -> NDArray[Any]:
    return np.rint((vectors.astype(np.float64) + 1) / 2 * most).astype(dtype)


def centred(vectors: Floats) -> NDArray[np.uint8]:
    return np.clip(np.rint(128 * (1 + vectors.astype(np.float64))), 0, 255).astype(np.uint8)


def text_of(matrix: Floats) -> bytes:
    return "\n".join(" ".join(repr(float(v)) for v in row) for row in matrix).encode()


def exr(channels: Mapping[str, Floats]) -> bytes:
    out = io.BytesIO()
    planes = {name: np.ascontiguousarray(values) for name, values in channels.items()}
    OpenEXR.File({}, planes).write(out)
    return out.getvalue()


def hdf5(**arrays: Any) -> bytes:
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values, compression="gzip", track_times=False)
    return out.getvalue()


def png16(values: Floats) -> bytes:
    return bytes(cv2.imencode(".png", values.astype(np.uint16))[1].tobytes())


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def only(root: Folder, **options: Any) -> Entry:
    (entry,) = folders.index(root, **{"images": "rgb/{id}.jpg", **options})
    return entry


def depth_of(root: Folder, **options: Any) -> Any:
    camera = options.pop("lens", None)
    given = {"scale": 1, "kind": "z", **options}
    entry = only(root, depth=given, **({"camera": camera} if camera else {}))
    assert entry.labels == ("depth",)
    return folders.load(root, entry, ("depth",)).labels["depth"]


def drawn(label: Any, name: str) -> NDArray[np.uint8]:
    module = task(name)
    rgb: NDArray[np.uint8] = module.render(label, module.PARAMS)
    return rgb


def depth_codes(label: Any) -> NDArray[np.int64]:
    """Which of the palette's codes a target has, counted along its walk."""
    rgb = drawn(label, "depth").astype(np.int64)
    walk = (0, 1, 3, 2, 6, 4, 5, 7)  # black, red, yellow, green, cyan, blue, magenta, white
    corners = [tuple(255 * (c >> k & 1) for k in range(3)) for c in walk]
    table = {}
    for edge, (start, end) in enumerate(pairwise(corners)):
        for step in range(256):
            point = tuple(s + (e - s) * step // 255 for s, e in zip(start, end, strict=True))
            table.setdefault(point, 255 * edge + step)
    return np.array([table[tuple(p)] for p in rgb.reshape(-1, 3).tolist()])


EXACT = {
    "npy": {},
    "double": {},
    "npz": {"dataset": "depth"},
    "exr": {},
    "grey_exr": {},
    "pfm": {},
    "big_pfm": {},
    "tiff": {},
    "dpt": {},
    "hdf5": {"dataset": "depth"},
    "mat": {"dataset": "Depth", "channels": [1]},
    "plane": {"channels": ["0"]},
    "large": {"resize": True},
}


@pytest.mark.parametrize("kind", EXACT)
def test_metres_of_every_type_of_file_are_the_same_bits(
    kind: str, tree: Folder, scene: tuple[Camera, Frame]
) -> None:
    label = depth_of(tree, files=f"z/{kind}/*.*", **EXACT[kind])
    truth = scene[1].depth
    seen = np.isfinite(truth)
    assert np.array_equal(label.valid, seen)
    assert np.array_equal(label.metres[seen], truth[seen].astype(np.float32))
    assert np.array_equal(
        drawn(label, "depth"), drawn(depth_of(tree, files="z/npy/*.npy"), "depth")
    )


OTHER_KINDS: dict[str, dict[str, Any]] = {
    "ray": {"files": "ray/*.npy", "kind": "ray", "camera": CAMERA},
    "ray by the picture's camera": {"files": "ray/*.npy", "kind": "ray", "lens": CAMERA},
    "disparity": {
        **{"files": "disparity/*.npy", "kind": "disparity", "camera": CAMERA},
        **{"baseline": "0.125"},
    },
    "inverse": {"files": "inverse8/*.npy", "kind": "inverse"},
    "inverse in float32": {"files": "inverse/*.exr", "kind": "inverse"},
    "millimetres": {"files": "mm/png/*.png", "scale": 1000, "invalid": [0]},
    "millimetres in TIFF": {"files": "mm/tiff/*.tif", "scale": "1000", "invalid": 0},
}


@pytest.mark.parametrize("name", OTHER_KINDS)
def test_every_kind_of_depth_gives_the_same_target(name: str, tree: Folder) -> None:
    plain = depth_of(tree, files="z/npy/*.npy")
    other = depth_of(tree, **OTHER_KINDS[name])
    seen = plain.valid
    assert np.array_equal(other.valid, seen)
    metres, wanted = (each.metres[seen] for each in (other, plain))
    near = 6e-4 if name.startswith("milli") else 3e-7 * wanted
    assert (np.abs(metres - wanted) <= near).all()
    steps = np.abs(depth_codes(other) - depth_codes(plain))[seen.ravel()]
    assert steps.max() <= 1


def test_a_wrong_kind_is_another_target(tree: Folder) -> None:
    plain = depth_of(tree, files="z/npy/*.npy")
    wrong = depth_of(tree, files="ray/*.npy")
    seen = plain.valid.ravel()
    assert np.abs(depth_codes(wrong) - depth_codes(plain))[seen].max() > 5


POSE = {"files": "pose/*.txt", "turns": "camera-to-world", "axes": "opencv"}
GL_POSE = {"files": "gl_pose/*.npy", "turns": "world-to-camera", "axes": "opengl"}
FRAMES: dict[str, tuple[dict[str, Any], int]] = {
    "opencv": ({"frame": "opencv"}, 0),
    "opengl": ({"frame": "opengl"}, 0),
    "planes": ({"frame": ["right", "up", "backward"]}, 0),
    "lub": ({"frame": ["left", "up", "backward"]}, 0),
    "fru": ({"frame": ["forward", "right", "up"]}, 0),
    "exr": ({"frame": ["right", "down", "forward"]}, 0),
    "hdf5": ({"frame": "opengl", "coding": "unsigned", "dataset": "normals"}, 1),
    "world": ({"frame": "world", "pose": POSE}, 1),
    "world by its inverse": ({"frame": "world", "pose": GL_POSE, "files": "n/world/*.npy"}, 1),
    "png8": ({"frame": "opengl", "coding": "png8"}, 1),
    "png128": ({"frame": "opengl", "coding": "png128"}, 1),
    "png16": ({"frame": "opengl", "coding": "png16"}, 1),
}


def normals_of(root: Folder, camera: Any = CAMERA, **options: Any) -> Any:
    entry = only(root, normals={"coding": "signed", **options}, camera=camera)
    return folders.load(root, entry, ("normals",)).labels["normals"]


@pytest.mark.parametrize("name", FRAMES)
def test_every_frame_and_coding_of_normals_gives_the_same_target(
    name: str, tree: Folder, scene: tuple[Camera, Frame]
) -> None:
    options, steps = FRAMES[name]
    label = normals_of(tree, **{"files": f"n/{name}/*.*", **options})
    truth = np.moveaxis(scene[1].normals, -1, 0)
    seen = np.isfinite(scene[1].depth)
    assert np.array_equal(label.valid, seen)
    error = np.abs(label.xyz - truth)[:, seen].max()
    assert error < (0.01 if name in ("png8", "png128") else 2e-5)
    plain = drawn(normals_of(tree, files="n/opencv/*.npy", frame="opencv"), "normals")
    apart = np.abs(drawn(label, "normals").astype(int) - plain.astype(int)).max()
    assert apart <= steps


def test_normals_that_point_away_are_refused_turned_or_left_out(tree: Folder) -> None:
    with pytest.raises(BadSample, match=r"point away from the camera: is normals.frame \[left"):
        normals_of(tree, files="n/opencv/*.npy", frame=["left", "up", "backward"])
    with pytest.raises(BadSample, match="point away"):
        normals_of(tree, camera={}, files="n/opencv/*.npy", frame=["right", "down", "backward"])
    turned = normals_of(
        tree, files="n/opencv/*.npy", frame=["left", "up", "backward"], two_sided=True
    )
    plain = normals_of(tree, files="n/opencv/*.npy", frame="opencv")
    assert np.array_equal(turned.xyz, plain.xyz)


def test_bits_of_another_size_are_refused_unless_they_show_the_same(tree: Folder) -> None:
    with pytest.raises(BadSample, match=r"128x96, expected 64x48; depth.resize: true"):
        depth_of(tree, files="z/large/*.npy")


def test_sky_limits_and_invalid_values(tmp_path: Path) -> None:
    put(tmp_path, "rgb/0.jpg", encode_jpeg(np.zeros((2, 4, 3), np.uint8)))
    values = np.array([[0, 1, 65535, 7], [2000, 60000, 3, 65534]], np.uint16)
    put(tmp_path, "d/0.png", png16(values))
    root = Folder(str(tmp_path))
    given = {"files": "d/*.png", "scale": 1000, "invalid": [7], "sky": [65535, 65534], "max": 50}
    label = depth_of(root, **given)
    assert label.valid.tolist() == [[False, True, True, False], [True, False, True, True]]
    inf = float("inf")
    wanted = np.array([[0, 0.001, inf, 0], [2, 0, 0.003, inf]], np.float32)
    assert np.array_equal(label.metres, wanted)
    put(tmp_path, "d/0.npy", npy(np.array([[np.nan, inf, -inf, -1], [0, 1, 2, 3]], np.float32)))
    label = depth_of(root, files="d/*.npy")
    assert label.valid.sum() == 3
    assert depth_of(root, files="d/*.npy", sky="inf").valid.sum() == 4
    label = depth_of(root, files="d/*.npy", sky_from=3)  # no matter how far
    assert np.isinf(label.metres).sum() == 2
    assert label.valid.sum() == 4


def test_floats_whose_bits_are_stored_as_integers(tmp_path: Path) -> None:
    put(tmp_path, "rgb/0.jpg", encode_jpeg(np.zeros((2, 4, 3), np.uint8)))
    metres = np.array([[0.1, 1, 2.5, 1e4], [7.3, 80, 655.04, 3]], np.float32)
    four = metres[..., None].view(np.uint8)
    put(tmp_path, "d/0.png", cv2.imencode(".png", four)[1].tobytes())
    found = depth_of(Folder(str(tmp_path)), files="d/*.png", bits=True)
    assert np.array_equal(found.metres, metres)
    half = metres.astype(np.float16)
    put(tmp_path, "d/0.png", png16(half.view(np.uint16)))
    found = depth_of(Folder(str(tmp_path)), files="d/*.png", bits=True)
    assert np.array_equal(found.metres, half.astype(np.float32))
    put(tmp_path, "d/0.png", cv2.imencode(".png", four[..., :3])[1].tobytes())
    with pytest.raises(BadSample, match=r"wrong dtype: .*expected the bits of floats"):
        depth_of(Folder(str(tmp_path)), files="d/*.png", bits=True)


def test_an_exr_in_its_display_window_and_by_its_channels(tmp_path: Path) -> None:
    put(tmp_path, "rgb/0.jpg", encode_jpeg(np.zeros((6, 8, 3), np.uint8)))
    window = {"displayWindow": ((0, 0), (7, 5)), "dataWindow": ((2, 1), (5, 4))}
    values = np.arange(1, 17, dtype=np.float32).reshape(4, 4)
    out = io.BytesIO()
    OpenEXR.File(window, {"V.Depth.Z": values, "V.Noise.Z": -values}).write(out)
    put(tmp_path, "d/0.exr", out.getvalue())
    root = Folder(str(tmp_path))
    with pytest.raises(BadSample, match=r"unless channels are named; V.Depth.Z, V.Noise.Z"):
        depth_of(root, files="d/*.exr")
    label = depth_of(root, files="d/*.exr", channels="V.Depth.Z")
    whole = np.zeros((6, 8), np.float32)
    whole[1:5, 2:6] = values
    assert np.array_equal(label.metres, whole)
    assert np.array_equal(label.valid, whole > 0)


def test_exr_without_its_package_is_said_before_the_build(
    tree: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    with pytest.raises(ImportError, match=r"need the package OpenEXR: pip install 'vbdata\[exr\]'"):
        only(tree, depth={"files": "z/exr/*.exr", "scale": 1, "kind": "z"})


@pytest.mark.parametrize(
    ("file", "data", "reason", "said"),
    [
        ("0.png", saved(Image.new("L", (64, 48), 9), "PNG"), "wrong dtype", "too few steps"),
        ("0.png", saved(Image.new("RGB", (64, 48)), "PNG"), "wrong dtype", "too few steps"),
        ("0.jpg", encode_jpeg(np.zeros((48, 64, 3), np.uint8)), "undecodable", "keeps no values"),
        ("0.npy", npy(np.zeros((48, 64), complex)), "wrong dtype", "not plain numbers"),
        ("0.npy", npy(np.zeros((48, 64), np.float32))[:-9], "truncated", "promises"),
        ("0.npy", npy(np.zeros((48, 64), np.float32)), "all invalid", "no pixel has a depth"),
        ("0.exr", b"\x76\x2f\x31\x01" + bytes(40), "undecodable", "EXR"),
        ("0.pfm", b"Pf\n64 48\n-1\n" + bytes(9), "truncated", "9 bytes"),
        ("0.pfm", b"Pf\n999999 999999\n-1\n", "too large", "pixels"),
        ("0.dpt", b"PIEH" + bytes(4), "truncated", "header"),
        ("0.npz", b"PK\x03\x04", "undecodable", "npz"),
        ("0.mat", b"MATLAB 5.0 MAT-file" + bytes(99), "truncated", "no header"),
        ("0.tif", b"II*\0" + bytes(4), "undecodable", "0 pages"),
        ("0.txt", b"hello", "undecodable", "expected PNG, TIFF, BMP"),
        ("0.bin", b"", "truncated", "empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_depth_is_refused(
    file: str, data: bytes, reason: str, said: str, tree: Folder, tmp_path: Path
) -> None:
    put(tmp_path, "rgb/0.jpg", tree.read("rgb/0.jpg"))
    put(tmp_path, f"d/{file}", data)
    with pytest.raises(BadSample, match=said) as caught:
        depth_of(Folder(str(tmp_path)), files="d/*.*")
    assert (caught.value.reason, caught.value.file) == (reason, f"d/{file}")


MASKED = np.array([[0, 1], [2, 3]], np.uint8)


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(MASKED).convert("P"),
        Image.eval(Image.fromarray(MASKED), lambda v: v),
    ],
    ids=["palette", "grey"],
)
def test_a_tiff_that_decoders_would_change_is_refused(image: Image.Image) -> None:
    from pipelines.formats import tiff

    tags = {262: 0} if image.mode == "L" else {}
    with pytest.raises(BadSample, match=r"palette|white is 0"):
        tiff.array(saved(image, "TIFF", tiffinfo=tags))


CUT = [name for name in EXACT if name != "large"]


@pytest.mark.parametrize("kind", CUT)
def test_a_file_that_ends_too_soon_is_refused(kind: str, tree: Folder, tmp_path: Path) -> None:
    (path,) = [file.path for file in tree.files(f"z/{kind}")]
    put(tmp_path, "rgb/0.jpg", tree.read("rgb/0.jpg"))
    for share in (0.3, 0.97):
        whole = tree.read(path)
        put(tmp_path, path, whole[: int(share * len(whole))])
        with pytest.raises(BadSample) as caught:
            depth_of(Folder(str(tmp_path)), files=path.replace("/0.", "/*."), **EXACT[kind])
        assert caught.value.reason in ("truncated", "undecodable")


def test_all_faults_of_the_options_at_once() -> None:
    faults = folders.option_faults(
        {
            "images": "rgb/{id}.png",
            "depth": {"files": "../d/{id}.png", "scael": 1, "invalid": ["x"]},
            "normals": {"files": "n/{id}.png", "frame": ["right", "left", "up"]},
            "segments": {"files": "s/{id}.png", "coding": "colors"},
            "expressions": "",
            "edited": "e/{id}.png",
            "exif": "turned",
        }
    )
    said = "\n".join(faults)
    for line in (
        "exif: 'turned' is not a choice; did you mean 'stored'? Known: shown, stored",
        "depth.files: '../d/{id}.png' is not a path below the root",
        "depth.kind: is to be set: files do not say it: z along the axis",
        "depth.scale: is to be set: files do not say their unit: stored units a metre",
        "depth.invalid: ['x'] should be a number",
        "depth.scael: unknown key; did you mean 'scale'?",
        "normals.frame: ['right', 'left', 'up'] is no frame; three of right, left, down",
        "normals.coding: is to be set: floats signed (-1 to 1)",
        "segments.coding: 'colors' is not a choice; did you mean 'colours'?",
        "segments.names: is to be set: a list, {0: road, ...}",
        "edited.instruction: is to be set",
    ):
        assert line in said, line
    assert len(faults) == 11


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"depth": {"kind": "ray"}}, "depth.camera: is to be set for ray: [fx, fy, cx, cy]"),
        ({"depth": {"kind": "disparity"}}, "depth.baseline: is to be set: metres"),
        ({"depth": {"kind": "z", "baseline": 1}}, "depth.baseline: is for disparity"),
        ({"depth": {"kind": "z", "scale": 0}}, "depth.scale: 0 is no number above 0"),
        ({"camera": [1, 2, 3]}, "should be [fx, fy, cx, cy] in pixels"),
        ({"preset": "ultralitics"}, "did you mean 'ultralytics'? Known: blenderproc, camvid"),
        ({"normals": {"frame": "world"}}, "normals.pose.turns: is to be set"),
        ({"normals": {"frame": "opengl", "pose": "p/*.txt"}}, "normals.pose: is for frame: world"),
        ({"images": "a/{Id}.png"}, "a part's name is lower-case letters"),
        ({"images": "a/{id.png"}, "a part is written {name}; found '{'"),
        ({"expressions": "e.jsonl"}, "expressions: needs segments"),
        ({"segments": {"coding": "voc", "names": ["a"]}}, "segments.instances: is to be set"),
        ({"segments": {"coding": "ids", "names": {"*": "x"}}}, "segments.background: is to be set"),
        ({"segments": {"coding": "index", "names": {"a": "b"}}}, "'b' is no index and no colour"),
    ],
)
def test_each_refusal_names_its_option(options: dict[str, Any], said: str) -> None:
    given = {
        key: {"files": f"{key}/*.x", **({"scale": 1} if key == "depth" else {}), **value}
        if isinstance(value, dict)
        else value
        for key, value in options.items()
    }
    faults = folders.option_faults({"images": "rgb/*.png", **given})
    assert any(said in fault for fault in faults), faults
    with pytest.raises(SourceError):
        folders.official(**{"images": "rgb/*.png", **given})


def test_rays_of_the_caster_are_those_of_the_reader(scene: tuple[Camera, Frame]) -> None:
    from pipelines.parts.folders.depth import lengths

    unit = rays(scene[0])
    lens = lengths((FX, FY, CX, CY), HEIGHT, WIDTH)
    assert np.abs(lens - np.sqrt((unit * unit).sum(-1))).max() < 1e-12
