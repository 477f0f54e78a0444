"""The report of an evaluation: a JSON value of a stable form (docs/metrics.md), and its tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vbdata.core.reversal import is_reversed
from vbdata.evaluation.metrics.meter import Value
from vbdata.evaluation.protocols import DepthProtocol, published
from vbdata.evaluation.scores import Scores
from vbdata.evaluation.truth import BuildTruth, kind_of
from vbdata.evaluation.truth_raw import RAW_KINDS, RawTruth

if TYPE_CHECKING:
    from rich.console import Console

FORMAT = 1
DIGITS = 9  # significant digits of a number
Report = dict[str, Any]

NOT_MEASURED = {
    "image": "whether the instruction was followed and the rest left alone; only nearness to one "
    "reference edit",
    "generated": "everything: a caption has no one right image, so only the presence of answers "
    "is checked",
}
# of a photograph that was painted from a drawn picture
PAINTED = "whether it agrees with its input; only nearness to the photograph that was drawn from"


def make_report(
    build: BuildTruth,
    by_dataset: Mapping[str, DepthProtocol],
    scores: Scores,
    asked: int,
    answered: bool,
    raw: RawTruth,
) -> Report:
    """The report of finished scores, as JSON values; its form is in docs/metrics.md.

    by_dataset: the protocol of depth; asked: how many samples were to be scored; answered: whether
    there were any answers; raw: the sources whose truth is their raw data.
    """
    causes = Counter[str](fault.cause for fault in scores.faults)
    names = ("missing", "unreadable", "stretched", "twice", "unknown key")
    totals = {name: _total(scores, name) for name in ("scored", "resized")}
    return {
        "format": FORMAT,
        "build": {name: build.build.document[name] for name in ("name", "split", "digest")},
        "answered": answered,
        "samples": {"asked": asked, **totals},
        "faults": {"counts": {name: causes[name] for name in names}, "list": _listed(scores)},
        "results": [
            _cell(cell, build, by_dataset, scores, raw)
            for cell in build.cells()
            if _seen(scores, cell)
        ],
    }


def faulty(report: Report) -> bool:
    """Whether an answer is missing, unreadable, stretched, given twice or belongs to no sample."""
    return any(report["faults"]["counts"].values())


def _total(scores: Scores, name: str) -> int:
    return sum(count for (_, what), count in scores.counts.items() if what == name)


def _listed(scores: Scores) -> list[dict[str, str]]:
    return [fault._asdict() for fault in scores.faults]


def _seen(scores: Scores, cell: tuple[str, str, str]) -> bool:
    source, _, task = cell
    return any(pair == (source, task) for pair, _ in scores.counts)


def _cell(
    cell: tuple[str, str, str],
    build: BuildTruth,
    by_dataset: Mapping[str, DepthProtocol],
    scores: Scores,
    raw: RawTruth,
) -> dict[str, Any]:
    source, dataset, task = cell
    kind = kind_of(task)
    pair = (source, task)
    causes = ("scored", "missing", "unreadable", "stretched", "resized")
    sharp = raw.of_source(source) and kind in RAW_KINDS
    result: dict[str, Any] = {
        "source": source,
        "dataset": dataset,
        "task": task,
        "kind": kind,
        "truth": "raw" if sharp else "target",
        "samples": {name: scores.counts[pair, name] for name in causes},
        "folds": build.folds()[pair][0],
        "rows": [
            _row(name, scores.counts[pair, f"row {name}"], meter)
            for (owner, name), meter in scores.meters.items()
            if owner == pair
        ],
        "published": published(kind, dataset),
        "not_measured": PAINTED if is_reversed(task) else NOT_MEASURED.get(kind, ""),
    }
    return result | ({"protocol": by_dataset[dataset].described()} if kind == "depth" else {})


def _row(name: str, samples: int, meter: Any) -> dict[str, Any]:
    what = name if name in ("prediction", "ceiling") else "trivial"
    return {
        "name": name,
        "is": what,
        "samples": samples,
        "metrics": _rounded(meter.result()),
        "per_class": _rounded(meter.per_class()),
    }


def _rounded(values: Mapping[str, Value]) -> dict[str, Value]:
    return {
        name: None if value is None else float(f"{float(value):.{DIGITS}g}")
        for name, value in values.items()
    }


def print_report(report: Report, console: Console) -> None:
    """Print a table for each kind of label, then what was wrong with single answers."""
    kinds = dict.fromkeys(result["kind"] for result in report["results"])
    for kind in kinds:
        mine = [result for result in report["results"] if result["kind"] == kind]
        if any(result["rows"] for result in mine):
            _print_kind(kind, mine, console)
        for result in mine:
            if result["not_measured"]:
                cell = f"{result['source']} / {result['task']}"
                console.print(f"{cell}: not measured: {result['not_measured']}")
    _print_faults(report, console)


def _print_kind(kind: str, results: list[dict[str, Any]], console: Console) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    names = list(results[0]["rows"][0]["metrics"]) if results[0]["rows"] else []
    tasks = list(dict.fromkeys(result["task"] for result in results))
    title = f"{', '.join(tasks)} ({kind})"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("source")
    if several := len(tasks) > 1:
        table.add_column("task")
    table.add_column("row", no_wrap=True)
    table.add_column("n", justify="right")
    for name in names:
        table.add_column(name, justify="right")
    for result in results:
        for k, row in enumerate(result["rows"]):
            style = "bold" if row["is"] == "prediction" else ""
            values = [_shown(row["metrics"][name]) for name in names]
            first = _names(result, several) if not k else _names(None, several)
            table.add_row(*first, row["name"], str(row["samples"]), *values, style=style)
        for one in result["published"]:
            values = [_shown(one["value"]) if name == one["metric"] else "" for name in names]
            table.add_row(*_names(None, several), f"{one['of']} *", "", *values, style="dim")
        table.add_section()
    console.print(table)
    for result in results:
        notes = [f"truth: {result['truth']}"]
        if "protocol" in result:
            notes += [f"{name} {value}" for name, value in result["protocol"].items()]
        console.print(f"{' / '.join(_names(result, several))}: {', '.join(notes)}", style="dim")
    sources = dict.fromkeys(one["source"] for result in results for one in result["published"])
    for source in sources:
        console.print(f"* {source}, on its own data: no comparison under one protocol", style="dim")


def _names(result: dict[str, Any] | None, several: bool) -> tuple[str, ...]:
    """The first cells of a row: the source, and the task where a table has several."""
    keys = ("source", "task") if several else ("source",)
    return tuple(str(result[key]) if result else "" for key in keys)


def _shown(value: Value) -> str:
    return "-" if value is None else f"{value:.4g}"


def _print_faults(report: Report, console: Console) -> None:
    samples, faults = report["samples"], report["faults"]
    if report["answered"]:
        causes = [f"{count} {name}" for name, count in faults["counts"].items() if count]
        tail = f"; {', '.join(causes)}" if causes else ""
        console.print(
            f"{samples['scored']} of {samples['asked']} answers scored, "
            f"{samples['resized']} resized{tail}"
        )
    for fault in faults["list"][:10]:
        console.print(f"{fault['key']}: {fault['cause']}: {fault['detail']}", markup=False)
    if len(faults["list"]) > 10:
        console.print(f"and {len(faults['list']) - 10} more; all are in the JSON report")
