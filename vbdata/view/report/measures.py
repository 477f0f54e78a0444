"""What a build's samples are like, in numbers: counts that grow a sample at a time.

Depth, normals and classes are counted in the targets that are decoded. Prompts, sizes and valid
shares stand in the manifest's rows, and are counted in all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vbdata.core.labels import Depth, Linear, Matte, Normals, Segments
from vbdata.core.types import Cell
from vbdata.manifest.browse import by_cell
from vbdata.manifest.drawn import brightness

Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]

NEAREST, DECADES, PER_DECADE = 0.01, 6, 20  # of bins of depth: metres, factors of ten, bins each
LEVELS = 50  # bins of alpha and of brightness
SIDE = 31  # bins of a component of a normal, from -1 to 1
LONGEST = 200  # words of a prompt; longer ones are counted with these
ROW_COLUMNS = ["source", "task", "width", "height", "valid_share", "instruction"]


@dataclass(slots=True)
class DepthCounts:
    """Pixels by z-depth: bins of equal ratio from NEAREST metres on; the first and last are open.

    sky, invalid: pixels without a finite depth, and without a label.
    """

    bins: Counts = field(default_factory=lambda: np.zeros(DECADES * PER_DECADE, np.int64))
    samples: int = 0
    sky: int = 0
    invalid: int = 0

    def add(self, label: Depth, valid: Mask) -> None:
        """Count one sample. valid: bool[H, W], the mask that is stored with the target."""
        metres, valid = label.metres, label.valid & valid
        finite = metres[valid & np.isfinite(metres)].astype(np.float64)
        place = np.floor(np.log10(np.maximum(finite, NEAREST) / NEAREST) * PER_DECADE)
        place = np.minimum(place, len(self.bins) - 1).astype(np.int64)
        self.bins += np.bincount(place, minlength=len(self.bins))
        self.samples += 1
        self.sky += int(valid.sum()) - len(finite)
        self.invalid += int((~valid).sum())

    def quantile(self, share: float) -> float:
        """The depth in metres below which this share of the finite pixels lies, to within a bin."""
        place = int(np.searchsorted(np.cumsum(self.bins), share * self.bins.sum()))
        return float(NEAREST * 10 ** ((place + 0.5) / PER_DECADE))


@dataclass(slots=True)
class NormalCounts:
    """Pixels by normal: int64[SIDE, SIDE], rows from up to down, columns from left to right.

    sky, invalid: pixels of the sky, and others without a normal.
    """

    bins: Counts = field(default_factory=lambda: np.zeros((SIDE, SIDE), np.int64))
    samples: int = 0
    sky: int = 0
    invalid: int = 0

    def add(self, label: Normals, valid: Mask) -> None:
        """Count one sample. valid: bool[H, W], the mask that is stored with the target."""
        has_normal = label.valid & valid
        sky = label.sky & valid
        right, down, _ = label.xyz[:, has_normal]
        row, column = (
            np.clip(((v + 1) / 2 * SIDE).astype(np.int64), 0, SIDE - 1) for v in (down, right)
        )
        flat = np.bincount(row * SIDE + column, minlength=SIDE * SIDE)
        self.bins += flat.reshape(SIDE, SIDE)
        self.samples += 1
        self.sky += int(sky.sum())
        self.invalid += int((~has_normal & ~sky).sum())


@dataclass(slots=True)
class ClassCounts:
    """By class: its pixels, the samples whose prompt asks for it, and those that show it."""

    pixels: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    present: Counter[str] = field(default_factory=Counter)
    samples: int = 0

    def add(self, label: Segments, valid: Mask) -> None:
        """Count one sample. valid: bool[H, W], the mask that is stored with the target."""
        ids = np.where(valid & label.valid, label.ids, 0)
        sizes = np.bincount(ids.reshape(-1), minlength=len(label.classes) + 1)[1:]
        mine = Counter[str]()
        for name, size in zip(label.classes, sizes.tolist(), strict=True):
            mine[name] += size
        self.pixels.update(mine)
        self.asked.update(mine.keys())
        self.present.update(name for name, size in mine.items() if size)
        self.samples += 1


@dataclass(slots=True)
class LevelCounts:
    """Pixels by a share of white, in LEVELS equal bins: alpha, or the brightness of linear light.

    Light is a share of what is brightest in its sample; invalid: pixels without a label.
    """

    bins: Counts = field(default_factory=lambda: np.zeros(LEVELS, np.int64))
    samples: int = 0
    invalid: int = 0

    def add(self, label: Matte | Linear, valid: Mask) -> None:
        """Count one sample. valid: bool[H, W], the mask that is stored with the target."""
        good = label.valid & valid
        self.samples += 1
        self.invalid += int((~good).sum())
        if not good.any():
            return
        if isinstance(label, Matte):
            shares = label.alpha[good] / 255
        else:
            light = brightness(label)[good]
            shares = light / max(float(light.max()), 1e-9)
        place = np.minimum((shares * LEVELS).astype(np.int64), LEVELS - 1)
        self.bins += np.bincount(place, minlength=LEVELS)


@dataclass(slots=True)
class Measures:
    """Counts of decoded samples, by cell."""

    depth: dict[Cell, DepthCounts] = field(default_factory=dict)
    normals: dict[Cell, NormalCounts] = field(default_factory=dict)
    classes: dict[Cell, ClassCounts] = field(default_factory=dict)
    levels: dict[Cell, LevelCounts] = field(default_factory=dict)

    def add(self, cell: Cell, label: Any, valid: Mask) -> None:
        """Count one decoded sample by the kind of its label; other kinds are not counted.

        valid: bool[H, W], the mask that is stored with the target.
        """
        if isinstance(label, Depth):
            self.depth.setdefault(cell, DepthCounts()).add(label, valid)
        elif isinstance(label, Normals):
            self.normals.setdefault(cell, NormalCounts()).add(label, valid)
        elif isinstance(label, Segments):
            self.classes.setdefault(cell, ClassCounts()).add(label, valid)
        elif isinstance(label, Matte | Linear):
            self.levels.setdefault(cell, LevelCounts()).add(label, valid)


@dataclass(slots=True)
class RowCounts:
    """Counts of the manifest's rows.

    words: by task, how many prompts have 0, 1, 2 ... words, int64[LONGEST + 1]; sizes: samples by
    (width, height) in pixels; valid: by cell, the sum of its samples' shares of valid pixels;
    count: samples by cell.
    """

    words: dict[str, Counts] = field(default_factory=dict)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    valid: dict[Cell, float] = field(default_factory=dict)
    count: Counter[Cell] = field(default_factory=Counter)


def measure_rows(tables: Iterable[pa.Table]) -> RowCounts:
    """Count the manifest's rows. tables: some rows each, with the columns ROW_COLUMNS."""
    rows = RowCounts()
    for table in tables:
        width, height, share = (
            table[name].to_numpy() for name in ("width", "height", "valid_share")
        )
        words = np.minimum(
            pc.count_substring_regex(table["instruction"], r"\S+").to_numpy(), LONGEST
        )
        sizes, counts = np.unique(np.stack([width, height]), axis=1, return_counts=True)
        for (w, h), count in zip(sizes.T.tolist(), counts.tolist(), strict=True):
            rows.sizes[w, h] += count
        for cell, mine in by_cell(table).items():
            rows.valid[cell] = rows.valid.get(cell, 0.0) + float(share[mine].sum())
            rows.count[cell] += len(mine)
            lengths = rows.words.setdefault(cell[1], np.zeros(LONGEST + 1, np.int64))
            lengths += np.bincount(words[mine], minlength=LONGEST + 1)
    return rows
