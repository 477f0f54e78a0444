"""Contact sheets: input, target, decoded label, prompt and key of some samples of every cell."""

from __future__ import annotations

import io
import json
import textwrap
from collections.abc import Collection, Iterator, Mapping
from fractions import Fraction

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vbdata.core import images, members
from vbdata.core.reversal import forward_name, is_reversed
from vbdata.errors import BuildError, choices
from vbdata.manifest.browse import Browser, Picked, browsing
from vbdata.manifest.drawn import decoded_part, drawn
from vbdata.planning.mixture import apportion
from vbdata.storage.folder import Folder
from vbdata.view.keys import Key, key_of

CELL_WIDTH, CELL_HEIGHT, GAP = 280, 210, 8
TEXT_WIDTH, LEAST_HEIGHT, LETTERS = 400, 96, 58
INK, PAPER, PANEL, FAINT = (24, 24, 24), (255, 255, 255), (244, 244, 244), (110, 110, 110)
HEADS = ("input", "target", "decoded label", "instruction")
MOST_TIMES = 3  # that a small picture is enlarged


def contact_sheet(
    out: Folder,
    count: int,
    seed: int = 0,
    *,
    sources: Collection[str] = (),
    tasks: Collection[str] = (),
) -> bytes:
    """A PNG that shows up to `count` samples, as evenly spread over the cells as can be.

    seed: which samples; sources, tasks: only of these, of all where none is named. Raises
    BuildError if the folder holds no build, a damaged one, or one without such samples.
    """
    with browsing(out) as build:
        cells = _cells(build, sources, tasks)
        shares = apportion([Fraction(1)] * len(cells), count)
        wanted = build.pick(dict(zip(cells, shares, strict=True)), seed)
        picked = [one for some in wanted.values() for one in some]
        rows = [_row(one, parts) for one, parts in build.read(picked)]
    width = GAP + 3 * (CELL_WIDTH + GAP) + TEXT_WIDTH + GAP
    sheet = Image.new("RGB", (width, GAP + 24 + sum(r.height + GAP for r in rows)), PAPER)
    pen = ImageDraw.Draw(sheet)
    for column, head in enumerate(HEADS):
        pen.text((GAP + column * (CELL_WIDTH + GAP), GAP), head, FAINT, _font(14))
    top = GAP + 24
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height + GAP
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _cells(
    build: Browser, sources: Collection[str], tasks: Collection[str]
) -> list[tuple[str, str]]:
    """The cells to show. Raises BuildError for a name that no cell has, and if there are none."""
    if not build.cells:
        raise BuildError(f"{build.build.folder.url} holds no samples")
    for what, given, place in (("source", sources, 0), ("task", tasks, 1)):
        known = list(dict.fromkeys(cell[place] for cell in build.cells))
        for name in given:
            if name not in known:
                raise BuildError(f"no sample is of the {what} {name!r}{choices(name, known)}")
    chosen = [
        cell
        for cell in build.cells
        if (not sources or cell[0] in sources) and (not tasks or cell[1] in tasks)
    ]
    if not chosen:
        raise BuildError(f"no sample is of {', '.join(sources)} and {', '.join(tasks)} at once")
    for _, task in chosen:
        build.build.task(task)
    return chosen


def _row(one: Picked, parts: Mapping[str, bytes]) -> Image.Image:
    """A sample's row, as wide as the sheet."""
    row, params = one.row, json.loads(one.row["params"])
    given, target = (
        images.decode_rgb(parts[members.named(parts, role)])
        for role in (members.INPUT, members.TARGET)
    )
    label, backward = decoded_part(row["task"], params, given, target), is_reversed(row["task"])
    photograph = target if backward else given
    is_map = not isinstance(label, np.ndarray)
    shown = [given, target, *([drawn(label, photograph)] if is_map else [])]
    coded = 0 if backward else 1
    tiles = [_tile(pixels, sharp=is_map and k == coded) for k, pixels in enumerate(shown)]
    key = key_of(label, forward_name(row["task"]), params)
    words = textwrap.wrap(row["instruction"], LETTERS)
    room = max(4, (CELL_HEIGHT - 40 - _key_height(key)) // 16)
    words = [*words[: room - 1], words[room - 1] + " ..."] if len(words) > room else words
    text_height = 44 + 16 * len(words) + _key_height(key)
    height = max(*(tile.height for tile in tiles), text_height, LEAST_HEIGHT)
    picture = Image.new("RGB", (GAP + 3 * (CELL_WIDTH + GAP) + TEXT_WIDTH + GAP, height), PAPER)
    pen = ImageDraw.Draw(picture)
    for column, tile in enumerate(tiles):
        left = GAP + column * (CELL_WIDTH + GAP)
        pen.rectangle((left, 0, left + CELL_WIDTH - 1, height - 1), PANEL)
        picture.paste(tile, (left + (CELL_WIDTH - tile.width) // 2, (height - tile.height) // 2))
    if not is_map:
        middle = GAP + 2 * (CELL_WIDTH + GAP) + CELL_WIDTH // 2, height // 2
        pen.rectangle(
            (middle[0] - CELL_WIDTH // 2, 0, middle[0] + CELL_WIDTH // 2 - 1, height - 1), PANEL
        )
        _references(picture, pen, middle, parts)
    left = GAP + 3 * (CELL_WIDTH + GAP)
    pen.text((left, 0), f"{row['source']} / {row['task']}   {row['key']}", INK, _font(13))
    below = f"{row['sample_id']}  pass {row['pass']}  {row['width']}x{row['height']}"
    pen.text((left, 17), textwrap.shorten(below, 74, placeholder=" ..."), FAINT, _font(11))
    pen.multiline_text((left, 38), "\n".join(words), INK, _font(12), spacing=3)
    _draw_key(picture, pen, left, 44 + 16 * len(words), key)
    return picture


def _references(
    picture: Image.Image,
    pen: ImageDraw.ImageDraw,
    middle: tuple[int, int],
    parts: Mapping[str, bytes],
) -> None:
    """In place of a decoded label: the pictures that the prompt refers to besides its input."""
    names = members.references(parts)
    if not names:
        pen.text(middle, "the target as it is", FAINT, _font(11), anchor="mm")
        return
    across = CELL_WIDTH // len(names)
    for place, name in enumerate(names):
        tile = Image.fromarray(images.decode_rgb(parts[name]))
        tile.thumbnail((across - 4, picture.height - 16))
        left = middle[0] - CELL_WIDTH // 2 + place * across
        picture.paste(
            tile, (left + (across - tile.width) // 2, (picture.height - 14 - tile.height) // 2)
        )
        label = left + across // 2, picture.height - 4
        pen.text(label, f"reference {place + 1}", FAINT, _font(10), anchor="ms")


def _tile(pixels: images.Pixels, *, sharp: bool) -> Image.Image:
    """A picture that fits a cell: shrunk, or enlarged by a whole number if it is much smaller.

    sharp: whether its colours are a label, and must not be blended.
    """
    tile = Image.fromarray(pixels)
    times = min(CELL_WIDTH / tile.width, CELL_HEIGHT / tile.height)
    if times >= 1:
        times = min(int(times), MOST_TIMES)
        sharp = True
    size = max(1, round(tile.width * times)), max(1, round(tile.height * times))
    return tile.resize(size, Image.Resampling.NEAREST if sharp else Image.Resampling.BOX)


def _key_height(key: Key) -> int:
    strip = 0 if key.strip is None else (30 if key.strip.shape[0] == 1 else key.strip.shape[0] + 6)
    return strip + 18 * len(list(_lines_of(key))) + (16 if key.note else 0)


def _lines_of(key: Key) -> Iterator[list[tuple[int, int]]]:
    """The swatches of each line, as (number, left)."""
    line: list[tuple[int, int]] = []
    left = 0
    for number, swatch in enumerate(key.swatches):
        width = 24 + 7 * len(_said(swatch.text, swatch.there))
        if line and left + width > TEXT_WIDTH:
            yield line
            line, left = [], 0
        line.append((number, left))
        left += width
    if line:
        yield line


def _said(text: str, there: bool) -> str:
    return textwrap.shorten(text, 48, placeholder=" ...") + ("" if there else " (not there)")


def _draw_key(
    picture: Image.Image, pen: ImageDraw.ImageDraw, left: int, top: int, key: Key
) -> None:
    """Draw a key below the instruction."""
    if key.strip is not None and key.strip.shape[0] == 1:
        bar = np.repeat(key.strip, 10, 0)
        picture.paste(Image.fromarray(bar), (left, top))
        for place, text in key.ticks:
            x = left + round(place * (bar.shape[1] - 1))
            pen.line((x, top + 10, x, top + 13), FAINT)
            pen.text((x, top + 13), text, FAINT, _font(10), anchor="ma")
        pen.text((left + bar.shape[1] + 8, top - 2), key.unit, FAINT, _font(11))
        top += 30
    elif key.strip is not None:
        picture.paste(Image.fromarray(key.strip), (left, top))
        top += key.strip.shape[0] + 6
    for line in _lines_of(key):
        for number, shift in line:
            swatch = key.swatches[number]
            at = left + shift
            pen.rectangle((at, top + 2, at + 11, top + 13), swatch.rgb, FAINT)
            said = _said(swatch.text, swatch.there)
            pen.text((at + 16, top), said, INK if swatch.there else FAINT, _font(11))
        top += 18
    if key.note:
        pen.text((left, top), key.note, FAINT, _font(11))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
