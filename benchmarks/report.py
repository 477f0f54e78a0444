"""Runs as tables: medians with their spread, and ratios within a round, where load cancels out."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.watch import Run

WIDTH = 132  # columns of the tables, whatever the terminal says

MEASURES: dict[str, Callable[[Run], float]] = {
    "samples/s": lambda run: run.samples / run.wall_s,
    "loop only": lambda run: run.samples / run.loop_s,
    "CPU s": lambda run: run.cpu_s,
    "peak MB": lambda run: run.peak_bytes / 1e6,
    "output MB": lambda run: run.out_bytes / 1e6,
}


def summary(runs: Sequence[Run]) -> dict[str, dict[str, list[float]]]:
    """Contender -> measure -> [min, median, max] over the rounds."""
    return {
        name: {
            measure: _spread([value(run) for run in runs if run.name == name])
            for measure, value in MEASURES.items()
        }
        for name in dict.fromkeys(run.name for run in runs)
    }


def ratios(runs: Sequence[Run], reference: str) -> dict[str, dict[str, list[float]]]:
    """Contender -> measure -> [min, median, max] of reference / contender, round by round."""
    by_round = {(run.name, run.round): run for run in runs}
    by_name: dict[str, dict[str, list[float]]] = {}
    for name in dict.fromkeys(run.name for run in runs):
        by_name[name] = {
            measure: _spread(
                [
                    value(by_round[reference, run.round]) / value(run)
                    for run in runs
                    if run.name == name
                ]
            )
            for measure, value in MEASURES.items()
        }
    return by_name


def show(runs: Sequence[Run], reference: str) -> None:
    """Print both tables."""
    console = Console(width=WIDTH)
    console.print(_table("min / median / max over the rounds", summary(runs), ".0f", ".3g"))
    title = f"{reference} : contender, round by round, min / median / max"
    console.print(_table(title, ratios(runs, reference), ".2f", ".2f"))


def plain(runs: Sequence[Run], reference: str) -> dict[str, Any]:
    """Summary and ratios as JSON values, rounded."""
    return {
        part: {
            name: {measure: [round(v, 4) for v in spread] for measure, spread in row.items()}
            for name, row in values.items()
        }
        for part, values in (("summary", summary(runs)), ("ratios", ratios(runs, reference)))
    }


def _spread(values: Sequence[float]) -> list[float]:
    return [min(values), statistics.median(values), max(values)]


def _table(title: str, rows: dict[str, dict[str, list[float]]], wide: str, narrow: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("contender", no_wrap=True)
    for measure in MEASURES:
        table.add_column(measure, justify="right")
    for name, row in rows.items():
        cells = []
        for low, middle, high in row.values():
            form = wide if middle >= 100 else narrow
            cells.append(f"{low:{form}} / {middle:{form}} / {high:{form}}")
        table.add_row(name, *cells)
    return table
