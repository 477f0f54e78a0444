"""Scores beside published rows: one line a number, each with protocol, date and source, marked.

A mark says what keeps a line from being compared with the benchmark's official number:

    (none)   of the whole official set, by the variant that is named
    partial  answers are missing, so it is of the others alone
    subset   rows of the official set are missing in the build, or nobody says how many there are
    other    a published number of another protocol, split or mean, as far as its source says
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vbdata.bench.facts import Benchmark, benchmark, names
from vbdata.bench.score import FORMAT
from vbdata.errors import RecipeError

COLUMNS = ("benchmark", "who", "variant", "metric", "value", "mark", "protocol", "date", "source")
MARKS = {"partial": "answers are missing", "subset": "not the official set", "other": "see why"}
Line = dict[str, Any]


def read_scores(paths: Iterable[Path]) -> list[Mapping[str, Any]]:
    """Reports of `vbdata bench score`, from files or all .json files of folders, sorted by name.

    Raises RecipeError for what is no such report.
    """
    reports = []
    for path in paths:
        files = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not files:
            raise RecipeError([f"{path}: no .json files"])
        for file in files:
            reports.append(_report(file))
    return reports


def lines(reports: Sequence[Mapping[str, Any]], every: bool = False) -> list[Line]:
    """The lines of a table: of each benchmark its scores, then what others published.

    reports: of `vbdata bench score`; every: all benchmarks with a published number, not only those
    that are scored.
    """
    scored = dict.fromkeys(report["benchmark"] for report in reports)
    shown = names() if every or not reports else list(scored)
    table = list[Line]()
    for name in shown:
        known = benchmark(name)
        mine = [report for report in reports if report["benchmark"] == name]
        table += [line for report in mine for line in _scored(known, report)]
        table += [_published(known, one, mine) for one in known.published]
    return table


def markdown(table: Sequence[Line]) -> str:
    """The lines as a table of Markdown, then a sentence for each mark and reason."""
    heads = "| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS)
    rows = ["| " + " | ".join(_cell(line, column) for column in COLUMNS) + " |" for line in table]
    notes = dict.fromkeys(
        f"- {line['benchmark']}, {line['who']}: {line['why']}" for line in table if line["why"]
    )
    return "\n".join([heads, *rows, "", *notes]) + "\n"


def shown(value: Any) -> str:
    """A number as tables have it, four digits; a dash where there is none."""
    return "-" if value is None else f"{value:.4g}"


def _report(file: Path) -> Mapping[str, Any]:
    try:
        report: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if report["format"] != FORMAT or "ranked" not in report:
            raise ValueError(f"its format is {report['format']!r}")
        benchmark(report["benchmark"])
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise RecipeError([f"{file}: no report of vbdata bench score: {err}"]) from err
    return report


def _scored(known: Benchmark, report: Mapping[str, Any]) -> Iterator[Line]:
    who = report.get("model") or ", ".join(report["answers"]) or "answers"
    mark, why = _standing(report)
    votes = f"; {report['votes']} votes" if report["votes"] > 1 else ""
    for variant in known.variants:
        metrics = report["variants"].get(variant.name, {})
        metric = known.primary.metric
        yield {
            "benchmark": known.name,
            "who": who,
            "is": "score",
            "variant": variant.name,
            "metric": metric,
            "value": metrics.get(metric),
            "metrics": metrics,
            "mark": mark,
            "why": why,
            "protocol": variant.said + votes,
            "date": "",
            "source": f"build {report['build']['digest'][:12]}",
        }


def _standing(report: Mapping[str, Any]) -> tuple[str, str]:
    counts = report["faults"]["counts"]
    if not report["complete"]:
        lost = ", ".join(f"{counts[k]} {k}" for k in ("missing", "unreadable") if counts.get(k))
        return "partial", f"{lost or 'nothing was scored'}, of {report['queries']['asked']} queries"
    if not report["official_set"]:
        parts = [
            f"{line['source']} has {line['built']} rows, officially {line['official'] or 'unsaid'}"
            for line in report["official"]["sources"]
            if line["official"] != line["built"]
        ]
        return "subset", "; ".join(parts)
    return "", ""


def _published(known: Benchmark, one: Any, mine: Sequence[Mapping[str, Any]]) -> Line:
    return {
        "benchmark": known.name,
        "who": one.who,
        "is": "published",
        "variant": one.variant,
        "metric": one.metric,
        "value": one.value,
        "metrics": {one.metric: one.value},
        "mark": "" if one.comparable else "other",
        "why": one.why,
        "protocol": f"{one.of}: {one.protocol}",
        "date": one.date,
        "source": one.source,
    }


def _cell(line: Line, column: str) -> str:
    text = shown(line[column]) if column == "value" else str(line[column])
    return text.replace("|", "\\|").replace("\n", " ")
