"""A comparison as tables for people, or as one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vbdata.locks.changes import SHOWN, Change, SourceChange, shown
from vbdata.locks.diff import Diff
from vbdata.locks.diff_rows import Example, Kind
from vbdata.locks.sketch import Differing
from vbdata.terminal.tables import console

SHORT = 16  # hex digits of a digest that are shown


def show(diff: Diff, as_json: bool) -> None:
    """Print what differs between two builds, as tables or as a line of JSON."""
    if as_json:
        print(json.dumps(plain(diff)))
        return
    to = console()
    to.print(f"a: {diff.a}\nb: {diff.b}", markup=False, soft_wrap=True)
    _changes(to, "recipe", diff.recipe)
    _sources(to, diff.sources)
    _changes(to, "held-out sets", diff.holdout)
    _changes(to, "code", [Change(c.key, c.old[:SHORT], c.new[:SHORT]) for c in diff.code])
    _changes(to, "library versions", diff.environment)
    _changes(to, "counts", diff.counts)
    _samples(to, diff)
    a, b, both = diff.shards
    to.print(f"shards: {both} identical, of {a} in a and {b} in b")
    if diff.differing:
        more = f" and {len(diff.differing) - SHOWN} more" if len(diff.differing) > SHOWN else ""
        numbers = ", ".join(map(str, diff.differing[:SHOWN]))
        to.print(f"shards of b with bytes of their own: {numbers}{more}")
    if diff.rows:
        to.print(f"columns of the rows that differ: {', '.join(diff.rows)}", soft_wrap=True)
    to.print("the same" if diff.same else "different")


def plain(diff: Diff) -> dict[str, Any]:
    """The comparison as JSON values: what `vbdata diff --json` prints."""
    changes = ("recipe", "holdout", "code", "environment", "counts")
    return {
        "a": diff.a,
        "b": diff.b,
        "same": diff.same,
        **{name: [change._asdict() for change in getattr(diff, name)] for name in changes},
        "sources": [_plain_source(source) for source in diff.sources],
        "rows": diff.rows,
        "samples": None
        if diff.samples is None
        else {
            name: {"count": kind.count, "examples": [_plain_example(e) for e in kind.examples]}
            for name, kind in diff.samples.items()
        },
        "shards": dict(zip(("a", "b", "identical"), diff.shards, strict=True)),
        "differing": diff.differing,
    }


def _plain_source(source: SourceChange) -> dict[str, Any]:
    return {
        "source": source.source,
        "values": [change._asdict() for change in source.values],
        "records": source.records._asdict(),
        "files": source.files._asdict(),
    }


def _plain_example(example: Example) -> dict[str, Any]:
    return {key.rstrip("_"): value for key, value in example._asdict().items()}


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _changes(to: Console, title: str, changes: Iterable[Change]) -> None:
    """Print changes as a table, if there are any."""
    table = _table(title, "", "a", "b")
    for change in changes:
        table.add_row(Text(change.key), Text(shown(change.old)), Text(shown(change.new)))
    if table.row_count:
        to.print(table)


def _sources(to: Console, sources: Iterable[SourceChange]) -> None:
    table = _table("sources", "source", "", "a", "b")
    for source in sources:
        for value in source.values:
            digest = value.key in ("fingerprint", "code")
            sides = [shown(v)[: SHORT if digest else None] for v in (value.old, value.new)]
            table.add_row(Text(source.source), value.key, *map(Text, sides))
        for noun, differing in (("record", source.records), ("file", source.files)):
            for what, *names in _lines(differing):
                table.add_row(Text(source.source), f"{noun} {what}", *map(Text, names))
    if table.row_count:
        to.print(table)


def _lines(differing: Differing) -> Iterator[tuple[str, str, str]]:
    """What happened to a record or file, its name in a and its name in b; SHOWN of each kind."""
    kinds = (("changed", differing.changed), ("came", differing.came), ("went", differing.went))
    for what, names in kinds:
        for name in names[:SHOWN]:
            yield what, "" if what == "came" else name, "" if what == "went" else name
        if len(names) > SHOWN:
            yield what, f"and {len(names) - SHOWN} more", ""
    if not differing.whole:
        yield "", "too many differ to name all", ""


def _samples(to: Console, diff: Diff) -> None:
    if diff.samples is None:
        to.print("samples: not compared one by one, as a lock does not name them")
        return
    counts = [f"{kind.count} {_WORDS[name]}" for name, kind in diff.samples.items() if kind.count]
    to.print(f"samples: {', '.join(counts) or 'the same'}", soft_wrap=True)
    table = _table("", "samples", "source / task", "record", "pass", "key", "a", "b")
    for name, kind in diff.samples.items():
        _rows(table, name, kind)
    if table.row_count:
        to.print(table)


_WORDS = {
    "came": "only in b",
    "went": "only in a",
    "moved": "moved",
    "prompt": "with another prompt",
    "target": "with another target",
    "raw files": "with other raw files",
    "size": "with another size",
    "other": "with other facts",
    "bytes": "with other bytes",
}


def _rows(table: Table, name: str, kind: Kind) -> None:
    for e in kind.examples:
        key = " -> ".join(dict.fromkeys(k for k in (e.old_key, e.new_key) if k))
        values = ("", "") if name == "moved" else (shown_value(e.old), shown_value(e.new))
        what = _WORDS[name] + (f": {e.what}" if e.what and name != "moved" else "")
        cell = Text(f"{e.source} / {e.task}")
        table.add_row(what, cell, Text(e.sample_id), str(e.pass_), key, *map(Text, values))


def shown_value(value: Any) -> str:
    """A value of a row as text, cut to a few words; "" for None."""
    return "" if value is None else shown(value)
