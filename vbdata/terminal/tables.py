"""What commands print once: a plan and its mixture, prompts, the findings of the doctor."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from vbdata.errors import RecipeError, choices, visible
from vbdata.jobs.specs import ShardSpecs, context_of
from vbdata.manifest.tally import cell_lines, warnings
from vbdata.planning.effects import effects
from vbdata.planning.filters import said
from vbdata.planning.plan import Plan
from vbdata.shard.asking import ask_for

if TYPE_CHECKING:
    from vbdata.engine.doctor import Finding
    from vbdata.engine.estimate import Estimate

REMEDIES = 3  # lines of a finding that are printed
COLUMNS = ("share", "requested", "apportioned", "eligible", "unique", "repeated", "passes")


class SafeConsole(Console):
    """A console that escapes control characters: text from data cannot steer the terminal."""

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        shown = (s if s.control else Segment(visible(s.text), s.style) for s in buffer)
        return super()._render_buffer(shown)


def console() -> Console:
    """Standard output: as wide as the terminal, else 110 columns; without guessed colours."""
    return SafeConsole(highlight=False, width=None if sys.stdout.isatty() else 110)


def print_plan(plan: Plan, show: int, as_json: bool, estimate: Estimate | None = None) -> None:
    """Print a plan: its mixture, what is held out, warnings, and its first `show` prompts.

    estimate: how large the build becomes and how long it takes, if that is to be said.
    """
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
                    "filtered": {n: i.filtered for n, i in plan.indices.items() if i.filtered},
                    "warnings": warnings(plan),
                    **({"curriculum": drawn} if (drawn := [e for e, _ in effects(plan)]) else {}),
                    "prompts": prompts,
                    **({"estimate": estimate.as_json()} if estimate else {}),
                }
            )
        )
        return
    to = console()
    title = f"{plan.recipe.name}: {plan.shards} shards"
    to.print(mixture(title, lines, COLUMNS, to.width))
    print_barred(to, plan)
    for _, text in effects(plan):
        to.print(text, markup=False)
    if estimate is not None:
        to.print(estimate.text(), markup=False)
    print_warnings(plan)
    for line in prompts:
        to.print(f"[dim]{line['key']} {line['cell']}[/dim]  ", end="")
        to.print(line["prompt"], markup=False)


def print_dry_run(plan: Plan, missing: int, out: str, estimate: Estimate, as_json: bool) -> None:
    """Print what a build would do. missing: how many shards are not finished in `out`."""
    kept = plan.shards - missing
    if as_json:
        lines = list(cell_lines(plan))
        counts = {"shards": plan.shards, "shards_kept": kept, "shards_missing": missing}
        parts = {"out": out, **counts, "cells": lines, "warnings": warnings(plan)}
        print(json.dumps(parts | {"estimate": estimate.as_json()}))
        return
    print_plan(plan, 0, as_json)
    to = console()
    finished = f"{kept:,} of {plan.shards:,} shards are finished; " if kept else ""
    to.print(f"{out}: {finished}{missing:,} would be built", markup=False, soft_wrap=True)
    to.print(estimate.text(), markup=False)
    to.print("dry run: nothing was written there")


def _prompts(plan: Plan, count: int) -> list[dict[str, str]]:
    """The prompts of the first samples of the plan, with their keys and cells."""
    prompts: list[dict[str, str]] = []
    context, specs = context_of(plan), ShardSpecs(plan)
    for number in range(plan.shards):
        if len(prompts) >= count:
            break
        job = context.job(specs[number])
        for row in job.rows[: count - len(prompts)]:
            text = ask_for(row, job).instruction
            prompts.append({"key": job.key(row.slot), "cell": " / ".join(row.cell), "prompt": text})
    return prompts


def print_prompts(plan: Plan, task: str, count: int) -> None:
    """Print the first `count` prompts of a task, as a build of the plan has them.

    Raises RecipeError if the plan has no such task.
    """
    if task not in {cell.task for cell in plan.cells}:
        tasks = sorted({cell.task for cell in plan.cells})
        raise RecipeError([f"the recipe has no task {task!r}{choices(task, tasks)}"])
    context, specs = context_of(plan), ShardSpecs(plan)
    prompts = (
        ask_for(row, job).instruction
        for job in (context.job(specs[number]) for number in range(plan.shards))
        for row in (*job.rows, *job.spares)
        if row.task == task
    )
    for prompt in islice(prompts, count):
        print(visible(prompt))


def print_findings(findings: Sequence[Finding], as_json: bool, verbose: bool = False) -> None:
    """Print the doctor's findings, the worst first, then how many there are of each level.

    verbose: print all that belongs to a finding, such as each missing download, and not a few.
    """
    if as_json:
        for finding in findings:
            print(json.dumps(asdict(finding)))
        return
    to = console()
    colours = {"fail": "bold red", "warn": "yellow", "ok": "green"}  # the worst first
    order = list(colours)
    cut = 0
    for finding in sorted(findings, key=lambda each: order.index(each.level)):
        text = Text(f"{finding.source}: {finding.text}")
        if to.is_terminal:  # wrapped beside the level
            line = Table.grid(padding=(0, 1, 0, 0))
            line.add_row(Text(f"{finding.level:<4}", style=colours[finding.level]), text)
            to.print(line)
        else:
            to.print(Text(f"{finding.level:<5} ") + text, soft_wrap=True)
        shown = finding.remedies if verbose else finding.remedies[:REMEDIES]
        cut += len(finding.remedies) - len(shown)
        for remedy in shown:
            to.print(f"      {remedy}", markup=False, soft_wrap=True)
        if more := len(finding.remedies) - len(shown):
            to.print(f"      and {more} more")
    worst = Counter[str](finding.level for finding in findings)
    counts = ", ".join(f"{worst[level]} {level}" for level in order if worst[level])
    to.print(counts + (f"; --verbose lists {cut} lines more" if cut else ""))


def print_barred(to: Console, plan: Plan) -> None:
    """Print what is held out, what is barred of each source by cause, what its filters change."""
    for line in plan.held.lines():
        lost = f", {line['unmatched']} lines match no source" if line["unmatched"] else ""
        to.print(f"held out: {line['set']}, {line['groups']} groups{lost}")
    for name, causes in plan.barred.items():
        for cause, count in causes.items():
            if count:
                to.print(f"{name}: {count} of {len(plan.indices[name])} barred by {cause}")
        for text in said(plan.indices[name]):
            to.print(f"{name}: {text}")


def print_warnings(plan: Plan) -> None:
    """Print the warnings of a plan to standard error."""
    for text in warnings(plan):
        print(visible(f"warning: {text}"), file=sys.stderr)


def rows_table(lines: list[dict[str, Any]]) -> Table:
    """A table of planned rows, one line each, as vbdata.planning.file reads them."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("slot", "source", "task", "sample_id", "pass"):
        table.add_column(name, justify="right" if name in ("slot", "pass") else "left")
    for line in lines:
        slot = "spare" if line["slot"] < 0 else str(line["slot"])
        name = escape(line["sample_id"])
        table.add_row(slot, line["source"], line["task"], name, str(line["pass"]))
    return table


WIDE = 100  # columns from which the heads of a mixture are written in one line
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
    """A table of cells and their counts, with a last row of sums.

    lines: one mapping a cell, as vbdata.manifest.tally.cell_lines gives them; columns: which of
    their counts; width: of the screen, in characters.
    """
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
