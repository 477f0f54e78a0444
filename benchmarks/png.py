"""Lossless encoders on real and drawn maps of each kind: size against time.

    python -m benchmarks.png [--data DIR]        (pip install isal zlib-ng for all candidates)

Every candidate but OpenCV deflates the same filtered rows as vbdata's encoder, by libdeflate, ISA-L
or zlib-ng. Every result is decoded again and compared. Times are the least of several runs on one
core. --data: a folder with raw datasets in their layouts, for real maps.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import deflate
import numpy as np
from numpy.typing import NDArray

from benchmarks import peer_render, pictures
from transforms import depth, normals
from vbdata.core.labels import Depth, Normals
from vbdata.core.png import encode_png

Pixels = NDArray[np.uint8]
Encoder = Callable[[Pixels, bool], bytes]
RUNS = 9


def depth_map(metres: NDArray[np.float32]) -> Pixels:
    """Depth drawn along the cube's edges; what is not positive is invalid."""
    label = Depth(metres=metres, valid=metres > 0)
    return np.asarray(depth.render(label, depth.PARAMS))


def normal_map(xyz: NDArray[np.float16]) -> Pixels:
    """Normals [H, W, 3] drawn; NaN is sky."""
    planes = np.moveaxis(xyz.astype(np.float32), -1, 0)
    sky = np.isnan(planes).any(0)
    label = Normals(xyz=np.nan_to_num(planes), valid=~sky, sky=sky)
    return np.asarray(normals.render(label, {}))


def drawn() -> Iterator[tuple[str, Pixels, bool]]:
    """(kind, pixels, sparse) of the benchmark's own scenes."""
    rng = np.random.default_rng(3)
    yield "depth, drawn", depth_map(pictures.depth(rng).astype(np.float32) / np.float32(100)), False
    yield "normals, drawn", normal_map(pictures.normals(rng)), False
    ids = np.zeros((pictures.HEIGHT, pictures.WIDTH), np.uint8)
    for k in range(8):
        corners = np.array(pictures.outline(rng)).reshape(-1, 2)
        cv2.fillPoly(ids, [corners.astype(np.int32)], k + 1)
    yield "masks, drawn", rng.integers(0, 256, (9, 3), dtype=np.uint8)[ids], False


def stored_in(path: Path, flags: int) -> NDArray[Any]:
    """A picture's pixels as OpenCV has them."""
    return peer_render.pixels_of(path.read_bytes(), flags)


def real(data: Path) -> Iterator[tuple[str, Pixels, bool]]:
    """The first file of each kind below a folder of raw data sets."""
    for path in sorted(data.rglob("proj_depth/groundtruth/*/*.png"))[:1]:
        stored = stored_in(path, cv2.IMREAD_UNCHANGED)
        yield "LiDAR, KITTI", depth_map(stored.astype(np.float32) / np.float32(256)), True
        yield "LiDAR's valid mask", (stored > 0).astype(np.uint8) * 255, True
    for path in sorted(data.rglob("frames/depth/Camera_*/*.png"))[:1]:
        stored = stored_in(path, cv2.IMREAD_UNCHANGED)
        yield (
            "depth, Virtual KITTI 2",
            depth_map(stored.astype(np.float32) / np.float32(100)),
            False,
        )
    for path in sorted(data.rglob("*depth_meters.hdf5"))[:1]:
        import h5py

        with h5py.File(path) as file:
            yield "depth, Hypersim", depth_map(file["dataset"][()].astype(np.float32)), False
    for path in sorted(data.rglob("panoptic_val2017/*.png"))[:2]:
        yield "segments, COCO panoptic", stored_in(path, cv2.IMREAD_COLOR), False
    for path in sorted(data.rglob("train2017/*.jpg"))[:1]:
        yield (
            "photograph, COCO",
            np.ascontiguousarray(stored_in(path, cv2.IMREAD_COLOR)[..., ::-1]),
            False,
        )


def filtered(pixels: Pixels, sparse: bool) -> bytes:
    """The lines of a PNG as vbdata filters them."""
    rows = pixels.reshape(len(pixels), -1)
    lines = np.zeros((len(rows), rows.shape[1] + 1), np.uint8)
    lines[:, 1:] = rows
    if not sparse:
        lines[:, 0] = 2
        lines[1:, 1:] -= rows[:-1]
    return lines.tobytes()


def candidates() -> dict[str, Encoder]:
    """Encoders to a PNG, or to the zlib stream of one, by name."""
    encoders: dict[str, Encoder] = {
        "OpenCV": lambda pixels, _: bytes(cv2.imencode(".png", pixels)[1]),
        "vbdata": lambda pixels, sparse: encode_png(pixels, sparse=sparse),
        "libdeflate 1": lambda p, s: bytes(deflate.zlib_compress(filtered(p, s), 1)),
        "libdeflate 6": lambda p, s: bytes(deflate.zlib_compress(filtered(p, s), 6)),
    }
    for name, module, level in (
        ("ISA-L 1", "isal.isal_zlib", 1),
        ("zlib-ng 2", "zlib_ng.zlib_ng", 2),
    ):
        with suppress(ImportError):
            encoders[name] = with_library(importlib.import_module(module), level)
    return encoders


def with_library(library: Any, level: int) -> Encoder:
    """An encoder by a module with zlib's functions."""
    compress = library.compress
    return lambda pixels, sparse: bytes(compress(filtered(pixels, sparse), level))


def check(data: bytes, pixels: Pixels, sparse: bool) -> None:
    """Assert that a result holds the pixels."""
    if data.startswith(b"\x89PNG"):
        back = peer_render.pixels_of(data, cv2.IMREAD_UNCHANGED)
        assert any(np.array_equal(each, pixels) for each in (back, back[..., ::-1]))
    else:
        assert zlib.decompress(data) == filtered(pixels, sparse)


def main() -> None:
    """Print a line of JSON for each map."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    for kind, pixels, sparse in [*drawn(), *(real(given.data) if given.data else ())]:
        line: dict[str, Any] = {"map": kind, "shape": list(pixels.shape)}
        for name, encode in candidates().items():
            best, data = float("inf"), b""
            for _ in range(RUNS):
                start = time.perf_counter()
                data = encode(pixels, sparse)
                best = min(best, time.perf_counter() - start)
            check(data, pixels, sparse)
            line[name] = {
                "kB": round(len(data) / 1e3, 1),
                "MB/s": round(pixels.nbytes / best / 1e6),
            }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
