"""What `vbdata init` found, as a table for people and as JSON for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from vbdata.guide.draft import Draft, Drafted


def found_lines(draft: Draft, text: str) -> dict[str, Any]:
    """A draft as JSON values. text: its recipe."""
    return {
        "sources": [_line(source) for source in draft.sources],
        "lacking": [_line(source) | {"lacks": source.found.lacking} for source in draft.lacking],
        "left": len(draft.left),
        "unseen": list(draft.unseen),
        "recipe": text if draft.sources else "",
    }


def _line(source: Drafted) -> dict[str, Any]:
    return {
        "name": source.name,
        "dataset": source.dataset,
        "root": source.found.root,
        "about": source.found.about,
        "tasks": list(source.tasks),
        "blanks": list(source.blanks),
    }


def found_table(draft: Draft, out: Path) -> Iterator[RenderableType]:
    """The sources of a draft, what else was found, and what to do next. out: its file."""
    if draft.sources:
        table = Table(box=box.SIMPLE_HEAD)
        table.add_column("source")
        table.add_column("reader", no_wrap=True)
        table.add_column("found", ratio=2)
        table.add_column("tasks", ratio=1)
        for source in draft.sources:
            cells = (source.name, source.dataset, source.found.about, ", ".join(source.tasks))
            table.add_row(*map(Text, cells))
        yield table
    for source in draft.lacking:
        found = source.found
        where = f" in {found.root}" if found.root else ""
        yield Text(f"not a source: {found.about}{where} ({source.dataset}) lacks {found.lacking}")
    if draft.left:
        yield Text(f"pictures or maps of no source: {len(draft.left):,}, such as {draft.left[0]}")
    for each in draft.unseen:
        yield Text(f"not looked at: {each}")
    if not draft.sources:
        yield Text(
            f"{draft.folder}: nothing that a reader knows as it is; `vbdata describe` has the "
            "readers with their layouts, and `folders` reads files by patterns"
        )
    elif draft.blanks:
        listed = ", ".join(f"{s.name}.{key}" for s in draft.sources for key in s.blanks)
        yield Text(f"{out}: to be filled in, as no file says it: {listed}")
    else:
        yield Text(f"{out}: written; next: vbdata doctor {out}")
