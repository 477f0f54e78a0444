"""The codecs alone, as an API and as commands, over every kind of file."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from vbdata import codecs
from vbdata.cli.app import app
from vbdata.codecs import CodecError
from vbdata.errors import BadSample, RecipeError

OpenEXR = pytest.importorskip("OpenEXR")
Box = tuple[int, int, int, int]  # left, top, right, bottom, all inclusive
LEGEND = {"legend": [{"name": "cat", "rgb": [255, 0, 0]}, {"name": "dog", "rgb": [0, 64, 255]}]}


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == 0, done.stdout + done.stderr
    return done.stdout


def depth_map() -> np.ndarray:
    metres = np.random.default_rng(0).uniform(0.2, 60, (40, 60)).astype(np.float32)
    metres[0, :5] = np.nan
    metres[1, :5] = np.inf
    return metres


@pytest.mark.parametrize("palette", ["rgb-cube", "plasma", "inferno", "viridis", "grey"])
def test_depth(palette: str) -> None:
    metres = depth_map()
    rgb = codecs.encode("depth", metres, {"palette": palette})
    back = codecs.decode("depth", rgb, {"palette": palette})
    assert (np.isnan(back) == np.isnan(metres)).all()
    assert (np.isinf(back) == np.isinf(metres)).all()
    good = np.isfinite(metres)
    f = [1 - (1 + d[good] / 10) ** -2 for d in (metres, back)]
    assert np.abs(f[0] - f[1]).max() < 0.51 / (1785 if palette == "rgb-cube" else 253)


def test_normals_and_segments() -> None:
    vectors = np.random.default_rng(1).normal(size=(9, 7, 3))
    unit = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    unit[0, 0] = np.nan
    back = codecs.decode("normals", codecs.encode("normals", unit))
    assert np.isnan(back[0, 0]).all()
    assert np.abs(back - unit)[np.isfinite(unit)].max() < 0.008
    ids = np.array([[0, 1, 2], [2, 2, 0]], np.uint8)
    rgb = codecs.encode("semantic", ids, LEGEND)
    assert rgb[0].tolist() == [[0, 0, 0], [255, 0, 0], [0, 64, 255]]
    assert (codecs.decode("semantic", rgb, LEGEND) == ids).all()


def test_flow_joints_boxes_and_panoptic_maps() -> None:
    uv = np.random.default_rng(0).normal(0, 5, (6, 8, 2)).astype(np.float32)
    uv[0, 0] = np.nan
    back = codecs.decode("flow", codecs.encode("flow", uv))
    assert np.isnan(back[0, 0]).all()
    assert np.nanmax(np.abs(back - uv)) < 0.6
    legend = [{"name": n, "rgb": c} for n, c in (("nose", [255, 0, 0]), ("tail", [0, 255, 0]))]
    asked = {"legend": legend, "palette": [[0, 0, 255], [255, 255, 0]], "size": [60, 50]}
    joints = np.array([[[10, 10, 2], [20, 10, 1]], [[40, 40, 2], [0, 0, 0]]], np.float32)
    drawn = codecs.encode("keypoints", joints, asked)
    assert drawn.shape == (50, 60, 3)
    assert np.array_equal(codecs.decode("keypoints", drawn, asked), joints)
    ids = np.zeros((30, 40), int)
    ids[2:12, 3:20], ids[15:28, 10:39] = 1, 2
    for colour, palette in ([255, 0, 0], []), ([], [[255, 0, 0], [0, 255, 0]]):
        asked = {"style": "outline", "colour": colour, "palette": palette}
        found = codecs.decode("boxes", codecs.encode("boxes", ids, asked), asked)
        assert np.array_equal(found > 0, ids > 0)
    things = [{"name": "cat", "rgb": rgb, "thing": True} for rgb in ([255, 0, 0], [0, 255, 0])]
    asked = {"legend": things}
    assert np.array_equal(
        codecs.decode("panoptic", codecs.encode("panoptic", ids, asked), asked), ids
    )


@pytest.mark.parametrize("kind", ["npy", "exr", "png"])
def test_depth_files_through_the_commands(tmp_path: Path, kind: str) -> None:
    metres = np.where(np.isinf(depth_map()), np.nan, depth_map())
    source, back = tmp_path / f"depth.{kind}", tmp_path / f"back.{kind}"
    codecs.write_array(source, metres, scale=256)
    if kind == "png":
        stored = cv2.imread(str(source), cv2.IMREAD_UNCHANGED)
        assert stored.dtype == np.uint16
        assert (stored == np.rint(np.nan_to_num(metres) * 256)).all()
    run("encode", "depth", source, tmp_path / "rgb.png", "--scale", 256)
    run("decode", "depth", tmp_path / "rgb.png", back, "--scale", 256)
    found = codecs.read_array(back, 256)
    assert found.shape == metres.shape
    assert (np.isnan(found) == np.isnan(metres)).all()
    np.testing.assert_allclose(found, metres, rtol=0.01, atol=0.01)


def test_normals_as_exr_and_ids_as_png(tmp_path: Path) -> None:
    unit = np.zeros((4, 5, 3), np.float32)
    unit[..., 2] = -1
    codecs.write_array(tmp_path / "n.exr", unit)
    run("encode", "normals", tmp_path / "n.exr", tmp_path / "n.png")
    assert codecs.read_rgb(tmp_path / "n.png")[0, 0].tolist() == [128, 128, 255]
    cv2.imwrite(str(tmp_path / "ids.png"), np.array([[0, 1, 2]], np.uint8))
    (tmp_path / "legend.json").write_text(json.dumps(LEGEND))
    legend = tmp_path / "legend.json"
    run("encode", "semantic", tmp_path / "ids.png", tmp_path / "m.png", "--params", legend)
    run("decode", "semantic", tmp_path / "m.png", tmp_path / "m.npy", "--params", legend)
    assert np.load(tmp_path / "m.npy").tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("task", "array", "params", "message"),
    [
        ("depth", np.zeros((4, 4, 3)), {}, r"depth is \[H, W\], got \[4, 4, 3\]"),
        ("normals", np.zeros((4, 4)), {}, r"normals is \[H, W, 3\], got \[4, 4\]"),
        ("semantic", np.zeros((4, 4), int), {}, "semantic needs params legend"),
        (
            "semantic",
            np.full((4, 4), 3),
            LEGEND,
            "to the 2 names or colours of the params, got int64 up to 3",
        ),
        ("semantic", np.zeros((4, 4)), LEGEND, "got float64"),
        ("boxes", np.full((4, 4), np.nan), {}, "got float64"),
        ("generate", np.zeros((4, 4, 3)), {}, "an image is uint8, got float64"),
    ],
)
def test_arrays_that_cannot_be_drawn(
    task: str, array: np.ndarray, params: dict[str, object], message: str
) -> None:
    with pytest.raises(CodecError, match=message):
        codecs.encode(task, array, params)


@pytest.mark.parametrize(
    ("task", "params", "message"),
    [
        ("relative_depth", {"measured": {}}, "not those of relative_depth: KeyError: 'near'"),
        ("shading", {"measured": {"top": "-1"}}, "code 255 stands for light, not for -1"),
        ("flow", {"longest": "x"}, "not those of flow: ValueError"),
        ("panoptic", {"legend": 3}, "not those of panoptic: TypeError"),
    ],
)
def test_params_of_no_target(task: str, params: dict[str, object], message: str) -> None:
    with pytest.raises(CodecError, match=message):
        codecs.decode(task, np.zeros((4, 6, 3), np.uint8), params)


def exr(path: Path, channels: dict[str, np.ndarray], data: Box | None, display: Box) -> Path:
    """Write an EXR whose data window is smaller or larger than its display window."""
    header: dict[str, object] = {"displayWindow": corners(display)}
    if data:
        header["dataWindow"] = corners(data)
    OpenEXR.File(header, channels).write(str(path))
    return path


def corners(box: Box) -> tuple[np.ndarray, np.ndarray]:
    return np.array(box[:2], np.int32), np.array(box[2:], np.int32)


def test_an_exr_is_its_display_window(tmp_path: Path) -> None:
    z = np.arange(1, 17, dtype=np.float32).reshape(4, 4)
    part = codecs.read_array(exr(tmp_path / "a.exr", {"Z": z}, (2, 1, 5, 4), (0, 0, 7, 5)))
    assert part.shape == (6, 8)
    assert (part[1:5, 2:6] == z).all()
    assert np.isnan(part).sum() == 48 - 16
    over = codecs.read_array(exr(tmp_path / "b.exr", {"Z": z}, (-1, -1, 2, 2), (0, 0, 1, 1)))
    assert (over == z[1:3, 1:3]).all()
    ids = codecs.read_array(
        exr(tmp_path / "c.exr", {"id": z.astype(np.uint32)}, (2, 1, 5, 4), (0, 0, 7, 5))
    )
    assert ids.dtype == np.uint32
    assert (ids == np.nan_to_num(part)).all()
    with pytest.raises(CodecError, match="lies outside of its display window"):
        codecs.read_array(exr(tmp_path / "d.exr", {"Z": z}, (9, 9, 12, 12), (0, 0, 7, 5)))


def test_exr_channels_of_several_types_and_names(tmp_path: Path) -> None:
    x, y, z = (np.full((2, 3), n, t) for n, t in ((0.6, "f2"), (0, "f4"), (-0.8, "f4")))
    box = (0, 0, 2, 1)
    for names in ("RGB", "XYZ", ("N.X", "N.Y", "N.Z")):
        channels = dict(zip(names, (x, y, z), strict=True)) | {"A": y}
        found = codecs.read_array(exr(tmp_path / "a.exr", channels, None, box))
        np.testing.assert_allclose(found, np.stack([x, y, z], -1), atol=1e-3)
    rgb = codecs.encode("normals", found)
    assert np.abs(codecs.decode("normals", rgb) - found).max() < 0.01
    many = exr(tmp_path / "b.exr", {**dict(zip("RGB", (y, y, z), strict=True)), "Z": y}, None, box)
    with pytest.raises(CodecError, match="B, G, R, Z"):
        codecs.read_array(many)


def test_integer_depth_needs_its_unit(tmp_path: Path) -> None:
    stored = np.array([[0, 12, 120], [24, 36, 240]])
    for name, kind in (("a.png", "u1"), ("b.png", "u2"), ("c.npy", "i4")):
        path = tmp_path / name
        typed = stored.astype(kind)
        np.save(path, typed) if path.suffix == ".npy" else cv2.imwrite(str(path), typed)
        done = CliRunner().invoke(app, ["encode", "depth", str(path), str(tmp_path / "o.png")])
        assert (done.exit_code, "--scale" in done.output) == (1, True)
        said = run("encode", "depth", path, tmp_path / "o.png", "--scale", 12)
        assert "depth 1 to 20 m, median 3 m, in 83.3% of the pixels" in said
        back = codecs.decode("depth", codecs.read_rgb(tmp_path / "o.png"))
        assert np.isnan(back[0, 0])
        np.testing.assert_allclose(back[1], [2, 3, 20], rtol=0.02)
    with pytest.raises(CodecError, match="2 depths are below 0"):
        codecs.encode("depth", np.array([[-1.0, 2, -3]]))
    with pytest.raises(CodecError, match="how many make one metre"):
        codecs.write_array(tmp_path / "d.png", np.ones((2, 2)))
    done = CliRunner().invoke(app, ["encode", "normals", "a.npy", "b.png", "--scale", "2"])
    assert "--scale is the unit of depth; normals has none" in " ".join(done.output.split())
    codecs.write_array(tmp_path / "e.png", np.array([[0.001, np.nan]]), scale=1)
    assert codecs.read_array(tmp_path / "e.png").tolist() == [[1, 0]]


def test_normals_that_are_not_unit() -> None:
    unit = np.zeros((2, 2, 3))
    unit[..., 2] = -1
    for factor in (0.995, 1.005):
        assert (codecs.encode("normals", unit * factor) == codecs.encode("normals", unit)).all()
    unit[0, 0] = 0
    assert np.isnan(codecs.decode("normals", codecs.encode("normals", unit))[0, 0]).all()
    unit[1] *= 0.5
    with pytest.raises(CodecError, match=r"2 of 4 normals are not of length 1 \(0.5 to 0.5\)"):
        codecs.encode("normals", unit)
    with pytest.raises(CodecError, match="floats from -1 to 1, got uint8"):
        codecs.encode("normals", np.zeros((2, 2, 3), np.uint8))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(b"not an array")
    (tmp_path / "a.exr").write_bytes(b"not an image")
    (tmp_path / "a.png").write_bytes(b"not an image")
    np.save(tmp_path / "pickle.npy", np.array([{"a": 1}]), allow_pickle=True)
    for name, kind in [("a.npy", CodecError), ("a.exr", CodecError), ("a.png", BadSample),
                       ("absent.npy", CodecError), ("pickle.npy", CodecError)]:  # fmt: skip
        with pytest.raises(kind, match=name):
            codecs.read_array(tmp_path / name)
    (tmp_path / "a.tif").write_bytes(b"")
    with pytest.raises(CodecError, match=r"unknown kind '.tif'"):
        codecs.read_array(tmp_path / "a.tif")
    with pytest.raises(RecipeError, match="did you mean 'depth'"):
        codecs.encode("dept", np.zeros((2, 2)))
    with pytest.raises(CodecError, match="does not fit 16 bits"):
        codecs.write_array(tmp_path / "b.png", np.full((2, 2), 300.0), scale=256)
