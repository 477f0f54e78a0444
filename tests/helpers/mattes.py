"""Pictures with mattes, and with depth of unknown scale, in folders of their own."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from pipelines.demo.folders import grey_png, npy

HEIGHT, WIDTH = 16, 24
PICTURE = bytes(cv2.imencode(".png", np.random.default_rng(4).integers(0, 99, (16, 24, 3)))[1])
ALPHA = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), np.uint8)


def put(root: Path, **files: bytes) -> None:
    """im/ID.png beside mattes mt/ID.png, by their ids."""
    for name, data in files.items():
        for folder, content in (
            ("im", PICTURE),
            ("mt", data),
        ):
            (root / folder).mkdir(parents=True, exist_ok=True)
            (root / folder / f"{name}.png").write_bytes(content)


def made(folder: Path) -> Path:
    """Eight pictures with mattes, and depth in a unit of each picture's own; the last is flat."""
    rng = np.random.default_rng(2)
    names = [f"{k:02d}" for k in range(8)]
    put(folder, **{name: grey_png(np.roll(ALPHA, k)) for k, name in enumerate(names)})
    for k, name in enumerate(names):
        depth = rng.uniform(1, 9, (HEIGHT, WIDTH)).astype(np.float32) * 10.0 ** (k - 4)
        depth[0] = 0  # nothing
        path = folder / "z" / f"{name}.npy"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(npy(depth if name != "07" else np.ones_like(depth)))
    (folder / "recipe.yaml").write_text(
        "{name: own, seed: 1, max_bad: 0.5, samples: 21, shard_size: 7,\n"
        " tasks: {relative_depth: {space: log}},\n"
        " image: {max_pixels: 256, multiple_of: 4},\n"
        " sources: {own: {dataset: folders, root: ., images: 'im/{id}.png', matte: 'mt/{id}.png',\n"
        "  depth: {files: 'z/{id}.npy', kind: z, scale: unknown}, licence: CC0-1.0,\n"
        "  tasks: {matte: 1, foreground: 1, relative_depth: 1}}}}"
    )
    return folder / "recipe.yaml"
