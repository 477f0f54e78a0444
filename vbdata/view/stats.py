"""The statement of a finished build: what was requested, what it holds, where that comes from.

By cell: requested, apportioned, realised, unique, repeated, quarantined, replaced. By source:
licence, fingerprint, groups excluded and by what, files and annotations lost. By task: the error of
the targets' own decoding. All of it stands in manifest.json; here it is printed, or picked out for
`--json`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vbdata.manifest.quarantine import Quarantine
from vbdata.publish.facts import lost

PARTS = (
    *("name", "split", "digest", "build_sha256", "samples", "bytes", "shortfall", "cells"),
    *("sources", "holdout", "licenses", "roundtrip", "quarantine"),
)
COUNTS = ("apportioned", "realised", "unique", "repeated", "quarantined", "replaced")
# Heads broken into lines, so that the table of cells fits into 80 columns.
SHORT = {
    "apportioned": "appor-\ntioned",
    "repeated": "re-\npeated",
    "quarantined": "quaran-\ntined",
    "replaced": "re-\nplaced",
    "records excluded": "records\nexcluded",
    "groups excluded": "groups\nexcluded",
}
WIDE, WIDEST = 120, 180  # columns from which on heads, and then fingerprints, are shown whole
DIGEST = 12  # characters of a fingerprint that is not shown whole


def statement(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a manifest that is its statement; keys that an older one lacks are left out."""
    return {key: manifest[key] for key in PARTS if key in manifest}


def print_statement(
    manifest: Mapping[str, Any],
    screen: Console,
    slow: Mapping[str, int] | None = None,
    bad: Quarantine | None = None,
) -> None:
    """Print the statement of a build as tables that fit the screen's width.

    slow: workers without the compiled loops (vbdata.engine.run_record.slow_workers); bad: the
    damaged records, of which the manifest has the reasons alone.
    """
    wide = screen.width >= WIDE
    screen.print(_head(manifest), markup=False, soft_wrap=True)
    for table in (
        _cells(manifest["cells"], wide),
        _sources(manifest["sources"], wide, screen.width >= WIDEST),
        _excluded(manifest["sources"], wide),
        _lost(manifest["sources"], wide),
        _licences(manifest["licenses"], wide),
        _roundtrip(manifest["roundtrip"], wide),
        _quarantine(manifest["quarantine"], wide) if bad is None else _causes(bad, wide),
    ):
        if table.row_count:
            screen.print()
            screen.print(table)
    for line in (*_notes(manifest), *slow_notes(slow or {})):
        screen.print(line, markup=False, soft_wrap=True)


def _head(manifest: Mapping[str, Any]) -> str:
    return (
        f"{manifest['name']} ({manifest['split']}): {manifest['samples']} samples in "
        f"{len(manifest['shards'])} shards, {manifest['bytes'] / 1e6:.1f} MB\n"
        f"digest {manifest['digest']}"
    )


def _table(title: str, names: Sequence[str], numbers: Sequence[str], wide: bool) -> Table:
    """An empty table: columns of text, then of numbers."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        padding=(0, 1 if wide else 0, 0, 0),
        pad_edge=False,
    )
    for name in names:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name if wide else SHORT.get(name, name), justify="right", no_wrap=True)
    return table


def _cells(cells: Sequence[Mapping[str, Any]], wide: bool) -> Table:
    table = _table("Mixture, in samples", ("source", "task"), ("requested", *COUNTS), wide)
    for cell in cells:
        short = cell["realised"] != cell["apportioned"]
        table.add_row(
            *(Text(cell[name]) for name in ("source", "task")),
            f"{float(cell['requested']):.2f}",
            *(str(cell[name]) for name in COUNTS),
            style="bold red" if short else None,
        )
    table.add_section()
    requested = f"{sum(float(cell['requested']) for cell in cells):.2f}"
    sums = (str(sum(cell[name] for cell in cells)) for name in COUNTS)
    table.add_row("total", "", requested, *sums, style="bold")
    return table


def _sources(sources: Sequence[Mapping[str, Any]], wide: bool, whole: bool) -> Table:
    """A row a source. Records and groups are those of its index, whether or not they are used."""
    numbers = ("records", "faulty", "groups", "groups excluded")
    table = _table("Sources", ("source", "licence", "fingerprint"), numbers, wide)
    for line in sources:
        fingerprint = line["fingerprint"]
        table.add_row(
            *(Text(line[name]) for name in ("source", "license")),
            fingerprint if whole else fingerprint[:DIGEST],
            *(str(line[name]) for name in ("entries", "faults")),
            *(str(line.get(name, "?")) for name in ("groups", "groups_excluded")),
        )
    return table


def _excluded(sources: Sequence[Mapping[str, Any]], wide: bool) -> Table:
    numbers = ("groups excluded", "records excluded")
    table = _table("Excluded", ("source", "by"), numbers, wide)
    for line in sources:
        for cause in line.get("excluded", ()):
            table.add_row(
                Text(line["source"]),
                Text(f"{cause['cause']}: {cause['set']}"),
                str(cause["groups"]),
                str(cause["records"]),
            )
    return table


def _lost(sources: Sequence[Mapping[str, Any]], wide: bool) -> Table:
    """A row for each kind of file that records lack, and each reason of annotations left out."""
    table = _table("Lost", ("source", "what"), ("count",), wide)
    for line in sources:
        for what, count in lost(line):
            table.add_row(Text(line["source"]), Text(what), str(count))
    return table


def _licences(licences: Sequence[Mapping[str, Any]], wide: bool) -> Table:
    names = ("licence", "commercial use", "of sources")
    table = _table("Licences of the samples", names, ("samples",), wide)
    for line in licences:
        table.add_row(
            Text(line["license"]),
            "allowed" if line["commercial"] else "not known to be",
            Text(", ".join(f"{source} {n}" for source, n in line["sources"].items())),
            str(line["samples"]),
        )
    return table


def _roundtrip(tasks: Mapping[str, Mapping[str, Any]], wide: bool) -> Table:
    """How far the targets' own decoding is from their labels."""
    title = "Round trip: error of a target's own decoding"
    table = _table(title, ("task", "unit"), ("mean", "max", "bound"), wide)
    for task, line in tasks.items():
        shown = (f"{line[name]:.6g}" for name in ("mean", "largest", "tolerance"))
        table.add_row(Text(task), Text(line["unit"]), *shown)
    return table


def _quarantine(reasons: Mapping[str, int], wide: bool) -> Table:
    table = _table("Quarantine", ("reason",), ("records",), wide)
    for reason, count in reasons.items():
        table.add_row(Text(reason), str(count))
    return table


def _causes(bad: Quarantine, wide: bool) -> Table:
    table = _table("Quarantine", ("source", "reason", "such as"), ("records",), wide)
    for source, reason, count, example in bad.by_source():
        table.add_row(*map(Text, (source, reason, example)), str(count))
    return table


def slow_notes(slow: Mapping[str, int]) -> Iterator[str]:
    """A line for each cause for which workers lacked the compiled loops. slow: how many, by it."""
    for why, count in slow.items():
        workers = "1 worker" if count == 1 else f"{count} workers"
        yield f"{workers} without the compiled loops, much slower with the same bytes: {why}"


def _notes(manifest: Mapping[str, Any]) -> Iterator[str]:
    for line in manifest["holdout"]:
        lost = f", {line['unmatched']} lines match no source" if line["unmatched"] else ""
        yield f"held out: {line['set']}, {line['groups']} groups{lost}"
    if manifest["shortfall"]:
        yield f"shortfall: {manifest['shortfall']} slots stayed empty, no spare was left"
