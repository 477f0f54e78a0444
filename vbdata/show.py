"""Contact sheets: input, target, decoded label and prompt of samples spread over all cells.

Decoded labels are drawn by their kind in colours of their own (depth as inverse-depth grey,
normals lit from the camera, segments over the darkened input), so that a wrong decode is seen.
"""

from __future__ import annotations

import io
import json
import textwrap
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageFont

from vbdata import images, plugins
from vbdata.errors import BuildError
from vbdata.manifest import MANIFEST
from vbdata.mix import apportion
from vbdata.nouns import Depth, Normals, Segments
from vbdata.rand import Stream
from vbdata.storage import Folder
from vbdata.tar import BLOCK

CELL_WIDTH, CELL_HEIGHT, GAP = 300, 200, 8
TEXT_WIDTH, TEXT_HEIGHT, LINES = 380, 118, 5
INK, PAPER, FAINT = (24, 24, 24), (255, 255, 255), (110, 110, 110)
HEADS = ("input", "target", "decoded label", "instruction")


def contact_sheet(out: Folder, count: int, seed: int = 0) -> bytes:
    """A PNG of up to count samples, the same number from every cell as far as it goes."""
    if not out.exists(MANIFEST):
        raise BuildError(f"{out.url} holds no finished build: {MANIFEST} is missing")
    manifest = json.loads(out.read(MANIFEST))
    rows = _chosen(out, manifest, count, seed)
    if not rows:
        raise BuildError(f"{out.url} holds no samples")
    heights = [_row_height(row) for row in rows]
    width = GAP + 3 * (CELL_WIDTH + GAP) + TEXT_WIDTH + GAP
    sheet = Image.new("RGB", (width, GAP + 24 + sum(heights) + GAP * len(rows)), PAPER)
    pen = ImageDraw.Draw(sheet)
    for column, head in enumerate(HEADS):
        pen.text((GAP + column * (CELL_WIDTH + GAP), GAP), head, FAINT, _font(14))
    top = GAP + 24
    for row, height in zip(rows, heights, strict=True):
        _draw_row(sheet, pen, top, row, _members(out, manifest, row))
        top += height + GAP
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _chosen(
    out: Folder, manifest: Mapping[str, Any], count: int, seed: int
) -> list[dict[str, Any]]:
    """Rows in turn from each cell, in the manifest's order of cells; random inside a cell."""
    with out.local_copy(f"manifest/{manifest['split']}.parquet") as file:
        rows = pq.read_table(file).to_pylist()
    offsets: dict[int, int] = {}
    cells: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        row["at"] = offsets[row["shard"]] = offsets.get(row["shard"], -1) + 1
        cells.setdefault((row["source"], row["task"]), []).append(row)
    queues = [
        Stream(seed, *cell).shuffled(cells[cell])
        for cell in ((c["source"], c["task"]) for c in manifest["cells"])
        if cell in cells
    ]
    shares = apportion([Fraction(1)] * len(queues), count) if queues else []
    return [row for queue, n in zip(queues, shares, strict=True) for row in queue[:n]]


def _row_height(row: Mapping[str, Any]) -> int:
    """Room for the tiles at their scale, and for the prompt."""
    scale = min(CELL_WIDTH / row["width"], CELL_HEIGHT / row["height"], 1.0)
    return max(round(row["height"] * scale), TEXT_HEIGHT)


def _members(out: Folder, manifest: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, bytes]:
    """One sample's members, read by its place in the shard's offsets."""
    tar = manifest["shards"][row["shard"]]["tar"]
    offsets = np.frombuffer(out.read(f"{tar}.idx"), "<u8")
    with out.fs.open(out.at(tar), "rb") as file:
        file.seek(int(offsets[row["at"]]))
        return dict(_split(file.read(int(offsets[row["at"] + 1] - offsets[row["at"]]))))


def _split(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at < len(data):
        name = data[at : at + 100].rstrip(b"\0").decode()
        size = int(data[at + 124 : at + 135], 8)
        yield name.partition(".")[2], data[at + BLOCK : at + BLOCK + size]
        at += BLOCK + size + -size % BLOCK


def _draw_row(
    sheet: Image.Image,
    pen: ImageDraw.ImageDraw,
    top: int,
    row: Mapping[str, Any],
    parts: Mapping[str, bytes],
) -> None:
    given = next(images.decode_rgb(parts[m]) for m in parts if m.startswith("input."))
    target = images.decode_rgb(parts["target.png"])
    for column, pixels in enumerate((given, target, _decoded(target, given, row))):
        tile = Image.fromarray(pixels)
        tile.thumbnail((CELL_WIDTH, CELL_HEIGHT))
        sheet.paste(tile, (GAP + column * (CELL_WIDTH + GAP), top))
    left = GAP + 3 * (CELL_WIDTH + GAP)
    head = f"{row['source']} / {row['task']}   {row['key']}"
    below = f"{row['sample_id']}  pass {row['pass']}  {row['width']}x{row['height']}"
    pen.text((left, top), head, INK, _font(13))
    pen.text((left, top + 17), below, FAINT, _font(11))
    lines = textwrap.wrap(row["instruction"], 56)
    room = max(LINES, (_row_height(row) - 40) // 16)
    shown = [*lines[: room - 1], lines[room - 1] + " ..."] if len(lines) > room else lines
    pen.multiline_text((left, top + 38), "\n".join(shown), INK, _font(12), spacing=3)


def _decoded(target: images.Pixels, given: images.Pixels, row: Mapping[str, Any]) -> images.Pixels:
    """The decoded label, drawn so that it looks like nothing but itself."""
    import torch

    label = plugins.task(row["task"]).decode(torch.from_numpy(target), json.loads(row["params"]))
    if isinstance(label, Depth):
        metres = label.metres.clamp_min(0.5).numpy()
        near = np.quantile(metres[label.valid.numpy()], 0.02) if bool(label.valid.any()) else 1.0
        grey = np.where(label.valid.numpy(), 40 + 215 * np.minimum(near / metres, 1), 0)
        return np.repeat(grey.astype(np.uint8)[..., None], 3, -1)
    if isinstance(label, Normals):
        facing = (-label.xyz[2]).clamp(0, 1).numpy()
        grey = np.where(label.valid.numpy(), 30 + 225 * facing, 0).astype(np.uint8)
        return np.repeat(grey[..., None], 3, -1)
    if isinstance(label, Segments):
        return _outlined(label.ids.numpy(), given)
    return np.asarray(label.numpy())


def _outlined(ids: np.ndarray[Any, Any], given: images.Pixels) -> images.Pixels:
    """Segments as they are in the input: the rest darkened, borders white."""
    shown = np.where((ids > 0)[..., None], given, given // 4)
    edge = np.zeros(ids.shape, bool)
    edge[1:] |= ids[1:] != ids[:-1]
    edge[:, 1:] |= ids[:, 1:] != ids[:, :-1]
    edge[:-1] |= edge[1:]
    shown[edge] = 255
    return shown


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
