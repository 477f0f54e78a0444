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
        ("generate", np.zeros((4, 4, 3)), {}, "an image is uint8, got float64"),
    ],
)
def test_arrays_that_cannot_be_drawn(
    task: str, array: np.ndarray, params: dict[str, object], message: str
) -> None:
    with pytest.raises(CodecError, match=message):
        codecs.encode(task, array, params)


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
