"""The page of a build: the samples that it needs are read once, and shown and counted then."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import escape

from vbdata import plugins
from vbdata.core import images
from vbdata.core.png import encode_png
from vbdata.core.reversal import forward_name
from vbdata.core.types import Cell
from vbdata.errors import BadSample
from vbdata.evaluation.predictions import PredictionFolder
from vbdata.manifest.browse import Browser, Picked, browsing
from vbdata.manifest.quarantine import read_quarantine
from vbdata.planning.mixture import apportion
from vbdata.publish.facts import lost
from vbdata.storage.folder import Folder
from vbdata.view.keys import Key, key_of
from vbdata.view.report import figures
from vbdata.view.report.charts import bar, data_uri
from vbdata.view.report.measures import ROW_COLUMNS, Measures, measure_rows
from vbdata.view.report.reproduce import reproduction
from vbdata.view.report.tiles import Opened, Tile, open_sample, tiles

# kinds of labels that have histograms
MEASURED = ("depth", "normals", "segments", "matte", "albedo", "shading")
NO_CLASSES = "expressions"  # a task that needs these names its segments by phrases
LONGEST_PROMPT = 1200  # characters of a prompt that are shown
ROW_BYTES = 1000  # of HTML for a sample, besides its pictures and its texts
SWATCH_BYTES = 150  # of HTML for a colour of a key
# The more samples, the smaller their pictures: (most samples, box in pixels).
BOXES = ((60, (300, 225)), (150, (200, 150)), (1 << 62, (140, 105)))
UNPRINTABLE = re.compile("[\0-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOptions:
    """What a page shows.

    samples: how many of each cell; decoded: how many samples in all are counted in histograms;
    max_bytes: of the page, which shows fewer samples rather than grow beyond it; seed: which
    samples are picked; answers: a folder or URL of a model's answers, KEY.png, to be shown beside
    the targets, "" without any.
    """

    samples: int = 4
    decoded: int = 200
    max_bytes: int = 10_000_000
    seed: int = 0
    answers: str = ""


@dataclass(slots=True)
class Shown:
    """A sample as it is shown: its row of the manifest, its prompt, its pictures and their key.

    strip: the key's scale or ball as a data URI, "" without one; lacking: why no answer is shown,
    "" if one is, or none was asked for.
    """

    row: Mapping[str, Any]
    prompt: str
    tiles: list[Tile]
    key: Key
    strip: str
    lacking: str = ""


@dataclass(slots=True)
class Sheet:
    """The samples of a cell that are shown. total: how many it has."""

    cell: Cell
    total: int
    shown: list[Shown] = field(default_factory=list)


def page(out: Folder, options: PageOptions) -> bytes:
    """A finished build as one HTML page; the same build and options give the same bytes.

    Raises BuildError if the folder holds no build or a damaged one, RecipeError if there is no
    folder of answers.
    """
    with browsing(out) as build:
        rows = measure_rows(build.tables(ROW_COLUMNS))
        context = {
            "build": build.manifest,
            "options": options,
            "quarantine": read_quarantine(out),
            "reproduction": reproduction(out, build.manifest),
            "valid": {cell: rows.valid[cell] / rows.count[cell] for cell in build.cells},
            "row_figures": figures.of_rows(rows),
            "tasks": sorted({task for _, task in build.cells}),
            "sources": list(dict.fromkeys(source for source, _ in build.cells)),
            "installed": [t for _, t in build.cells if plugins.usable(plugins.TASKS, t)],
            "lost": [
                (line["source"], *each) for line in build.manifest["sources"] for each in lost(line)
            ],
        }
        measures = Measures()
        bare = _render(
            context, [Sheet(cell, len(at)) for cell, at in build.cells.items()], measures
        )
        sheets = _look(build, options, options.max_bytes - len(bare), measures)
        return _render(context, sheets, measures)


def _render(context: Mapping[str, Any], sheets: Sequence[Sheet], measures: Measures) -> bytes:
    environment = Environment(
        loader=PackageLoader("vbdata.view.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"bar": bar, "thousands": "{:,}".format}
    html = environment.get_template("report.html").render(
        **context,
        sheets=sheets,
        figures=figures.of_labels(measures, {sheet.cell: sheet.total for sheet in sheets}),
    )
    return UNPRINTABLE.sub("\ufffd", html).encode()


def _look(build: Browser, options: PageOptions, room: int, measures: Measures) -> list[Sheet]:
    """Read the picked samples: show them while there is room, and count their labels.

    They come in turn, the first of every cell, then the second of every cell, so that a page that
    runs out of room has lost samples of all cells alike. room: bytes for samples.
    """
    shares = _shares(build, options.decoded)
    wanted = {cell: max(options.samples, shares.get(cell, 0)) for cell in build.cells}
    queue = _in_turn(build.pick(wanted, options.seed))
    sheets = {cell: Sheet(cell, len(rows)) for cell, rows in build.cells.items()}
    answers = PredictionFolder(options.answers) if options.answers else None
    expected = sum(min(options.samples, sheet.total) for sheet in sheets.values())
    box = next(box for most, box in BOXES if expected <= most)
    read = build.read([picked for _, _, picked in queue])
    for (rank, cell, picked), (_, parts) in zip(queue, read, strict=True):
        sample = open_sample(picked.row, parts)
        if rank < shares.get(cell, 0):
            measures.add(cell, sample.label, sample.valid)
        if rank < options.samples and room > 0:
            answer, lacking = _answer(answers, picked.row["key"])
            shown = _shown(sample, tiles(sample, *box, answer))
            shown.lacking = lacking
            room -= _size(shown)
            if room > 0:
                sheets[cell].shown.append(shown)
    return list(sheets.values())


def _answer(answers: PredictionFolder | None, key: str) -> tuple[images.Pixels | None, str]:
    """A sample's answer, or why there is none to show."""
    if answers is None:
        return None, ""
    try:
        answer = answers(key)
    except BadSample as err:
        return None, f"its answer cannot be read: {err}"
    return answer, "" if answer is not None else "no answer"


def _shares(build: Browser, decoded: int) -> dict[Cell, int]:
    """How many samples of each cell are counted: `decoded` in all, in proportion to the cells.

    Only cells whose labels have histograms count.
    """
    needs = {
        cell: getattr(plugins.usable(plugins.TASKS, cell[1]), "NEEDS", ("",))
        for cell in build.cells
    }
    cells = [c for c, kinds in needs.items() if kinds[0] in MEASURED and NO_CLASSES not in kinds]
    have = [len(build.cells[cell]) for cell in cells]
    if not cells:
        return {}
    counts = apportion([Fraction(n) for n in have], min(decoded, sum(have)))
    return dict(zip(cells, counts, strict=True))


def _in_turn(picked: Mapping[Cell, Sequence[Picked]]) -> list[tuple[int, Cell, Picked]]:
    """(rank in its cell, cell, sample): every cell's first, then every cell's second, and so on."""
    queue = [
        (rank, place, cell, one)
        for place, (cell, some) in enumerate(picked.items())
        for rank, one in enumerate(some)
    ]
    queue.sort(key=lambda item: item[:2])
    return [(rank, cell, one) for rank, _, cell, one in queue]


def _shown(sample: Opened, made: list[Tile]) -> Shown:
    row = sample.row
    prompt: str = row["instruction"]
    if len(prompt) > LONGEST_PROMPT:
        prompt = f"{prompt[:LONGEST_PROMPT]} ... ({len(prompt)} characters)"
    key = (
        Key()
        if sample.label is None
        else key_of(sample.label, forward_name(row["task"]), json.loads(row["params"]))
    )
    strip = (
        "" if key.strip is None else data_uri("png", encode_png(np.ascontiguousarray(key.strip)))
    )
    return Shown(row, prompt, made, key, strip)


def _size(shown: Shown) -> int:
    """Bytes that a sample takes on the page, at most."""
    texts = (shown.prompt, *(str(shown.row[key]) for key in ("sample_id", "license", "source")))
    size = sum(len(str(escape(text)).encode()) for text in texts)
    size += sum(SWATCH_BYTES + len(str(escape(s.text)).encode()) for s in shown.key.swatches)
    return ROW_BYTES + size + len(shown.strip) + sum(len(tile.uri) for tile in shown.tiles)
