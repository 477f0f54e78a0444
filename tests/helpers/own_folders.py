"""Small folders of pictures and labels, as users have them, and recipes over them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines import folders
from pipelines.demo.folders import npy
from vbdata.core.images import encode_jpeg
from vbdata.core.types import Entry
from vbdata.recipe.recipe import Recipe, parse_recipe
from vbdata.storage.folder import Folder

WIDTH, HEIGHT = 8, 6
JPEG = encode_jpeg(np.indices((HEIGHT, WIDTH)).sum(0).astype(np.uint8)[..., None].repeat(3, 2) * 9)
DEPTH = {"scale": 1, "kind": "z"}


def put(root: Path, *paths: str, data: bytes | str = JPEG) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data.encode() if isinstance(data, str) else data)


def metres(value: float = 2, shape: tuple[int, int] = (HEIGHT, WIDTH)) -> bytes:
    return npy(np.full(shape, value, np.float32))


def png(values: Any, mode: str | None = None) -> bytes:
    out = io.BytesIO()
    image = Image.fromarray(np.asarray(values))
    (image.convert(mode) if mode else image).save(out, "PNG")
    return out.getvalue()


def entries(root: Path, **options: Any) -> list[Entry]:
    found = list(folders.index(Folder(str(root)), **options))
    assert [entry.id for entry in found] == sorted({entry.id for entry in found})
    return found


def recipe(root: Path, options: str, tasks: str = "depth: 1") -> Recipe:
    text = (
        "name: mine\nseed: 1\nsamples: 4\nsources:\n"
        f"  mine: {{dataset: folders, root: {root}, tasks: {{{tasks}}}, {options}}}\n"
    )
    return parse_recipe(text, "r.yaml", root, {})
