"""What `vbdata bench` prints: the benchmarks, a build's count, scores, the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vbdata.bench.count import missing_rows
from vbdata.bench.facts import Benchmark
from vbdata.bench.table import shown
from vbdata.errors import visible

FEW = 10  # faults that are named


def print_benchmarks(known: Sequence[Benchmark], to: Console) -> None:
    """A table of benchmarks: name, rows, kind, title."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("name", "rows", "kind", "what it is"):
        table.add_column(name, justify="right" if name == "rows" else "left")
    for one in known:
        rows = "not stated" if one.rows is None else f"{one.rows:,}"
        table.add_row(one.name, rows, one.kind, one.title)
    to.print(table)
    to.print("vbdata bench list NAME says where to get one, and what its numbers compare with.")


def print_benchmark(one: Benchmark, to: Console) -> None:
    """All that is known of a benchmark, for people."""
    sources = ", ".join(
        f"{name} ({'rows not stated' if size.rows is None else f'{size.rows:,} {one.unit}'})"
        for name, size in one.size.items()
    )
    facts = {
        "what": one.title,
        "rows": sources,
        "data": one.data,
        "licence": one.licence,
        "where": one.where,
        "compares": one.compares,
        "traps": one.traps,
        "read in": "; ".join(one.sources),
        "recipe": f"manifests/benchmarks/{one.name}.yaml",
    }
    for name, text in facts.items():
        if text:
            to.print(f"[bold]{name:>9}[/bold]  {escape(' '.join(text.split()))}")
    to.print("[bold] variants[/bold]  all are printed:")
    for variant in one.variants:
        mark = "*" if variant.name == one.primary.variant else " "
        to.print(f"         {mark} {variant.name}: {escape(variant.said)}")
    to.print(
        f"           * the table has its {one.primary.metric} ({one.primary.better} is better)"
    )
    for row in one.published:
        beside = "" if row.comparable else f" [not comparable: {escape(row.why)}]"
        number = f"{row.who}: {row.metric} {row.value:g}, {row.of}"
        told = f"{number} ({row.protocol}; {row.date}; {row.source})"
        to.print(f"[bold]published[/bold]  {escape(told)}{escape(beside)}")


def print_count(counted: Mapping[str, Any], to: Console) -> None:
    """How many of the official rows a build has, and why not all."""
    for line in counted["sources"]:
        if line["official"] == line["built"]:
            to.print(f"{line['source']}: {line['built']} rows, the official set")
    for text in missing_rows(counted):
        to.print(visible(text), markup=False)


def print_score(known: Benchmark, report: Mapping[str, Any], to: Console) -> None:
    """The scores of a report, what it is of, and what was wrong with single answers."""
    results = report["variants"]
    metrics = list(dict.fromkeys(name for values in results.values() for name in values))
    to.print(known.title, style="bold", markup=False)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("")
    for variant in results:
        mark = " *" if variant == known.primary.variant else ""
        table.add_column(f"{variant}{mark}", justify="right")
    for metric in metrics:
        style = "bold" if metric == known.primary.metric else ""
        values = [shown(values.get(metric)) for values in results.values()]
        table.add_row(metric, *values, style=style)
    to.print(table)
    for variant in known.variants:
        to.print(f"{variant.name}: {variant.said}", style="dim", markup=False)
    if len(report["sources"]) > 1:
        _print_sources(known, report, to)
    _print_classes(report, to)
    queries = ", ".join(f"{count} {what}" for what, count in report["queries"].items())
    to.print(f"queries: {queries}; votes: {report['votes']}")
    print_count(report["official"], to)
    for fault in report["faults"]["list"][:FEW]:
        to.print(visible(f"{fault['key']}: {fault['cause']}: {fault['detail']}"), markup=False)
    if (more := len(report["faults"]["list"]) - FEW) > 0:
        to.print(f"and {more} more; all are in the JSON report")
    if not report["complete"]:
        to.print("[bold]not complete: these scores are of the other queries alone[/bold]")


def print_table(table: Sequence[Mapping[str, Any]], to: Console) -> None:
    """Scores beside published rows."""
    drawn = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("benchmark", "who", "variant", "metric", "value", "mark", "date", "source"):
        drawn.add_column(name, justify="right" if name == "value" else "left")
    last = ""
    for line in table:
        name = line["benchmark"] if line["benchmark"] != last else ""
        if name and last:
            drawn.add_section()
        last = line["benchmark"]
        drawn.add_row(
            name,
            escape(visible(line["who"])),
            line["variant"],
            line["metric"],
            shown(line["value"]),
            line["mark"],
            line["date"],
            escape(line["source"]),
            style="bold" if line["is"] == "score" and not line["mark"] else "",
        )
    to.print(drawn)
    for text in dict.fromkeys(
        f"{line['benchmark']}, {line['who']}: {line['mark'] or 'note'}: {line['why']}"
        for line in table
        if line["why"]
    ):
        to.print(visible(text), style="dim", markup=False)


def _print_sources(known: Benchmark, report: Mapping[str, Any], to: Console) -> None:
    primary = known.primary
    for source, result in report["sources"].items():
        value = result["variants"][primary.variant].get(primary.metric)
        to.print(f"{source}: {primary.metric} {shown(value)}")
    to.print("the table above has the plain mean over these")


def _print_classes(report: Mapping[str, Any], to: Console) -> None:
    for result in report["sources"].values():
        if result["per_class"]:
            pairs = [f"{name} {shown(value)}" for name, value in result["per_class"].items()]
            to.print(f"by class: {', '.join(pairs)}", style="dim", markup=False)
