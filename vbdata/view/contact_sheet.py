"""Contact sheets: input, target, decoded label and prompt of some samples of every cell."""

from __future__ import annotations

import io
import json
import textwrap
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from vbdata.core import images, members
from vbdata.errors import BuildError
from vbdata.manifest.browse import browsing
from vbdata.manifest.drawn import decoded, drawn
from vbdata.planning.mixture import apportion
from vbdata.storage.folder import Folder

CELL_WIDTH, CELL_HEIGHT, GAP = 300, 200, 8
TEXT_WIDTH, TEXT_HEIGHT, LINES = 380, 118, 5
INK, PAPER, FAINT = (24, 24, 24), (255, 255, 255), (110, 110, 110)
HEADS = ("input", "target", "decoded label", "instruction")


def contact_sheet(out: Folder, count: int, seed: int = 0) -> bytes:
    """A PNG that shows up to `count` samples, as evenly spread over the cells as can be.

    seed: which samples. Raises BuildError if the folder holds no build, a damaged one, or one
    without samples.
    """
    with browsing(out) as build:
        for _, task in build.cells:
            build.build.task(task)
        if not build.cells:
            raise BuildError(f"{out.url} holds no samples")
        shares = apportion([Fraction(1)] * len(build.cells), count)
        wanted = build.pick(dict(zip(build.cells, shares, strict=True)), seed)
        picked = [one for some in wanted.values() for one in some]
        heights = [_row_height(one.row) for one in picked]
        width = GAP + 3 * (CELL_WIDTH + GAP) + TEXT_WIDTH + GAP
        sheet = Image.new("RGB", (width, GAP + 24 + sum(heights) + GAP * len(picked)), PAPER)
        pen = ImageDraw.Draw(sheet)
        for column, head in enumerate(HEADS):
            pen.text((GAP + column * (CELL_WIDTH + GAP), GAP), head, FAINT, _font(14))
        top = GAP + 24
        for (one, parts), height in zip(build.read(picked), heights, strict=True):
            _draw_row(sheet, pen, top, one.row, parts)
            top += height + GAP
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _row_height(row: Mapping[str, Any]) -> int:
    """Height in pixels of a sample's row: of its pictures, or of its prompt if that is higher."""
    scale = min(CELL_WIDTH / row["width"], CELL_HEIGHT / row["height"], 1.0)
    return max(round(row["height"] * scale), TEXT_HEIGHT)


def _draw_row(
    sheet: Image.Image,
    pen: ImageDraw.ImageDraw,
    top: int,
    row: Mapping[str, Any],
    parts: Mapping[str, bytes],
) -> None:
    given, target = (
        images.decode_rgb(parts[members.named(parts, role)])
        for role in (members.INPUT, members.TARGET)
    )
    label = decoded(target, row["task"], json.loads(row["params"]))
    for column, pixels in enumerate((given, target, drawn(label, given))):
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


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
