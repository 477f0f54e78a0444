"""The same bytes from NumPy, torch and a GPU, for every task, over a random battery of labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.builds import sums_of
from vbdata import plugins
from vbdata.core import compiled
from vbdata.core.arrays import numpy, placed
from vbdata.core.labels import Depth, Flow, Keypoints, Linear, Matte, Normals, Segments, moved
from vbdata.engine.build import build
from vbdata.recipe.recipe import Recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder

NAMES = tuple(f"class {k}" for k in range(9))
COLOURS = [[28 * k, 255 - 25 * k, (90 * k) % 256] for k in range(1, 10)]
PARAMS: dict[str, list[dict[str, Any]]] = {
    "depth": [
        {"palette": palette, "lambda": lambda_, "c": c}
        for palette in ("rgb-cube", "plasma", "inferno", "viridis", "grey")
        for lambda_, c in (("-3", "10/3"), ("-4", "120"))
    ],
    "normals": [{}],
    "semantic": [
        {"legend": [{"name": n, "rgb": c} for n, c in zip(NAMES, COLOURS, strict=True)],
         "background": [0, 0, 0]}
    ],
    "refer": [
        {"legend": [{"name": "x", "rgb": c, "targets": [k]} for k, c in enumerate(COLOURS[:3])],
         "background": [0, 0, 0]}
    ],
    "instance": [{"class": "class 0", "palette": COLOURS[:1], "background": [0, 0, 0]}],
    "generate": [{}],
    "edit": [{}],
    "relative_depth": [
        {"space": space, "near": near,
         "measured": {"near": "0.5", "far": "80.25", "sky": near == "black"}}
        for space, near in (("inverse", "white"), ("log", "black"))
    ],
    "panoptic": [
        {"legend": [{"name": n, "rgb": c, "thing": True} for n, c in zip(NAMES, COLOURS,
                                                                         strict=True)],
         "background": [0, 0, 0]}
    ],
    "boxes": [
        {"class": "class 0", "style": style, "colour": colour,
         "palette": [] if colour else COLOURS[:1], "background": [0, 0, 0]}
        for style in ("outline", "filled") for colour in ([], COLOURS[2])
    ],
    "keypoints": [
        {"legend": [{"name": n, "rgb": c} for n, c in zip(NAMES[:2], COLOURS, strict=False)],
         "palette": COLOURS[4:6], "background": [0, 0, 0]}
    ],
    "flow": [{"longest": longest} for longest in (16, 256)],
    "matte": [{}],
    "foreground": [{}],
    "albedo": [{"curve": curve} for curve in ("2.2", "srgb")],
    "shading": [{"curve": "2.2", "measured": {"top": "1.75"}}],
}  # fmt: skip


def label_of(kind: str, seed: int) -> Any:
    """A label, or an image, in NumPy's arrays."""
    rng = np.random.default_rng(seed)
    height, width = (int(n) for n in rng.integers(1, 300, 2))
    valid = rng.random((height, width)) < 0.9
    if kind in ("depth", "relative_depth"):
        bits = rng.integers(0, 2**32, (height, width), dtype=np.uint32).view(np.float32)
        metres = np.where(rng.random((height, width)) < 0.5, bits, rng.uniform(0, 99, bits.shape))
        return Depth(metres=metres.astype(np.float32), valid=valid)
    if kind == "normals":
        xyz = rng.normal(size=(3, height, width)).astype(np.float32)
        xyz /= np.linalg.norm(xyz, axis=0)
        sky = rng.random((height, width)) < 0.1
        return Normals(xyz=xyz, valid=valid & ~sky, sky=sky)
    if kind == "segments":
        ids = rng.integers(0, 10, (height, width)).astype(np.int32)
        ids.flat[: max(1, ids.size // 3)] = 1
        flags = (True,) * 9
        return Segments(
            ids=ids, classes=NAMES, things=flags,
            crowds=tuple(not f for f in flags), valid=valid,
        )  # fmt: skip
    if kind == "flow":
        uv = rng.normal(0, 30, (2, height, width)).astype(np.float32)
        return Flow(uv=np.where(rng.random(valid.shape) < 0.01, np.nan, uv), valid=valid)
    if kind == "keypoints":
        far = np.array([[[0.25, 0], [0, 0]], [[0, 0], [width - 1, height - 1]]], np.float32)
        visible = np.array([[2, 0], [0, max(width, height) > 40]], np.int8)
        return Keypoints(
            points=far, visible=visible, boxes=np.zeros((2, 4), np.float32),
            areas=np.ones(2, np.float32), crowds=np.zeros(2, np.bool_), names=NAMES[:2],
            skeleton=(), valid=valid,
        )  # fmt: skip
    if kind == "matte":
        return Matte(alpha=rng.integers(0, 256, (height, width), np.uint8), valid=valid)
    if kind in ("albedo", "shading"):
        return Linear(rgb=rng.random((3, height, width)).astype(np.float32) ** 3 * 2, valid=valid)
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def at(label: Any, where: str) -> Any:
    return placed(label, where) if isinstance(label, np.ndarray) else moved(label, where)


def values(label: Any) -> list[NDArray[Any]]:
    """The arrays of a label, or an image, wherever it is."""
    parts = (
        [label] if hasattr(label, "dtype") else [getattr(label, name) for name in label.__slots__]
    )
    return [numpy(part) for part in parts if hasattr(part, "dtype")]


def same(one: Any, other: Any) -> bool:
    pairs = zip(values(one), values(other), strict=True)
    return all(
        a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs
    )


@pytest.mark.parametrize("name", plugins.names(plugins.TASKS))
def test_numpy_and_torch_make_the_same_bytes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "library", lambda: None)  # whose loops both would use
    task = plugins.task(name)
    label = label_of(task.NEEDS[0], 1)
    tensors = at(label, "cpu")
    for params in PARAMS[name]:
        rgb = task.render(label, params)
        assert same(rgb, task.render(tensors, params))
        assert same(task.valid(label, params), task.valid(tensors, params))
        noisy = rgb ^ np.random.default_rng(0).integers(0, 64, rgb.shape, np.uint8)
        for picture in (rgb, noisy):
            there = placed(picture, "cpu")
            assert same(task.decode(picture, params), task.decode(there, params))
            assert same(task.legal(picture, params), task.legal(there, params))
            error = task.roundtrip(label, picture, params)
            assert error == task.roundtrip(tensors, there, params)
            assert (error <= task.TOLERANCE) == (picture is rgb)


def test_the_battery_covers_every_task() -> None:
    assert set(PARAMS) == set(plugins.names(plugins.TASKS))


@pytest.mark.gpu
@pytest.mark.parametrize("name", plugins.names(plugins.TASKS))
def test_cpu_and_cuda_make_the_same_bytes(name: str) -> None:
    task = plugins.task(name)
    for seed in range(60):
        label = label_of(task.NEEDS[0], seed)
        there = at(label, "cuda")
        for params in PARAMS[name]:
            here, far = task.render(label, params), task.render(there, params)
            assert same(here, far)
            assert same(task.valid(label, params), task.valid(there, params))
            assert same(task.legal(here, params), task.legal(far, params))


@pytest.mark.gpu
@pytest.mark.parametrize("name", plugins.names(plugins.TASKS))
def test_cuda_proves_what_the_cpu_proves(name: str) -> None:
    task = plugins.task(name)
    for seed in range(8):
        label = label_of(task.NEEDS[0], seed)
        there = at(label, "cuda")
        for params in PARAMS[name]:
            far = task.render(there, params)
            assert task.roundtrip(there, far, params) <= task.TOLERANCE
            assert not task.roundtrip(there, 255 - far, params) <= task.TOLERANCE


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_batches_are_drawn_as_single_images_are(device: str) -> None:
    import torch

    from benchmarks import gpu as gpu_bench

    for bench in gpu_bench.benches(megapixels=0.02, batch=3):
        batch = gpu_bench.pinned(gpu_bench.stacked(bench.labels), torch.device(device))
        rgb, valid = gpu_bench.run(bench, batch, torch.device(device), 3, True)
        singles = gpu_bench.joined([bench.draw(label, True) for label in bench.labels])
        assert rgb.shape == (3, bench.geometry.height, bench.geometry.width, 3)
        assert torch.equal(rgb, singles[0])
        assert torch.equal(valid, singles[1])
        assert 0 < valid.float().mean() < 1


@pytest.mark.gpu
def test_a_build_on_cuda_has_the_same_bytes(
    demo_recipe: Recipe, demo_build: Path, tmp_path: Path
) -> None:
    build(demo_recipe, Folder(str(tmp_path)), How(device="cuda"))
    assert sums_of(tmp_path) == sums_of(demo_build)


@pytest.mark.slow
@pytest.mark.parametrize("name", plugins.names(plugins.TASKS))
def test_the_battery_round_trips_on_this_cpu(name: str) -> None:
    task = plugins.task(name)
    for seed in range(4):
        label = label_of(task.NEEDS[0], seed)
        for params in PARAMS[name]:
            rgb = task.render(label, params)
            assert task.roundtrip(label, rgb, params) <= task.TOLERANCE
            assert task.legal(rgb, params).all()
