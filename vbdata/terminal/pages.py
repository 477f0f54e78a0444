"""Readers and tasks on a terminal: an overview, and a page of each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from vbdata.guide.describe import Option, Page, filters, of_every_task

NARROW = 100  # columns below which an option's meaning stands under its name
HEADINGS = {
    "reader": ("Readers", "labels", "`dataset:` of a source"),
    "task": ("Tasks", "needs", "`tasks:` of a source, and its options under `tasks:` of a recipe"),
}


def overview(pages: Sequence[Page]) -> Iterator[RenderableType]:
    """Two tables: the readers, and the tasks."""
    for kind, (title, labels, where) in HEADINGS.items():
        table = Table(box=box.SIMPLE_HEAD, title=Text(f"{title} ({where})"), title_justify="left")
        table.add_column("name", no_wrap=True)
        table.add_column("what", ratio=3)
        table.add_column(labels, ratio=2)
        table.add_column("licence of the data" if kind == "reader" else "readers", ratio=2)
        for page in (page for page in pages if page.kind == kind):
            last = page.licence if kind == "reader" else ", ".join(page.serves)
            table.add_row(*map(Text, (page.name, page.title, ", ".join(page.labels), last)))
        yield table
    yield Text(filters())
    yield Text()
    yield Text(of_every_task())
    yield Text()
    yield Text("vbdata describe NAME has the options of one, its layout and its rules.")


def of_page(page: Page, width: int) -> Iterator[RenderableType]:
    """All of a reader or task. width: columns of the terminal."""
    yield Rule(Text(f"{page.kind} {page.name}", style="bold"), align="left", characters="─")
    yield Text(page.title, style="bold")
    yield Text()
    yield _facts(page)
    yield Text()
    if page.options:
        yield Text("Options", style="bold")
        yield _narrow(page.options) if width < NARROW else _wide(page.options)
    else:
        yield Text("It has no options.")
    yield Text()
    for place, block in enumerate(page.blocks):
        if block.kind == "bullet":
            yield Padding(_bullet(block.text), (0, 0, 0, 2))
        else:
            yield Padding(Text(block.text), (0, 0, 0, 4 if block.kind == "literal" else 0))
        if {"bullet"} != {each.kind for each in page.blocks[place : place + 2]}:
            yield Text()  # none between the items of a list


def _facts(page: Page) -> Table:
    reader = page.kind == "reader"
    facts = {
        "labels" if reader else "needs": ", ".join(page.labels),
        "tasks" if reader else "readers": ", ".join(page.serves) or "none",
        "licence": page.licence,
        "homepage": page.homepage,
    }
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in facts.items():
        if text:
            table.add_row(Text(name, style="bold"), Text(text))
    return table


def _wide(options: Sequence[Option]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("name", "type", "default"):
        table.add_column(heading, no_wrap=heading == "name", max_width=24)
    table.add_column("meaning", ratio=1)
    for each in options:
        table.add_row(*map(Text, (each.name, each.type, _default(each), each.meaning)))
    return table


def _narrow(options: Sequence[Option]) -> Group:
    lines = list[RenderableType]()
    for each in options:
        about = f" ({each.type}; default {_default(each)})"
        lines.append(Padding(Text.assemble((each.name, "bold"), about), (0, 0, 0, 2)))
        lines.append(Padding(Text(each.meaning), (0, 0, 0, 6)))
    return Group(*lines)


def _bullet(text: str) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_row("-", Text(text))
    return table


def _default(option: Option) -> str:
    """A default as a recipe would have it."""
    if isinstance(option.default, str) and option.default:
        return option.default
    return json.dumps(option.default, ensure_ascii=False)
