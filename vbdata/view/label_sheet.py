"""Raw records as a picture: a few of each source of a recipe, with all labels that they have.

Depth as grey of inverse depth, normals in the colours of 1 - n, segments over the darkened picture.
What cannot be read stands there as a sentence.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vbdata import plugins
from vbdata.core import images
from vbdata.core.arrays import NUMPY
from vbdata.core.labels import Depth, Flow, Keypoints, Normals, Segments, moved
from vbdata.core.relabel import relabelled
from vbdata.core.types import Entry
from vbdata.engine.doctor import some_entries
from vbdata.errors import BadSample, BuildError, RecipeError, SourceError
from vbdata.index.index import build_index
from vbdata.manifest.drawn import drawn
from vbdata.recipe.recipe import Recipe
from vbdata.sources.open import open_root
from vbdata.storage.folder import Root

WIDTH, HEIGHT, GAP, LINE = 300, 220, 8, 14
INK, PAPER, FAINT = (24, 24, 24), (255, 255, 255), (110, 110, 110)
MAPS = (
    *("depth", "relative_depth", "normals", "segments", "matte", "albedo", "shading"),
    *("flow", "keypoints"),
)
LETTERS = 46  # of a line of text in a tile

Tile = tuple[str, images.Pixels | str]  # what stands below it, and a picture or a sentence


def label_sheet(recipe: Recipe, count: int = 3) -> bytes:
    """A PNG with up to `count` records of each source, one a row, chosen by the recipe's seed.

    Raises BuildError if no source can be read.
    """
    rows = list(_rows(recipe, count))
    if not rows:
        raise BuildError("no source of the recipe can be read; `vbdata doctor` says why")
    across = max(map(len, rows))
    size = GAP + across * (WIDTH + GAP), GAP + len(rows) * (HEIGHT + 2 * LINE + GAP)
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    for place, row in enumerate(rows):
        top = GAP + place * (HEIGHT + 2 * LINE + GAP)
        for column, (text, shown) in enumerate(row):
            left = GAP + column * (WIDTH + GAP)
            if isinstance(shown, str):
                lines = "\n".join(textwrap.wrap(shown, LETTERS)[:12])
                pen.multiline_text((left, top), lines, INK, _font())
            else:
                times = max(1, min(WIDTH // shown.shape[1], HEIGHT // shown.shape[0]))
                tile = Image.fromarray(shown.repeat(times, 0).repeat(times, 1))
                tile.thumbnail((WIDTH, HEIGHT))
                sheet.paste(tile, (left, top))
            said = "\n".join(textwrap.wrap(text, LETTERS)[:2])
            pen.multiline_text((left, top + HEIGHT), said, FAINT, _font(), spacing=1)
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _rows(recipe: Recipe, count: int) -> Iterator[list[Tile]]:
    """The tiles of each record. Sources that cannot be indexed have none."""
    with TemporaryDirectory(prefix="vbdata-") as temporary:
        for source in recipe.sources:
            try:
                index = build_index(source, Path(temporary))
                root = open_root(source.roots, mount=plugins.mounts(source.dataset))
                entries = some_entries(index, count, recipe.seed)
            except (SourceError, RecipeError):
                continue
            for entry in entries:
                yield list(_tiles(plugins.dataset(source.dataset), root, entry))


def _tiles(reader: Any, root: Root, entry: Entry) -> Iterator[Tile]:
    """The picture of a record, then its labels that are maps, each alone."""
    try:
        image = reader.load(root, entry, ()).image
        rgb = images.decode_rgb(image) if isinstance(image, bytes) else image
    except BadSample as bad:
        yield entry.id, str(bad)
        return
    yield f"{entry.id}, {rgb.shape[1]}x{rgb.shape[0]}", rgb
    for kind in (kind for kind in MAPS if kind in entry.labels):
        try:
            label = moved(reader.load(root, entry, (kind,)).labels[kind], NUMPY)
            label = relabelled(label, entry) if isinstance(label, Segments) else label
        except BadSample as bad:
            yield kind, str(bad)
            continue
        yield f"{kind}: {_said(label, kind)}", _picture(label, rgb)


def _picture(label: Any, rgb: images.Pixels) -> images.Pixels:
    if not isinstance(label, Normals):
        return drawn(label, rgb)
    colours = (127.5 * (1 - label.xyz)).round().clip(0, 255).astype(np.uint8)
    return np.where(label.valid[..., None], np.moveaxis(colours, 0, -1), np.uint8(128))


def _said(label: Any, kind: str) -> str:
    """A few words about a label."""
    share = f"{float(label.valid.mean()):.0%} valid"
    if isinstance(label, Depth):
        metres = label.metres[label.valid & np.isfinite(label.metres)]
        unit = " m" if kind == "depth" else ""
        return f"{float(metres.min()):.3g} to {float(metres.max()):.3g}{unit}, {share}"
    if isinstance(label, Segments):
        names = [name for name in label.classes if name]
        return f"{len(names)}, {share}: {', '.join(dict.fromkeys(names))}"
    if isinstance(label, Flow):
        length = np.hypot(*label.uv[:, label.valid])
        return f"up to {float(length.max(initial=0)):.3g} pixels, {share}"
    if isinstance(label, Keypoints):
        return f"{len(label.points)} persons, {int((label.visible > 0).sum())} joints"
    return share


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(11)
