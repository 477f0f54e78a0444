"""A miniature of MoGe's pack: balls before a wall in two benchmarks, depth as MoGe writes it.

Of KITTI, whose pictures lie in the folders of their drives, a third of the pixels has depth. One
depth.png has the text `unit` of older files. Sky is infinitely far.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream

from .balls import Still, still

SIZES = {"NYUv2": (64, 48), "KITTI": (96, 32)}
NAMES = {
    "NYUv2": ("0001", "0002", "0009", "0014"),
    "KITTI": tuple(
        f"2011_09_26_drive_{drive}_sync/00000000{n}" for drive in ("0002", "0009") for n in (54, 69)
    ),
}
OLD = "NYUv2/0014"  # whose depth is stored in millimetres, with unit 0.001


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out NYUv2/ and KITTI/, with a folder that is in no list."""
    for part, names in NAMES.items():
        (folder / part).mkdir(parents=True)
        (folder / part / ".index.txt").write_text("".join(f"{name}\n" for name in names))
    for name, shot, depth in truth(seed=seed):
        place = folder / name
        place.mkdir(parents=True)
        (place / "image.jpg").write_bytes(encode_jpeg(shot.rgb))
        unit = 0.001 if name == OLD else None
        (place / "depth.png").write_bytes(log_png(depth if unit is None else depth / unit, unit))
        height, width = depth.shape
        fx, fy, cx, cy = shot.camera
        matrix = [[fx / width, 0, (cx + 0.5) / width], [0, fy / height, (cy + 0.5) / height]]
        meta = {"intrinsics": [*matrix, [0, 0, 1]]}
        (place / "meta.json").write_text(json.dumps(meta), encoding="ascii")
    (folder / "NYUv2" / "0003").mkdir()
    (folder / "NYUv2" / "0003" / "image.jpg").write_bytes(encode_jpeg(shot.rgb))


def truth(*, seed: int = 0) -> Iterator[tuple[str, Still, NDArray[np.float64]]]:
    """(path, what it shows, metres with NaN where nothing was measured) of all pictures."""
    for part, names in NAMES.items():
        for name in names:
            stream = Stream(seed, "moge", part, name)
            shot = still(stream, *SIZES[part], wall=12.0 if part == "KITTI" else 6.0)
            depth = shot.depth.copy()
            if part == "KITTI":
                depth[:8] = np.nan
                depth.reshape(-1)[np.arange(depth.size) % 3 > 0] = np.nan
            else:
                depth[-4:, :6] = np.nan
            yield f"{part}/{name}", shot, depth


def log_png(depth: NDArray[np.float64], unit: float | None = None) -> bytes:
    """A depth.png: 16 bits, logarithmic between the texts near and far."""
    known = depth[np.isfinite(depth)]
    near, far = float(known.min()), max(float(known.max()), 1.1 * float(known.min()))
    share = np.log(np.clip(np.nan_to_num(depth, nan=near, posinf=far), near, far) / near)
    stored = (1 + np.round(share / np.log(far / near) * 65533)).astype(np.uint16)
    stored[np.isnan(depth)], stored[np.isposinf(depth)] = 0, 65535
    texts, data = PngImagePlugin.PngInfo(), io.BytesIO()
    said = {"near": near, "far": far} | ({} if unit is None else {"unit": unit})
    for key, value in said.items():
        texts.add_text(key, str(value))
    Image.fromarray(stored).save(data, "png", pnginfo=texts)
    return data.getvalue()
