"""The figures of the report: counts become charts with captions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from markupsafe import Markup

from vbdata.core.types import Cell
from vbdata.view.report.charts import bar, heat, histogram, linear_ticks, log_ticks
from vbdata.view.report.measures import (
    LONGEST,
    NEAREST,
    PER_DECADE,
    ClassCounts,
    DepthCounts,
    LevelCounts,
    Measures,
    NormalCounts,
    RowCounts,
)

CLASSES = 25  # of a cell that are shown at first
MOST_CLASSES = 200  # of a cell that are on the page at all
SIZES = 12  # sizes of images that are shown
WORD_BINS = 30  # of a histogram of words, at most


@dataclass(slots=True)
class Figure:
    """A chart (SVG) or a picture (a data URI), with its title and caption."""

    title: str
    caption: str
    chart: Markup = field(default_factory=Markup)
    picture: str = ""


@dataclass(slots=True)
class ClassLine:
    """A class of a cell. share: of the pixels that have a class, in per cent, as text; present,
    asked: samples in which it has a pixel, and in whose prompt it is.
    """

    name: str
    bar: Markup
    share: str
    present: int
    asked: int


@dataclass(slots=True)
class ClassTable:
    """The classes of a cell, those of most pixels first.

    first: that are shown at first; more: after a click; left_out: how many are not on the page.
    """

    title: str
    caption: str
    first: list[ClassLine]
    more: list[ClassLine]
    left_out: int


@dataclass(slots=True)
class LabelFigures:
    """The figures of decoded labels, by kind."""

    depth: list[Figure]
    normals: list[Figure]
    classes: list[ClassTable]
    levels: list[Figure]


@dataclass(slots=True)
class RowFigures:
    """The figures of the manifest's rows.

    words: lengths of prompts, by task; sizes: (size of the image, samples, bar), the most frequent
    ones; other_sizes: how many more there are.
    """

    words: list[Figure]
    sizes: list[tuple[str, int, Markup]]
    other_sizes: int


def of_labels(measures: Measures, totals: Mapping[Cell, int]) -> LabelFigures:
    """The figures of decoded labels. totals: how many samples each cell has."""

    def which(cell: Cell, samples: int) -> tuple[str, str]:
        return " / ".join(cell), f"{samples:,} of {totals[cell]:,} samples"

    return LabelFigures(
        depth=[_depth(*which(c, one.samples), one) for c, one in sorted(measures.depth.items())],
        normals=[
            _normals(*which(c, one.samples), one) for c, one in sorted(measures.normals.items())
        ],
        classes=[
            _classes(*which(c, one.samples), one) for c, one in sorted(measures.classes.items())
        ],
        levels=[_levels(*which(c, one.samples), one) for c, one in sorted(measures.levels.items())],
    )


def of_rows(rows: RowCounts) -> RowFigures:
    """The figures of the manifest's rows."""
    common = sorted(rows.sizes.items(), key=lambda item: (-item[1], item[0]))
    largest = common[0][1] if common else 0
    sizes = [(f"{w} x {h}", n, bar(n, largest)) for (w, h), n in common[:SIZES]]
    return RowFigures(
        words=[_words(task, counts) for task, counts in sorted(rows.words.items())],
        sizes=sizes,
        other_sizes=max(0, len(common) - SIZES),
    )


def _depth(title: str, which: str, counts: DepthCounts) -> Figure:
    total = int(counts.bins.sum()) + counts.sky + counts.invalid
    rest = f"sky {_percent(counts.sky, total)}, no depth {_percent(counts.invalid, total)}"
    if not counts.bins.any():
        return Figure(title, f"{which}: {rest}")
    first, last = (int(k) for k in np.flatnonzero(counts.bins)[[0, -1]])
    near, far = (NEAREST * 10 ** (k / PER_DECADE) for k in (first, last + 1))
    low, middle, high = (counts.quantile(share) for share in (0.05, 0.5, 0.95))
    text = f"median {middle:.3g} m, 90 % within {low:.3g} to {high:.3g} m; {rest}"
    ticks = log_ticks(near, far, PER_DECADE)
    chart = histogram(counts.bins[first : last + 1].tolist(), ticks, f"depth in metres: {text}")
    return Figure(title, f"{which}: {text}", chart=chart)


def _normals(title: str, which: str, counts: NormalCounts) -> Figure:
    total = int(counts.bins.sum()) + counts.sky + counts.invalid
    rest = f"sky {_percent(counts.sky, total)}, no normal {_percent(counts.invalid, total)}"
    return Figure(title, f"{which}: {rest}", picture=heat(counts.bins))


def _classes(title: str, which: str, counts: ClassCounts) -> ClassTable:
    order = sorted(counts.pixels.items(), key=lambda item: (-item[1], item[0]))
    total, largest = counts.pixels.total(), order[0][1] if order else 0
    lines = [
        ClassLine(
            name=name,
            bar=bar(pixels, largest),
            share=_percent(pixels, total),
            present=counts.present[name],
            asked=counts.asked[name],
        )
        for name, pixels in order[:MOST_CLASSES]
    ]
    left_out = max(0, len(order) - MOST_CLASSES)
    return ClassTable(title, which, lines[:CLASSES], lines[CLASSES:], left_out)


def _levels(title: str, which: str, counts: LevelCounts) -> Figure:
    seen = int(counts.bins.sum())
    text = f"no label {_percent(counts.invalid, seen + counts.invalid)}"
    if seen:
        ends = [int(counts.bins[k]) for k in (0, -1)]
        text = f"darkest bin {_percent(ends[0], seen)}, brightest {_percent(ends[1], seen)}; {text}"
    ticks = linear_ticks(100, len(counts.bins))
    chart = histogram(counts.bins.tolist(), ticks, f"percent of white: {text}")
    return Figure(title, f"{which}: {text}", chart=chart)


def _words(task: str, counts: Any) -> Figure:
    longest = int(np.flatnonzero(counts)[-1])
    width = -(-(longest + 1) // WORD_BINS)
    bins = -(-(longest + 1) // width)
    padded = np.zeros(bins * width, np.int64)
    padded[: longest + 1] = counts[: longest + 1]
    total = int(counts.sum())
    mean = float((counts * np.arange(len(counts))).sum()) / total
    most = f"{longest}" if longest < LONGEST else f"{LONGEST} or more"
    text = f"{total:,} prompts of {mean:.1f} words on average, at most {most}"
    chart = histogram(
        padded.reshape(bins, width).sum(1).tolist(), linear_ticks(bins * width, bins), text
    )
    return Figure(task, text, chart=chart)


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole if whole else 0.0
    return f"{share:.1f} %" if share >= 0.05 or not part else "<0.1 %"
