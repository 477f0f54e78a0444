"""What commands print once: the plan, prompts, the result of a check."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table

from vbdata.engine.doctor import Finding
from vbdata.errors import RecipeError, choices, visible
from vbdata.jobs.specs import ShardSpecs, context_of
from vbdata.manifest.tally import cell_lines, warnings
from vbdata.planning.plan import Plan
from vbdata.shard.sample import ask_for

COLUMNS = ("share", "requested", "apportioned", "eligible", "unique", "repeated", "passes")


class SafeConsole(Console):
    """A console whose texts, which may come from data, cannot steer the terminal."""

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        shown = (s if s.control else Segment(visible(s.text), s.style) for s in buffer)
        return super()._render_buffer(shown)


def console() -> Console:
    """A terminal's width where there is one; no colours guessed from the text."""
    return SafeConsole(highlight=False, width=None if sys.stdout.isatty() else 110)


def print_plan(plan: Plan, show: int, as_json: bool) -> None:
    """The mixture table, and on demand prompts as they will be built."""
    lines = list(cell_lines(plan))
    prompts = _prompts(plan, show)
    if as_json:
        print(
            json.dumps(
                {
                    "samples": plan.recipe.samples,
                    "cells": lines,
                    "holdout": plan.held.lines(),
                    "barred": plan.barred,
                    "warnings": warnings(plan),
                    "prompts": prompts,
                }
            )
        )
        return
    to = console()
    title = f"{plan.recipe.name}: {plan.shards} shards"
    to.print(mixture(title, lines, COLUMNS, to.width))
    print_barred(to, plan)
    print_warnings(plan)
    for line in prompts:
        to.print(f"[dim]{line['key']} {line['cell']}[/dim]  ", end="")
        to.print(line["prompt"], markup=False)


def _prompts(plan: Plan, count: int) -> list[dict[str, str]]:
    """The first prompts of the plan, by key."""
    found: list[dict[str, str]] = []
    context, specs = context_of(plan), ShardSpecs(plan)
    for number in range(plan.shards):
        if len(found) >= count:
            break
        job = context.job(specs[number])
        for row in job.rows[: count - len(found)]:
            text = ask_for(row, job).instruction
            found.append({"key": job.key(row.slot), "cell": " / ".join(row.cell), "prompt": text})
    return found


def print_prompts(plan: Plan, task: str, count: int) -> None:
    """Prompts of one task over the plan's samples; params vary as in a build."""
    if task not in {cell.task for cell in plan.cells}:
        known = sorted({cell.task for cell in plan.cells})
        raise RecipeError([f"the recipe has no task {task!r}{choices(task, known)}"])
    context, specs, printed = context_of(plan), ShardSpecs(plan), 0
    for number in range(plan.shards):
        job = context.job(specs[number])
        for row in (row for row in (*job.rows, *job.spares) if row.task == task):
            if printed < count:
                print(visible(ask_for(row, job).instruction))
                printed += 1


def print_findings(findings: Sequence[Finding], as_json: bool) -> None:
    """What an examination of raw data has found, the worst last."""
    if as_json:
        for finding in findings:
            print(json.dumps(asdict(finding)))
        return
    to = console()
    colours: dict[str, str] = {"ok": "green", "warn": "yellow", "fail": "bold red"}
    for finding in findings:
        to.print(f"[{colours[finding.level]}]{finding.level:<5}[/] ", end="")
        to.print(f"{finding.source}: {finding.text}", markup=False, soft_wrap=True)
        for remedy in finding.remedies:
            to.print(f"      {remedy}", markup=False, soft_wrap=True)
    worst = Counter[str](finding.level for finding in findings)
    to.print(", ".join(f"{worst[level]} {level}" for level in colours if worst[level]))


def print_barred(to: Console, plan: Plan) -> None:
    """What is held out, and how much of each source that and the licence policy exclude."""
    for line in plan.held.lines():
        lost = f", {line['unmatched']} lines match no source" if line["unmatched"] else ""
        to.print(f"held out: {line['set']}, {line['groups']} groups{lost}")
    for name, causes in plan.barred.items():
        for cause, count in causes.items():
            if count:
                to.print(f"{name}: {count} of {len(plan.indices[name])} barred by {cause}")


def print_warnings(plan: Plan) -> None:
    """Warnings of a plan, on stderr."""
    for text in warnings(plan):
        print(visible(f"warning: {text}"), file=sys.stderr)


def rows_table(lines: list[dict[str, Any]]) -> Table:
    """Rows of a plan, a line each."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("slot", "source", "task", "sample_id", "pass"):
        table.add_column(name, justify="right" if name in ("slot", "pass") else "left")
    for line in lines:
        slot = "spare" if line["slot"] < 0 else str(line["slot"])
        name = escape(line["sample_id"])
        table.add_row(slot, line["source"], line["task"], name, str(line["pass"]))
    return table


WIDE = 100  # columns from which heads of a mixture stand in one line
NARROW = {
    "requested": "reques-\nted",
    "apportioned": "appor-\ntioned",
    "realised": "reali-\nsed",
    "repeated": "repea-\nted",
    "quarantined": "quaran-\ntined",
    "replaced": "repla-\nced",
    "eligible": "eligi-\nble",
}


def mixture(
    title: str, lines: list[dict[str, Any]], columns: tuple[str, ...], width: int = 120
) -> Table:
    """Cells and their counts, with a last row of sums, for a screen of so many columns."""
    wide = width >= WIDE
    table = Table(
        title=title,
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, int(wide), 0, 0),
        pad_edge=wide,
    )
    for name in ("source", "task"):
        table.add_column(name, no_wrap=True)
    for name in columns:
        head = name if wide else NARROW.get(name, name)
        table.add_column(head, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(line["source"], line["task"], *(str(line[name]) for name in columns))
    numbers = [name for name in columns if name not in ("share", "requested", "eligible", "passes")]
    sums = {name: str(sum(line[name] for line in lines)) for name in numbers}
    table.add_section()
    table.add_row("total", "", *(sums.get(name, "") for name in columns))
    return table
