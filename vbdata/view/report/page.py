"""The page: what it shows of a build, in one pass over the samples that are read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import escape

from vbdata import plugins
from vbdata.core.types import Cell
from vbdata.manifest.browse import Browser, Picked, browsing
from vbdata.planning.mixture import apportion
from vbdata.storage.folder import Folder
from vbdata.view.report import figures
from vbdata.view.report.charts import bar
from vbdata.view.report.measures import ROW_COLUMNS, Measures, measure_rows
from vbdata.view.report.quarantine import read_quarantine
from vbdata.view.report.reproduce import reproduction
from vbdata.view.report.tiles import Tile, open_sample, tiles

MEASURED = ("depth", "normals", "segments")  # kinds of labels that have histograms
SAID = "expressions"  # segments that are named by whole phrases: no classes
LONGEST_PROMPT = 1200  # characters that are shown
ROW_BYTES = 1000  # of a shown sample besides its pictures and its prompt
# Pictures get smaller the more of them there are: (samples on the page, box in pixels).
BOXES = ((60, (300, 225)), (150, (200, 150)), (1 << 62, (140, 105)))
UNPRINTABLE = re.compile("[\0-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOptions:
    """samples: of each cell, that are shown; decoded: in all, for histograms; max_bytes: of the
    page, which shows fewer samples rather than grow beyond it.
    """

    samples: int = 4
    decoded: int = 200
    max_bytes: int = 10_000_000
    seed: int = 0


@dataclass(slots=True)
class Shown:
    """A sample on the page."""

    row: Mapping[str, Any]
    prompt: str
    tiles: list[Tile]


@dataclass(slots=True)
class Sheet:
    """The samples of one cell that are shown, of all that it has."""

    cell: Cell
    total: int
    shown: list[Shown] = field(default_factory=list)


def page(out: Folder, how: PageOptions) -> bytes:
    """A finished build as HTML. The same build and options: the same bytes.

    Raises BuildError if the folder holds no build or a damaged one.
    """
    with browsing(out) as build:
        rows = measure_rows(build.tables(ROW_COLUMNS))
        context = {
            "build": build.manifest,
            "how": how,
            "quarantine": read_quarantine(out),
            "again": reproduction(out, build.manifest),
            "valid": {cell: rows.valid[cell] / rows.count[cell] for cell in build.cells},
            "row_figures": figures.of_rows(rows),
            "tasks": sorted({task for _, task in build.cells}),
            "sources": list(dict.fromkeys(source for source, _ in build.cells)),
        }
        measures = Measures()
        bare = _render(
            context, [Sheet(cell, len(at)) for cell, at in build.cells.items()], measures
        )
        sheets = _look(build, how, how.max_bytes - len(bare), measures)
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


def _look(build: Browser, how: PageOptions, room: int, measures: Measures) -> list[Sheet]:
    """Read the picked samples once: the first of every cell, then the second, and so on."""
    shares = _shares(build, how.decoded)
    wanted = {cell: max(how.samples, shares.get(cell, 0)) for cell in build.cells}
    queue = _in_turn(build.pick(wanted, how.seed))
    sheets = {cell: Sheet(cell, len(rows)) for cell, rows in build.cells.items()}
    expected = sum(min(how.samples, sheet.total) for sheet in sheets.values())
    box = next(box for most, box in BOXES if expected <= most)
    read = build.read([picked for _, _, picked in queue])
    for (rank, cell, picked), (_, parts) in zip(queue, read, strict=True):
        sample = open_sample(picked.row, parts)
        if rank < shares.get(cell, 0):
            measures.add(cell, sample.label, sample.valid)
        if rank < how.samples and room > 0:
            shown = _shown(picked.row, tiles(sample, *box))
            room -= _size(shown)
            if room > 0:
                sheets[cell].shown.append(shown)
    return list(sheets.values())


def _shares(build: Browser, decoded: int) -> dict[Cell, int]:
    """How many samples of each cell are measured: as in the mixture, of those that have labels."""
    needs = {
        cell: getattr(plugins.usable(plugins.TASKS, cell[1]), "NEEDS", ("",))
        for cell in build.cells
    }
    cells = [c for c, kinds in needs.items() if kinds[0] in MEASURED and SAID not in kinds]
    have = [len(build.cells[cell]) for cell in cells]
    if not cells:
        return {}
    counts = apportion([Fraction(n) for n in have], min(decoded, sum(have)))
    return dict(zip(cells, counts, strict=True))


def _in_turn(picked: Mapping[Cell, Sequence[Picked]]) -> list[tuple[int, Cell, Picked]]:
    """(rank in its cell, cell, sample): every cell's first, then every cell's second."""
    queue = [
        (rank, at, cell, one)
        for at, (cell, some) in enumerate(picked.items())
        for rank, one in enumerate(some)
    ]
    queue.sort(key=lambda item: item[:2])
    return [(rank, cell, one) for rank, _, cell, one in queue]


def _shown(row: Mapping[str, Any], made: list[Tile]) -> Shown:
    prompt: str = row["instruction"]
    if len(prompt) > LONGEST_PROMPT:
        prompt = f"{prompt[:LONGEST_PROMPT]} ... ({len(prompt)} characters)"
    return Shown(row, prompt, made)


def _size(shown: Shown) -> int:
    texts = (shown.prompt, *(str(shown.row[key]) for key in ("sample_id", "license", "source")))
    said = sum(len(str(escape(text)).encode()) for text in texts)
    return ROW_BYTES + said + sum(len(tile.uri) for tile in shown.tiles)
